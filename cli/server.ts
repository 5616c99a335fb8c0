import type { LoadedSettings } from '../controller/settings-source.ts';
import { CommandFailure } from './failure.ts';

export interface RunningServer {
  readonly adminUrl: string;
  readonly gatewayUrl: string;
  stop(): Promise<void>;
}

/** Starts a server in this process. */
export async function startServer(_loaded: LoadedSettings): Promise<RunningServer> {
  throw new CommandFailure('FAAS_NOT_SUPPORTED', 'this build has no server');
}
