import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isOnPath, type NeededService } from './needed-service.ts';
import { publish, serviceCache } from './service-cache.ts';

const run = promisify(execFile);
const version = 'v3.22.0';
const home = join(serviceCache, `helm-${version}`);
const isThere = isOnPath('helm');

export const helmService: NeededService = {
  name: 'Helm',
  commands: isThere || existsSync(home) ? [] : ['go'],
  howToGet: 'install helm 3, or Go, which builds one',
};

let program: Promise<string> | undefined;

/** Building it takes one or two minutes, more on a busy machine. */
export const helmBuildMsMax = 10 * 60_000;

/** That of the machine, else one that is built once. */
export function helmProgram(): Promise<string> {
  program ??= isThere ? Promise.resolve('helm') : built();
  return program;
}

/** What helm writes to its standard output; throws with what it says on the other. */
export async function helm(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await run(await helmProgram(), [...args], { env: { ...process.env, ...env }, maxBuffer: 64 << 20 }).catch(error => {
    throw new Error(`helm ${args[0]}: ${String(error.stderr)}`);
  });
  return stdout;
}

async function built(): Promise<string> {
  const file = join(home, 'helm');
  if (existsSync(file)) return file;
  await mkdir(serviceCache, { recursive: true });
  const folder = await mkdtemp(`${home}-build-`);
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
  await run('go', ['install', `helm.sh/helm/v3/cmd/helm@${version}`], { env, maxBuffer: 64 << 20 });
  await publish(folder, home);
  await rm(folder, { recursive: true, force: true });
  return file;
}
