import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import { FaasError } from './errors.ts';
import type { Kubernetes } from './open-kubernetes.ts';
import type { Pods } from './ports/pods.ts';
import type { Random } from './random.ts';
import { readClusterSecret } from './server-secrets.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

export interface OpenPodsOptions {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where pods of a cluster are started; undefined: they are processes. */
  readonly kubernetes: Kubernetes | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Each adapter is loaded only where it is used. */
export async function openPods(options: OpenPodsOptions): Promise<Pods> {
  if (options.kubernetes !== undefined) return openKubernetesPods(options, options.kubernetes);
  const { createProcessPods } = await import('./adapters/process/process-pods.ts');
  const { clock, random, log, settings } = options;
  return createProcessPods({ clock, random, log, folder: settings.data, host: settings['pods.host'] });
}

async function openKubernetesPods({ settings, env, clock, random, log }: OpenPodsOptions, { api, namespace }: Kubernetes): Promise<Pods> {
  const image = settings['kubernetes.image'];
  if (image === '')
    throw new FaasError('FAAS_SETTING_VALUE', 'kubernetes.image: pods of a cluster need an image', 'Make one with `npm run image`.');
  const { createKubernetesPods } = await import('./adapters/kubernetes/kubernetes-pods.ts');
  const { labelValue } = await import('./adapters/kubernetes/pod-manifest.ts');
  const { podFields } = await import('./adapters/kubernetes/pod-fields.ts');
  return createKubernetesPods({
    api,
    clock,
    random,
    log,
    secret: await podSecret(settings, env, random),
    template: {
      namespace,
      image,
      serviceAccount: settings['kubernetes.serviceAccount'],
      server: labelValue(settings['kubernetes.server'] || hostname()),
      cpu: settings['kubernetes.cpu'],
      graceMs: settings['pods.drain'],
      orphanMs: settings['pods.orphan'],
      owner: ownerOf(env),
      imagePullPolicy: settings['kubernetes.imagePullPolicy'],
      fields: podFields(settings['kubernetes.podFields']),
    },
  });
}

/**
 * The Pod that the server runs in; undefined: it is outside of the cluster. The downward API tells it: an API server that is away keeps no server from starting. Half of it
 * is a mistake that would be seen when its pods outlive it.
 */
export function ownerOf({
  FAAS_POD_NAME: name = '',
  FAAS_POD_UID: uid = '',
}: OpenPodsOptions['env']): { readonly name: string; readonly uid: string } | undefined {
  if (name === '' && uid === '') return undefined;
  if (name !== '' && uid !== '') return { name, uid };
  const [given, missing] = name === '' ? ['UID', 'NAME'] : ['NAME', 'UID'];
  throw new FaasError(
    'FAAS_SETTING_VALUE',
    `FAAS_POD_${given} is set and FAAS_POD_${missing} is not: pods would have no owner, and stay when the Pod of the server goes`,
    `Set FAAS_POD_${missing} from metadata.${missing.toLowerCase()} of the downward API, or neither of the two.`,
  );
}

/** Given, or made once and kept beside the data: a server that starts again must be able to speak to its pods. */
async function podSecret(settings: Settings, env: OpenPodsOptions['env'], random: Random): Promise<string> {
  const given = await readClusterSecret(settings, env.FAAS_CLUSTER_SECRET);
  if (given !== undefined) return given;
  const file = join(settings.data, 'pods.secret');
  const made = `${random.token()}${random.token()}`;
  await writeFile(file, made, { mode: 0o600, flag: 'wx' }).catch(error => {
    if (error.code !== 'EEXIST') throw error;
  });
  return readFile(file, 'utf8');
}
