import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Writes an image as an archive of the form that `docker save` writes and every runtime imports; needs neither a daemon nor a registry. Each folder is a layer;
 * the same files give the same image, whoever owns them and whenever they were written.
 */
export async function writeImage(file, tag, layers, config, architecture = process.arch === 'arm64' ? 'arm64' : 'amd64') {
  const folder = await mkdtemp(join(tmpdir(), 'faas-image-'));
  try {
    const digests = [];
    for (const layer of layers) digests.push(await writeLayer(layer, folder));
    const image = { architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: digests.map(digest => `sha256:${digest}`) } };
    await writeFile(join(folder, 'config.json'), JSON.stringify(image));
    const manifest = [{ Config: 'config.json', RepoTags: [tag], Layers: digests.map(digest => `${digest}.tar`) }];
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    await tar(folder, file, ['manifest.json', 'config.json', ...new Set(digests.map(digest => `${digest}.tar`))]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeLayer(layer, folder) {
  const made = join(folder, 'layer.tar');
  await tar(layer, made, ['.']);
  const digest = createHash('sha256')
    .update(await readFile(made))
    .digest('hex');
  await rename(made, join(folder, `${digest}.tar`));
  return digest;
}

async function tar(folder, file, entries) {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', [...same, '-C', folder, '-cf', file, ...entries]);
}
