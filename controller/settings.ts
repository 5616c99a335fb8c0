/**
 * All settings of the server, in one table: flag `--<key with dashes>`, environment `FAAS_<KEY>`, or `faas.settings.yaml` (nested by the dots),
 * in this order of precedence, then the default. Durations and sizes are written with units and held in milliseconds and bytes.
 */
export const settingTable = {
  data: { type: 'path', default: './.faas', meaning: 'Data folder: database, token, lock.' },
  roles: {
    type: 'list',
    default: ['controller', 'dispatcher', 'gateway'],
    oneOf: ['controller', 'dispatcher', 'gateway'],
    meaning:
      'What this process does: controller (API, schedules, scaling), dispatcher (streams, pods), gateway (webhooks, direct calls). A part of them needs Kafka, Redis and a secret of the cluster.',
  },
  'cluster.secretFile': {
    type: 'path',
    default: '',
    meaning:
      'File whose first line is the secret by which the processes of a cluster, and pods in Kubernetes, know each other; FAAS_CLUSTER_SECRET comes first. Without one each server is for itself.',
  },
  'cluster.address': {
    type: 'text',
    default: '',
    meaning:
      'Where other processes and their pods reach the admin listener of this one, `http://10.0.0.7:7070`; without it the address at which it listens.',
  },
  'admin.host': { type: 'text', default: '127.0.0.1', meaning: 'Address of the admin listener (API, internal protocol, metrics, health).' },
  'admin.port': { type: 'port', default: 7070, meaning: 'Port of the admin listener; 0 takes a free one.' },
  'admin.tokenFile': {
    type: 'path',
    default: '',
    meaning:
      'File whose first line is the token of the API; without it one is made in the data folder. Servers behind one address share one.',
  },
  'gateway.host': { type: 'text', default: '127.0.0.1', meaning: 'Address of the gateway listener (webhooks, direct calls).' },
  'gateway.port': { type: 'port', default: 7071, meaning: 'Port of the gateway listener; 0 takes a free one.' },
  'gateway.bodyMax': {
    type: 'size',
    default: 1_048_576,
    min: 1_024,
    max: 4_194_304,
    meaning: 'Largest webhook or call body; above it the answer is 413.',
  },
  'gateway.allowUnverified': {
    type: 'boolean',
    default: false,
    meaning: 'Allow `verify: none` webhooks on a gateway that is not on loopback.',
  },
  'gateway.ratePerSecond': {
    type: 'number',
    default: 0,
    meaning: 'Requests per second and client address at the gateway; 0 means no limit.',
  },
  hosts: {
    type: 'list',
    default: [],
    meaning: 'Host names that the listeners answer to besides localhost and their own address; others get 421.',
  },
  'secrets.dir': { type: 'path', default: '', meaning: 'Folder with one file per secret; FAAS_SECRET_<NAME> comes first.' },
  pods: {
    type: 'text',
    default: 'process',
    oneOf: ['process', 'kubernetes'],
    meaning: 'Where functions run: `process`, as children of the server, or `kubernetes`, as pods of a cluster (docs/kubernetes.md).',
  },
  'pods.pool': { type: 'number', default: 1, max: 64, meaning: 'Generic warm pods that wait for a function; in a cluster, of each size.' },
  'pods.host': {
    type: 'text',
    default: '127.0.0.1',
    meaning: 'Address at which pods that are processes listen, and at which other processes of a cluster reach them.',
  },
  'pods.max': { type: 'number', default: 16, min: 1, max: 1_000, meaning: 'Pods of this server at most, generic ones included.' },
  'pods.drain': { type: 'duration', default: 30_000, meaning: 'How long a pod may finish its events after it was told to end.' },
  'pods.orphan': {
    type: 'duration',
    default: 120_000,
    min: 5_000,
    max: 3_600_000,
    meaning: 'Pods of a cluster end when they have heard of no server for so long: the time that a restart may take without losing them.',
  },
  'kubernetes.image': { type: 'text', default: '', meaning: 'Image of pods: that of the server, made by `npm run image`.' },
  'kubernetes.imagePullPolicy': {
    type: 'text',
    default: 'IfNotPresent',
    oneOf: ['IfNotPresent', 'Always', 'Never'],
    meaning: 'When nodes fetch the image of pods.',
  },
  'kubernetes.podFields': {
    type: 'text',
    default: '',
    meaning:
      'Fields of the spec of pods as JSON: nodeSelector, tolerations, affinity, imagePullSecrets, priorityClassName, runtimeClassName.',
  },
  'kubernetes.namespace': {
    type: 'text',
    default: '',
    meaning: 'Namespace of pods; without it that of the server’s pod or of the kubeconfig.',
  },
  'kubernetes.serviceAccount': { type: 'text', default: 'default', meaning: 'Service account of pods. They get no token of it.' },
  'kubernetes.cpu': { type: 'text', default: '50m', meaning: 'Processor that a pod requests; it may use what is idle.' },
  'kubernetes.server': {
    type: 'text',
    default: '',
    meaning: 'Name under which this server has its pods, and finds them again after a restart; without it the name of the machine.',
  },
  'kubernetes.kubeconfig': {
    type: 'path',
    default: '',
    meaning: 'Kubeconfig for a server outside of the cluster; without it the service account of its pod, or what kubectl would use.',
  },
  'kubernetes.resources': {
    type: 'boolean',
    default: false,
    meaning:
      'Contexts and functions are resources of the cluster as well: what is applied there is deployed, and what is deployed is applied there.',
  },
  'kubernetes.context': { type: 'text', default: '', meaning: 'Context of the kubeconfig.' },
  'scale.budget': {
    type: 'number',
    default: 0,
    min: 0,
    max: 100_000,
    meaning: 'Pods that scaling may wish for over all functions, shared by need and `scale.weight`; 0: no such bound.',
  },
  'scale.idle': {
    type: 'duration',
    default: 300_000,
    meaning: 'What a cold start is worth in time of an idle pod. So long a function keeps its pods whose idle times are not known yet.',
  },
  streams: {
    type: 'text',
    default: 'sqlite',
    meaning: 'Where streams are: `sqlite` in the data folder, `kafka://host:port,host:port`, or `kafkas://` with TLS.',
  },
  'kafka.sasl': {
    type: 'text',
    default: 'none',
    oneOf: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    meaning: 'How the server says to Kafka who it is. The password is in FAAS_KAFKA_PASSWORD or in kafka.passwordFile.',
  },
  'kafka.username': { type: 'text', default: '', meaning: 'Its name at Kafka.' },
  'kafka.passwordFile': {
    type: 'path',
    default: '',
    meaning: 'File whose first line is its password at Kafka; FAAS_KAFKA_PASSWORD comes first.',
  },
  'kafka.ca': {
    type: 'path',
    default: '',
    meaning: "PEM file of the authorities that sign the brokers' certificates; without it those that Node knows.",
  },
  'kafka.cert': { type: 'path', default: '', meaning: 'PEM file of a certificate to show to the brokers.' },
  'kafka.key': { type: 'path', default: '', meaning: 'PEM file of its private key.' },
  'kafka.session': {
    type: 'duration',
    default: 10_000,
    min: 1_000,
    max: 1_800_000,
    meaning: 'Without a sign of life for so long, Kafka gives the partitions of this server to others.',
  },
  'kafka.replication': {
    type: 'number',
    default: 0,
    max: 32,
    meaning: 'Replicas of a topic that is created in Kafka; 0 means three, or as many as there are brokers.',
  },
  'kafka.compression': {
    type: 'text',
    default: 'none',
    oneOf: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    meaning: 'How records are compressed that the server sends to Kafka; zstd needs Node 22.15. Reading takes any of them.',
  },
  state: {
    type: 'text',
    default: 'sqlite',
    meaning:
      'Where state is: `sqlite` in the data folder, `redis://host:port`, `redis+sentinel://host:port,host:port/name`, `redis+cluster://host:port,host:port`; `rediss` with TLS.',
  },
  'state.passwordFile': {
    type: 'path',
    default: '',
    meaning: 'File whose first line is the password at Redis; FAAS_STATE_PASSWORD comes first.',
  },
  'state.ca': {
    type: 'path',
    default: '',
    meaning: "PEM file of the authorities that sign Redis' certificate; without it those that Node knows.",
  },
  'state.cert': { type: 'path', default: '', meaning: 'PEM file of a certificate to show to Redis.' },
  'state.key': { type: 'path', default: '', meaning: 'PEM file of its private key.' },
  'state.replicas': {
    type: 'number',
    default: 0,
    max: 16,
    meaning: 'Replicas of Redis that must have on disk what counts as durable; needs Redis 7.2.',
  },
  'state.unsafe': {
    type: 'boolean',
    default: false,
    meaning: 'Take a Redis without append-only file, or one that evicts: what it acknowledged may be lost.',
  },
  leadership: {
    type: 'text',
    default: 'store',
    oneOf: ['store', 'lease'],
    meaning: 'Who says which of several servers fires schedules and watches resources: `store`, or a Lease of the cluster.',
  },
  'streams.partitions': {
    type: 'number',
    default: 8,
    min: 1,
    max: 1_000,
    meaning: 'Partitions of a topic that is created without a number.',
  },
  'streams.retention': { type: 'duration', default: 604_800_000, min: 1_000, meaning: 'How long records are kept.' },
  'streams.retentionBytes': {
    type: 'size',
    default: 1_073_741_824,
    min: 1_048_576,
    meaning: 'How many bytes of records are kept per partition.',
  },
  'dispatch.bytesPerPartition': { type: 'size', default: 8_388_608, min: 65_536, meaning: 'Records held in memory per partition.' },
  'dedupe.window': { type: 'duration', default: 604_800_000, meaning: 'How long ids of inbox events are remembered.' },
  'dedupe.bytes': { type: 'size', default: 268_435_456, meaning: 'How many bytes of ids are remembered; the oldest go first.' },
  'shutdown.grace': { type: 'duration', default: 10_000, meaning: 'How long a stopping server finishes what is in flight.' },
  'shutdown.delay': {
    type: 'duration',
    default: 0,
    max: 60_000,
    meaning:
      'How long a server that was told to stop goes on as before while it is not ready any more, so that whoever sends it requests notices.',
  },
  'log.level': {
    type: 'text',
    default: 'info',
    oneOf: ['debug', 'info', 'warn', 'error'],
    meaning: 'The least important lines that are written.',
  },
  'log.format': { type: 'text', default: 'auto', oneOf: ['auto', 'json', 'text'], meaning: 'auto: text on a terminal, else json.' },
} as const satisfies Record<string, SettingRow>;

export interface SettingRow {
  readonly type: 'text' | 'path' | 'port' | 'number' | 'boolean' | 'duration' | 'size' | 'list';
  readonly default: string | number | boolean | readonly string[];
  /** Bounds of numbers, in the unit in which they are held. */
  readonly min?: number;
  readonly max?: number;
  /** The only texts that are allowed; of a list at least one, and each of them. */
  readonly oneOf?: readonly string[];
  readonly meaning: string;
}

export type SettingKey = keyof typeof settingTable;
type ValueOf<R extends SettingRow> = R['type'] extends 'list'
  ? readonly string[]
  : R extends { readonly oneOf: readonly (infer Choice)[] }
    ? Choice
    : R['type'] extends 'text' | 'path'
      ? string
      : R['type'] extends 'boolean'
        ? boolean
        : number;
export type Settings = { readonly [K in SettingKey]: ValueOf<(typeof settingTable)[K]> };

/** `gateway.bodyMax` → `gateway-body-max`, a flag without its dashes. */
export function flagOf(key: SettingKey): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`).replaceAll('.', '-');
}

/** `gateway.bodyMax` → `FAAS_GATEWAY_BODY_MAX`. */
export function envOf(key: SettingKey): string {
  return `FAAS_${flagOf(key).replaceAll('-', '_').toUpperCase()}`;
}

export function isSettingKey(text: string): text is SettingKey {
  return Object.hasOwn(settingTable, text);
}

/** In the order of the table. */
export const settingKeys: readonly SettingKey[] = Object.keys(settingTable).filter(isSettingKey);

export function settingRow(key: SettingKey): SettingRow {
  return settingTable[key];
}
