import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ImageSettings {
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User: string;
  readonly WorkingDir?: string;
}

/**
 * Writes an image as an archive of the form that `docker save` writes and every runtime imports; needs neither a daemon nor a registry. Each folder is a layer;
 * the same files give the same layer, whoever owns them and whenever they were written.
 */
export async function writeImage(file: string, tag: string, layers: readonly string[], config: ImageSettings): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'faas-image-'));
  try {
    const digests: string[] = [];
    for (const layer of layers) digests.push(await writeLayer(layer, folder));
    const image = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: digests.map(digest => `sha256:${digest}`) },
    };
    await writeFile(join(folder, 'config.json'), JSON.stringify(image));
    const manifest = [{ Config: 'config.json', RepoTags: [tag], Layers: digests.map(digest => `${digest}.tar`) }];
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    await tar(folder, file, ['manifest.json', 'config.json', ...new Set(digests.map(digest => `${digest}.tar`))]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeLayer(layer: string, folder: string): Promise<string> {
  const made = join(folder, 'layer.tar');
  await tar(layer, made, ['.']);
  const digest = createHash('sha256')
    .update(await readFile(made))
    .digest('hex');
  await rename(made, join(folder, `${digest}.tar`));
  return digest;
}

async function tar(folder: string, file: string, entries: readonly string[]): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', [...same, '-C', folder, '-cf', file, ...entries]);
}
