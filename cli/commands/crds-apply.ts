import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Invocation } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import { packageFile } from '../package-file.ts';
import { upgradeDefinitions } from '../server.ts';

type Definitions = Parameters<typeof upgradeDefinitions>[0];

/** Server-side apply, so that what others added to a definition stays. */
export async function run({ args, cwd, out }: Invocation): Promise<number> {
  const given = args.argument('folder');
  const folder = given === undefined ? packageFile('helm/crds') : resolve(cwd, given);
  const definitions = await readDefinitions(folder);
  const kubeconfig = args.text('kubeconfig');
  const contextName = args.text('kube-context');
  await upgradeDefinitions(definitions, {
    ...(kubeconfig === undefined ? {} : { kubeconfigFile: resolve(cwd, kubeconfig) }),
    ...(contextName === undefined ? {} : { contextName }),
  });
  const names = definitions.map(({ metadata }) => metadata.name);
  await out.result({ definitions: names }, () => names.join('\n'));
  return 0;
}

async function readDefinitions(folder: string): Promise<Definitions> {
  const hint = 'Leave the folder out to take the definitions of this version.';
  const files = await readdir(folder).catch(cause => {
    throw new CommandFailure('FAAS_CRDS', `${folder} cannot be read`, { hint, cause });
  });
  const texts = await Promise.all(files.filter(name => name.endsWith('.yaml')).map(name => readFile(join(folder, name), 'utf8')));
  const found = texts.flatMap(text => parseAllDocuments(text).map(document => document.toJSON())).filter(isDefinition);
  if (found.length > 0) return found;
  throw new CommandFailure('FAAS_CRDS', `there is no CustomResourceDefinition in ${folder}`, { hint });
}

function isDefinition(value: unknown): value is Definitions[number] {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'CustomResourceDefinition';
}
