import { isRecord, type KubernetesObject, readObject } from './kubernetes-object.ts';

export interface ListPage {
  readonly items: readonly KubernetesObject[];
  readonly resourceVersion: string;
  /** With which to ask for what follows; undefined: that was all. */
  readonly next: string | undefined;
}

/** One answer of the API server to a list. Throws when it is none. */
export function readPage(body: unknown): ListPage {
  if (!isRecord(body) || !Array.isArray(body.items) || !isRecord(body.metadata)) throw new Error('the answer is no list');
  const { resourceVersion, continue: next } = body.metadata;
  return {
    items: body.items.flatMap(item => readObject(item) ?? []),
    resourceVersion: String(resourceVersion ?? ''),
    next: typeof next === 'string' && next !== '' ? next : undefined,
  };
}
