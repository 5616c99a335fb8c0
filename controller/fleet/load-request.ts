import type { LoadRequest, LoadResult } from '../../runtime/protocol/messages.ts';
import type { LiveFunction } from '../functions/live-function.ts';
import type { FilterSpec } from '../manifest/spec.ts';
import type { Bundle } from '../ports/registry.ts';

/** What a pod needs to become this function. */
export function loadRequestOf(live: LiveFunction, bundle: Bundle): LoadRequest {
  const { spec } = live;
  return {
    unit: live.unit,
    context: live.context,
    functionName: live.name,
    revision: live.revision,
    bundleHash: live.bundleHash,
    code: bundle.code,
    sourceMap: bundle.sourceMap,
    timeoutMs: spec.limits.timeoutMs,
    lifespanMs: spec.limits.lifespanMs,
    memoryBytes: spec.limits.memoryBytes,
    concurrency: spec.limits.concurrency,
    emits: spec.emits.map(ref => ref.name),
    calls: spec.calls,
    env: spec.env,
    dataFilters: dataFiltersOf(live),
  };
}

export function failedLoad(code: string, message: string): LoadResult & { readonly kind: 'failed' } {
  return { kind: 'failed', error: { code, name: 'Error', message, stack: undefined } };
}

function dataFiltersOf(live: LiveFunction): LoadRequest['dataFilters'] {
  const filters: Record<string, FilterSpec['data']> = {};
  for (const { stream, filter } of live.subscriptions) {
    if (filter !== undefined && Object.keys(filter.data).length > 0) filters[stream] = filter.data;
  }
  return filters;
}
