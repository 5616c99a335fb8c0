/**
 * Every path of the admin listener. Free of imports, so that a client (the CLI, a page) can use it at no cost;
 * the shapes behind the paths are in contract.ts, to be imported from there as types.
 */
export const paths = {
  version: '/v1/version',
  openapi: '/v1/openapi.json',
  contexts: '/v1/contexts',
  context: '/v1/contexts/:context',
  bundle: '/v1/bundles/:hash',
  sourceMap: '/v1/bundles/:hash/source-map',
  deployments: '/v1/deployments',
  functions: '/v1/functions',
  function: '/v1/functions/:context/:function',
  invoke: '/v1/functions/:context/:function/invoke',
  rollback: '/v1/functions/:context/:function/rollback',
  state: '/v1/functions/:context/:function/state',
  /** The key is in the query, because `.`, `..` and the empty key cannot be told in a path. */
  stateEntry: '/v1/functions/:context/:function/state/entry',
  acceptRollback: '/v1/functions/:context/:function/state/accept-rollback',
  deadLetters: '/v1/functions/:context/:function/dead-letters',
  deadLetter: '/v1/functions/:context/:function/dead-letters/:id',
  replay: '/v1/functions/:context/:function/dead-letters/replay',
  drop: '/v1/functions/:context/:function/dead-letters/drop',
  offsets: '/v1/functions/:context/:function/offsets',
  replays: '/v1/functions/:context/:function/replays',
  replayOf: '/v1/functions/:context/:function/replays/:id',
  parked: '/v1/functions/:context/:function/parked',
  replayParked: '/v1/functions/:context/:function/parked/replay',
  tune: '/v1/functions/:context/:function/tune',
  streams: '/v1/streams',
  events: '/v1/streams/:context/:stream/events',
  lag: '/v1/lag',
  scales: '/v1/scale',
  scale: '/v1/functions/:context/:function/scale',
  scaleOverride: '/v1/functions/:context/:function/scale/override',
  observations: '/v1/functions/:context/:function/observations',
  logs: '/v1/logs',
  decisions: '/v1/decisions',
  webhooks: '/v1/webhooks',
  live: '/v1/live',
  series: '/v1/functions/:context/:function/series',
  graph: '/v1/graph',
  schedules: '/v1/schedules',
  webhookEndpoints: '/v1/webhook-endpoints',
  loginLinks: '/v1/login-links',
  signIn: '/v1/sign-in',
  session: '/v1/session',
  settings: '/v1/settings',
  doctor: '/v1/doctor',
  secrets: '/v1/secrets',
  /** For pods, authorised by the token of a running batch. */
  internalState: '/internal/v1/state',
  internalCall: '/internal/v1/call',
  /** For pods that start, authorised by what their cluster says of them. */
  internalAnnounce: '/internal/v1/announce',
  /** For processes of the same cluster, authorised by its secret. */
  internalReport: '/internal/v1/report',
  internalPods: '/internal/v1/pods',
  internalWant: '/internal/v1/want',
  metrics: '/metrics',
  healthz: '/healthz',
  readyz: '/readyz',
} as const;

export type PathName = keyof typeof paths;

/** The names after colons in a path. */
type ParamsIn<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamsIn<Rest>
  : P extends `${string}:${infer Name}`
    ? Name
    : never;

export type ParamsOf<N extends PathName> = { readonly [K in ParamsIn<(typeof paths)[N]>]: string };

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** A path with its parameters filled in and encoded; members of the query that are undefined are left out. */
export function pathTo<N extends PathName>(name: N, params: ParamsOf<N>, query: Query = {}): string {
  const values = new Map<string, string>(Object.entries(params));
  const path = paths[name].replace(/:([a-z]+)/g, (_, param: string) => encodeURIComponent(values.get(param) ?? ''));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}
