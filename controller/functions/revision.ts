import { createHash } from 'node:crypto';
import { wireVersion } from '../../runtime/protocol/messages.ts';
import { canonicalJson } from '../manifest/canonical-json.ts';
import type { ContextSpec, FunctionSpec } from '../manifest/spec.ts';

/**
 * What a revision is made of: the bundle, the resolved specification (with the streams that its names mean) and the wire. Two deployments with the
 * same hash are the same revision, and deploying it again does nothing. 64 hex digits.
 */
export function revisionHash(bundleHash: string, spec: FunctionSpec, topics: ReadonlyMap<string, string>): string {
  const resolved = { bundleHash, spec, topics: Object.fromEntries(topics), wireVersion };
  return createHash('sha256').update(canonicalJson(resolved)).digest('hex');
}

/** Every stream that a function names → its topic; undefined members are streams that nobody declares. */
export function topicsOf(spec: FunctionSpec, contexts: ReadonlyMap<string, ContextSpec>): ReadonlyMap<string, string | undefined> {
  const topics = new Map<string, string | undefined>();
  const refs = [...spec.emits, ...spec.on.flatMap(trigger => (trigger.kind === 'stream' ? trigger.streams : []))];
  for (const ref of refs) topics.set(ref.name, contexts.get(ref.context)?.streams.find(stream => stream.name === ref.stream)?.topic);
  return topics;
}
