import { FaasError } from '../../errors.ts';

/** What a server says about itself when a connection is made. */
export interface ServerFacts {
  /** Random, new at every start of a server. */
  readonly runId: string;
  readonly version: readonly [major: number, minor: number];
  readonly appendOnly: boolean;
  /** undefined: it does not tell (CONFIG is forbidden). */
  readonly appendFsync: string | undefined;
  readonly evictionPolicy: string;
  /** It is a node of a cluster. */
  readonly isOfCluster: boolean;
}

/** Of what INFO answers: name → value. */
export function infoFields(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split('\r\n').flatMap(line => {
      const at = line.indexOf(':');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

/** `info`: what INFO answers with server, memory and persistence. */
export function serverFacts(info: string, appendFsync: string | undefined): ServerFacts {
  const fields = infoFields(info);
  const [major = 0, minor = 0] = (fields.get('redis_version') ?? '').split('.').map(Number);
  return {
    runId: fields.get('run_id') ?? '',
    version: [major, minor],
    appendOnly: fields.get('aof_enabled') === '1',
    appendFsync,
    evictionPolicy: fields.get('maxmemory_policy') ?? 'noeviction',
    isOfCluster: fields.get('redis_mode') === 'cluster',
  };
}

/** Throws when what was acknowledged there would not last. `unsafe`: said to be wanted; then only the version counts. */
export function checkServer(facts: ServerFacts, place: string, unsafe: boolean): void {
  const [major, minor] = facts.version;
  if (major < 7) {
    throw new FaasError('FAAS_REDIS_VERSION', `Redis at ${place} is ${major}.${minor}; 7.0 or newer is needed`, 'Upgrade the server.');
  }
  if (unsafe) return;
  if (!facts.appendOnly || facts.appendFsync === 'no') {
    const what = facts.appendOnly ? 'appendfsync is no' : 'it has no append-only file';
    const hint = 'Set appendonly yes and appendfsync everysec on the server, or --state-unsafe to lose data with it.';
    throw new FaasError('FAAS_REDIS_UNSAFE', `Redis at ${place} would lose what it acknowledged: ${what}`, hint);
  }
  if (facts.evictionPolicy !== 'noeviction') {
    const hint = 'Set maxmemory-policy noeviction on the server, or --state-unsafe to lose data with it.';
    throw new FaasError('FAAS_REDIS_UNSAFE', `Redis at ${place} would evict state: maxmemory-policy is ${facts.evictionPolicy}`, hint);
  }
}

export function hasWaitAof({ version: [major, minor] }: ServerFacts): boolean {
  return major > 7 || (major === 7 && minor >= 2);
}
