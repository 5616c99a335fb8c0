import { FaasError } from '../../errors.ts';
import type { Leader, Leadership } from '../../ports/registry.ts';
import { expectOk, type KubernetesApi } from './kubernetes-api.ts';
import { isRecord } from './kubernetes-object.ts';

/** Writes of others in the middle of ours: each time one of them got through. */
const triesMax = 10;
/** A Lease counts whole seconds; the millisecond at which ours ends is beside it. */
const untilAnnotation = 'faas.internal/until-ms';

interface Held {
  readonly holder: string;
  readonly untilMs: number;
  readonly fencing: number;
  /** Since when the holder leads, and when it last said so, as the Lease has them. */
  readonly acquireTime: string | undefined;
  readonly renewTime: string | undefined;
  /** What is written must be written over this. */
  readonly resourceVersion: string | undefined;
}

/**
 * Leadership by Leases of the cluster, one per name: `kubectl get leases` shows who leads, since when, and how often that changed, which is the fencing number.
 * Not promised: that the number goes on where somebody deletes a Lease, but by a process that has seen it.
 */
export class KubernetesLeadership implements Leadership {
  readonly #api: KubernetesApi;
  readonly #leases: string;
  readonly #seen = new Map<string, number>();

  constructor({ api, namespace }: { readonly api: KubernetesApi; readonly namespace: string }) {
    this.#api = api;
    this.#leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  }

  async lead(name: string, holder: string, ttlMs: number, nowMs: number): Promise<{ readonly fencing: number } | undefined> {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const held = await this.#read(name);
      if (held.holder !== holder && held.holder !== '' && held.untilMs > nowMs) return undefined;
      const renewTime = microTime(nowMs);
      // As client-go has it: a holder that comes back after its time, with nobody in between, has held it all along.
      const isRenewal = held.holder === holder;
      const fencing = isRenewal ? held.fencing : held.fencing + 1;
      const acquireTime = isRenewal ? (held.acquireTime ?? renewTime) : renewTime;
      const next = { ...held, holder, fencing, acquireTime, renewTime, untilMs: nowMs + ttlMs };
      if (await this.#write(name, next, ttlMs)) return { fencing };
    }
    throw new FaasError('FAAS_STORE_BUSY', `others kept changing the Lease ${leaseName(name)}`, 'Try again.');
  }

  async leader(name: string, nowMs: number): Promise<Leader | undefined> {
    const { holder, fencing, untilMs } = await this.#read(name);
    return holder === '' || untilMs <= nowMs ? undefined : { holder, fencing };
  }

  async resign(name: string, holder: string): Promise<void> {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const held = await this.#read(name);
      if (held.holder !== holder) return;
      if (await this.#write(name, { ...held, holder: '', untilMs: 0 }, 1_000)) return;
    }
  }

  async #read(name: string): Promise<Held> {
    const answer = await this.#api.send({ method: 'GET', path: `${this.#leases}/${leaseName(name)}` });
    const held = answer.status === 404 ? undefined : heldOf(expectOk(answer, `Lease ${leaseName(name)}`));
    const fencing = Math.max(held?.fencing ?? 0, this.#seen.get(name) ?? 0);
    this.#seen.set(name, fencing);
    return { ...(held ?? noLease), fencing };
  }

  /** False: somebody else wrote first. */
  async #write(name: string, held: Held, ttlMs: number): Promise<boolean> {
    const { holder, untilMs, fencing, acquireTime, renewTime, resourceVersion } = held;
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: leaseName(name),
        annotations: { [untilAnnotation]: String(untilMs) },
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: Math.max(1, Math.ceil(ttlMs / 1_000)),
        ...(acquireTime !== undefined && { acquireTime }),
        ...(renewTime !== undefined && { renewTime }),
        leaseTransitions: fencing,
      },
    };
    const isNew = resourceVersion === undefined;
    const path = isNew ? this.#leases : `${this.#leases}/${leaseName(name)}`;
    const answer = await this.#api.send({ method: isNew ? 'POST' : 'PUT', path, body });
    if (answer.status === 409 || (answer.status === 404 && !isNew)) return false;
    expectOk(answer, `Lease ${leaseName(name)}`);
    this.#seen.set(name, fencing);
    return true;
  }
}

const noLease: Held = {
  ...{ holder: '', untilMs: 0, fencing: 0 },
  ...{ acquireTime: undefined, renewTime: undefined, resourceVersion: undefined },
};

function leaseName(name: string): string {
  return `faas-${name}`;
}

/** With six digits of a second, as the API server wants it. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

function heldOf(body: unknown): Held {
  const { metadata, spec } = isRecord(body) ? body : {};
  const { annotations, resourceVersion } = isRecord(metadata) ? metadata : {};
  const { holderIdentity, leaseTransitions, acquireTime, renewTime } = isRecord(spec) ? spec : {};
  const until = isRecord(annotations) ? Number(annotations[untilAnnotation]) : Number.NaN;
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    untilMs: Number.isFinite(until) ? until : 0,
    fencing: typeof leaseTransitions === 'number' ? leaseTransitions : 0,
    acquireTime: typeof acquireTime === 'string' ? acquireTime : undefined,
    renewTime: typeof renewTime === 'string' ? renewTime : undefined,
    resourceVersion: String(resourceVersion),
  };
}
