export interface ImageSettings {
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User: string;
  readonly WorkingDir?: string;
}

export function writeImage(
  file: string,
  tag: string,
  layers: readonly string[],
  config: ImageSettings,
  architecture?: 'amd64' | 'arm64',
): Promise<void>;
