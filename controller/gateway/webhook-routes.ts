import type { LiveFunction } from '../functions/live-function.ts';
import type { WebhookTrigger } from '../manifest/spec.ts';

export interface WebhookRoute {
  readonly live: LiveFunction;
  readonly trigger: WebhookTrigger;
}

export interface WebhookMatch extends WebhookRoute {
  readonly params: ReadonlyMap<string, string>;
}

/** The webhook paths of all live functions. Within a context a path belongs to one function; the manifest sees to it. */
export class WebhookRoutes {
  readonly #byContext = new Map<string, { readonly segments: readonly string[]; readonly route: WebhookRoute }[]>();

  constructor(functions: readonly LiveFunction[]) {
    for (const live of functions) {
      for (const trigger of live.spec.on) {
        if (trigger.kind !== 'webhook') continue;
        const routes = this.#byContext.get(live.context) ?? [];
        routes.push({ segments: segmentsOf(trigger.path), route: { live, trigger } });
        this.#byContext.set(live.context, routes);
      }
    }
    for (const routes of this.#byContext.values()) routes.sort((a, b) => compareSegments(a.segments, b.segments));
  }

  /** `path` is what follows the context, still percent-encoded. Where several match, the one whose first differing segment is literal wins. */
  match(context: string, path: string): WebhookMatch | undefined {
    const segments = decodeSegments(segmentsOf(path));
    if (segments === undefined) return undefined;
    for (const { segments: pattern, route } of this.#byContext.get(context) ?? []) {
      const params = matchSegments(pattern, segments);
      if (params !== undefined) return { ...route, params };
    }
    return undefined;
  }
}

function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter((segment, index) => index > 0 || segment !== '');
}

/** Undefined: an escape that is no UTF-8. */
function decodeSegments(segments: readonly string[]): readonly string[] | undefined {
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): ReadonlyMap<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params = new Map<string, string>();
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (expected.startsWith(':') && segment !== '') params.set(expected.slice(1), segment);
    else if (expected !== segment) return undefined;
  }
  return params;
}

function compareSegments(a: readonly string[], b: readonly string[]): number {
  for (const [index, segment] of a.entries()) {
    const other = b[index] ?? '';
    const difference = Number(segment.startsWith(':')) - Number(other.startsWith(':'));
    if (difference !== 0) return difference;
  }
  return 0;
}
