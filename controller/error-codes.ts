/**
 * Every code of an error of the server and of pods, in one table: the HTTP status of a problem answer with it (none: it never ends a request),
 * and what it says in a few words. The manifest's codes stand in manifest/problem.ts, those of the command line in cli/failure-codes.ts.
 * docs/reference/errors.md is made of the three; a test finds every code of the sources in them, and each of them in the sources.
 */
export const errorTable = {
  api: {
    FAAS_API_UNAUTHORIZED: { status: 401, title: 'The token is missing or wrong' },
    FAAS_API_HOST: { status: 421, title: 'The listener does not answer to this host name' },
    FAAS_API_CSRF: { status: 403, title: 'A change from a browser lacks its header' },
    FAAS_API_LOGIN: { status: 401, title: 'The link for signing in does not work (any more)' },
    FAAS_API_WATCHERS: { status: 503, title: 'Too many pages watch the server' },
    FAAS_API_ORIGIN: { status: 403, title: 'Requests from pages of other origins are refused' },
    FAAS_API_MEDIA_TYPE: { status: 415, title: 'The content type is not accepted' },
    FAAS_API_BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
    FAAS_API_BODY: { status: 400, title: 'The body is not usable JSON' },
    FAAS_API_REQUEST: { status: 400, title: 'The request does not have the expected form' },
    FAAS_API_TIMEOUT: { status: 408, title: 'The request did not arrive in time' },
    FAAS_API_HEADERS: { status: 431, title: 'The headers are too large' },
    FAAS_API_ROUTE_UNKNOWN: { status: 404, title: 'There is no such path' },
    FAAS_CONTEXT_UNKNOWN: { status: 404, title: 'There is no such context' },
    FAAS_FUNCTION_UNKNOWN: { status: 404, title: 'There is no such function' },
    FAAS_REVISION_UNKNOWN: { status: 404, title: 'There is no such revision' },
    FAAS_STREAM_UNKNOWN: { status: 404, title: 'There is no such stream' },
    FAAS_STATE_UNKNOWN: { status: 404, title: 'The key has no state' },
    FAAS_LETTER_FILTER: { status: 400, title: 'The filter of dead letters cannot be read' },
    FAAS_DEAD_LETTER_UNKNOWN: { status: 404, title: 'There is no such dead letter' },
    FAAS_SCALE_NO_DECISION: { status: 404, title: 'Nothing was decided about the function at that time' },
    FAAS_EVENT_SCHEMA: { status: 422, title: "An event breaks the stream's schema" },
    FAAS_EVENT_TOO_LARGE: { status: 413, title: 'An event is larger than 1 MiB' },
    FAAS_INTERNAL: { status: 500, title: 'Something broke inside the server' },
  },
  gateway: {
    FAAS_HOOK_UNKNOWN: { status: 404, title: 'No webhook has this path' },
    FAAS_HOOK_METHOD: { status: 405, title: 'Webhooks and calls take POST alone' },
    FAAS_HOOK_SIGNATURE: { status: 401, title: 'The delivery is not signed as it should be' },
    FAAS_HOOK_UNVERIFIED: { status: 403, title: 'Unverified webhooks are not allowed here' },
    FAAS_HOOK_FAILED: { status: 500, title: 'The event became a dead letter' },
    FAAS_SECRET_MISSING: { status: 503, title: 'A secret is missing on the server' },
    FAAS_APPEND_FAILED: { status: 503, title: 'The event could not be stored' },
    FAAS_RATE_LIMITED: { status: 429, title: 'Too many requests from one address' },
    FAAS_BATCH_TOKEN: { status: 401, title: 'No batch runs under this token' },
    FAAS_CALL_UNDECLARED: { status: 403, title: 'The function does not declare this call' },
    FAAS_CALL_FAILED: { status: 502, title: 'The handler failed' },
    FAAS_CALL_CONFLICT: { status: 409, title: 'Others kept writing the same keys' },
    FAAS_CALL_TOO_DEEP: { status: 508, title: 'Functions call each other too deeply' },
    FAAS_CALL_TIMEOUT: { status: 504, title: 'The call took longer than its deadline' },
    FAAS_CALL_UNAVAILABLE: { status: 503, title: 'No pod of the function is ready' },
  },
  deploy: {
    FAAS_DEPLOY_REFUSED: { status: 422, title: 'The deployment is refused; what was live stays live' },
    FAAS_NOT_SUPPORTED: { status: 422, title: 'This version cannot do that yet' },
    FAAS_BUNDLE_UNKNOWN: { status: 409, title: 'The bundle was not stored before it was named' },
    FAAS_BUNDLE_HASH: { status: 422, title: 'The bytes of a bundle do not match its hash' },
    FAAS_LOAD_SYNTAX: { title: 'The bundle is not valid JavaScript' },
    FAAS_LOAD_IMPORT: { title: 'The bundle threw while it was imported' },
    FAAS_LOAD_EXPORT: { title: 'The bundle exports no handler' },
    FAAS_LOAD_INIT: { title: "The handler's init threw" },
    FAAS_LOAD_TIMEOUT: { title: 'The bundle did not load in time' },
    FAAS_LOAD_HASH: { title: 'The bundle does not match its hash' },
    FAAS_LOAD_EXIT: { title: 'The pod ended while it loaded the function' },
    FAAS_LOAD_LOST: { title: 'The pod did not answer while it loaded the function' },
    FAAS_LOAD_REFUSED: { title: 'The pod did not take the request to load' },
    FAAS_LOAD_STOPPED: { title: 'The pod was told to end while it loaded' },
    FAAS_LOAD_TWICE: { title: 'The pod has loaded a function already' },
    FAAS_LOAD_WRITE: { title: 'The bundle could not be written to disk' },
  },
  settings: {
    FAAS_SETTING_UNKNOWN: { title: 'There is no such setting' },
    FAAS_SETTING_VALUE: { title: 'A setting does not have the expected form' },
    FAAS_SETTING_SYNTAX: { title: 'The settings file cannot be read' },
    FAAS_FAULT_POINT_UNKNOWN: { title: 'FAAS_FAULT_POINT names no fault point' },
    FAAS_PORT_IN_USE: { title: 'Another program has the port' },
    FAAS_TOKEN_FILE: { title: 'The token file cannot be used' },
  },
  handler: {
    FAAS_HANDLER_ERROR: { title: 'The handler threw' },
    FAAS_NON_RETRYABLE: { title: 'The handler says that the event can never succeed' },
    FAAS_BATCH_FAILURE: { title: 'The handler says which events of a batch failed' },
    FAAS_BATCH_EVENT: { title: 'An event was named that is not in the batch' },
    FAAS_TIMEOUT: { title: 'The handler did not finish in time' },
    FAAS_EVENT_OVER: { title: 'The context was used after the handler had returned' },
    FAAS_FLOATING_CALL: { title: 'The handler returned before a call that it made' },
    FAAS_UNDECLARED: { title: 'An emit or a call that the manifest does not declare' },
    FAAS_TARGET_UNKNOWN: { title: 'The target of an emit or a start is not deployed' },
    FAAS_LOOP: { title: 'A chain of more than 16 functions' },
    FAAS_DECODE: { title: 'The payload cannot be decoded' },
    FAAS_SCHEMA: { title: "The payload breaks the stream's schema" },
    FAAS_EMIT_ARGUMENTS: { title: 'An emit without a name, or with a key that is no text' },
    FAAS_EMIT_NOT_JSON: { title: 'Emitted data that is not JSON' },
    FAAS_EMIT_TOO_LARGE: { title: 'Emitted data that is too large' },
    FAAS_CALL_NOT_JSON: { title: 'Data of a call that is not JSON' },
    FAAS_ANSWER_NOT_JSON: { title: 'The handler returned what is not JSON' },
    FAAS_ANSWER_TOO_LARGE: { title: 'The handler returned too much' },
    FAAS_RESULT_TOO_LARGE: { title: 'All that the handler wrote and emitted is too large' },
    FAAS_STATE_NO_KEY: { title: 'The event has no key, so it has no state' },
    FAAS_STATE_KEY: { title: 'A key of state is no text or too long' },
    FAAS_STATE_NOT_JSON: { title: 'State that is not JSON' },
    FAAS_STATE_NOT_A_NUMBER: { title: 'An increment of what is no number' },
    FAAS_STATE_TOO_LARGE: { title: 'State that is larger than 1 MiB' },
    FAAS_STATE_READ: { title: 'State that could not be read' },
    FAAS_STATE_REFUSED: { title: 'State that is not given: too many keys, or a batch that is over' },
    FAAS_OUT_OF_MEMORY: { title: 'The handler took more memory than it may' },
  },
  pod: {
    FAAS_POD_START: { title: 'A pod did not start' },
    FAAS_POD_CRASH: { title: 'The pod ended while it ran the event alone' },
    FAAS_POD_LOST: { title: 'The pod was lost during a call' },
    FAAS_PODS_CLOSED: { title: 'No pod is started any more: the server is stopping' },
    FAAS_PODS_UNKNOWN: { title: 'There is no such pod' },
    FAAS_DRAINING: { title: 'The pod is about to end' },
    FAAS_WORKER_ENDED: { title: 'The worker was ended' },
    FAAS_WORKER_ERROR: { title: 'The worker failed outside of any handler' },
    FAAS_WORKER_EXIT: { title: 'The worker ended by itself' },
    FAAS_WIRE: { title: 'A message of the wire is malformed' },
    FAAS_WIRE_FRAME_TOO_LARGE: { title: 'A frame of the wire is too large' },
    FAAS_WIRE_TOO_LARGE: { title: 'A request of the wire is too large' },
    FAAS_WIRE_LENGTH: { title: 'A request of the wire without its length' },
    FAAS_WIRE_PATH: { title: 'A path of the wire that is not there' },
    FAAS_WIRE_TOKEN: { title: 'The token is not that of this pod' },
    FAAS_WIRE_VERSION: { title: 'The versions of the wire do not meet' },
  },
  store: {
    FAAS_DATA_LOCKED: { title: 'Another server uses the data folder' },
    FAAS_DATA_FOLDER: { title: 'The data folder cannot be used' },
    FAAS_DATA_READ_ONLY: { title: 'The data folder cannot be written' },
    FAAS_DATA_CORRUPT: { title: 'The database is damaged' },
    FAAS_DATA_FOREIGN: { title: 'The database belongs to another program' },
    FAAS_DATA_NEWER: { title: 'A newer version of faas wrote the database' },
    FAAS_REDIS_SLOTS: { title: 'A slot of the Redis cluster has no node' },
    FAAS_REDIS_UNSAFE: { title: 'The Redis would lose or evict state' },
    FAAS_REDIS_VERSION: { title: 'The Redis is too old' },
    FAAS_STATE_LOST: { status: 409, title: 'The state store is empty and should not be' },
    FAAS_STATE_ROLLED_BACK: { status: 409, title: 'The state store is older than what was durable' },
    FAAS_STORE_BUSY: { status: 503, title: 'Too many requests wait for the database' },
    FAAS_STORE_CLOSED: { status: 503, title: 'The database is closed' },
    FAAS_STORE_DENIED: { status: 503, title: 'The store refuses our password or our rights' },
    FAAS_STORE_FAILED: { status: 500, title: 'The database refused a statement' },
    FAAS_STORE_FULL: { status: 507, title: "The disk, or the store's memory, is full" },
    FAAS_STORE_IO: { status: 500, title: 'The disk failed' },
    FAAS_STORE_UNREACHABLE: { status: 503, title: 'The store does not answer' },
    FAAS_CLUSTER_MESSAGE: { status: 400, title: 'A message of another process cannot be read' },
    FAAS_CLUSTER_REFUSED: { title: 'The leader refused a request of another process' },
    FAAS_CLUSTER_SECRET: { status: 401, title: 'The secret of the cluster is missing or wrong' },
    FAAS_CLUSTER_VERSION: { status: 426, title: 'The processes speak different versions of /internal/v1' },
    FAAS_NOT_LEADING: { status: 409, title: 'The process does not lead the cluster' },
    FAAS_BUSY: { status: 503, title: 'Another server is at work there' },
    FAAS_GROUP_HAS_MEMBERS: { status: 409, title: 'The consumer group is being read' },
    FAAS_OFFSETS_NONE: { status: 404, title: 'The function reads no such partition' },
    FAAS_OFFSETS_REWIND: { status: 409, title: 'Many events would be handled again' },
    FAAS_REPLAY_UNKNOWN: { status: 404, title: 'There is no such replay' },
    FAAS_REPLAY_EMPTY: { status: 409, title: 'There is nothing to replay' },
    FAAS_STREAM_UNKNOWN_TOPIC: { status: 409, title: 'There is no such topic' },
    FAAS_STREAM_OFFSET_BEYOND_END: { status: 409, title: 'The log is shorter than what was read of it' },
    FAAS_STREAM_MADE_AGAIN: { status: 409, title: 'The topic is not the one that was read: it was deleted and made again' },
    FAAS_STREAM_RECORD_TOO_LARGE: { status: 413, title: 'A record is larger than the broker takes' },
    FAAS_STREAM_UNKNOWN_PARTITION: { status: 409, title: 'The topic has no such partition' },
    FAAS_KAFKA_UNREACHABLE: { status: 503, title: 'No Kafka broker answers' },
    FAAS_KAFKA_AUTH: { status: 503, title: 'Kafka refuses the credentials' },
    FAAS_KAFKA_FORBIDDEN: { status: 503, title: 'Kafka does not permit it' },
    FAAS_KAFKA_UNAVAILABLE: { status: 503, title: 'Kafka cannot do it at the moment' },
    FAAS_KAFKA_TOO_FEW_REPLICAS: { status: 503, title: 'Too few replicas of a topic are in sync' },
    FAAS_KAFKA_VERSION: { title: 'The broker is too old' },
    FAAS_KAFKA_CODEC: { title: 'Records are compressed in a way that cannot be read here' },
    FAAS_KAFKA_FAILED: { status: 500, title: 'Kafka refused it' },
  },
  kubernetes: {
    FAAS_KUBERNETES_CONFIG: { title: 'The kubeconfig cannot be used' },
    FAAS_KUBERNETES_UNREACHABLE: { status: 503, title: 'The API server of Kubernetes does not answer' },
    FAAS_POD_QUOTA: { title: 'The quota of the namespace has no room for a pod' },
    FAAS_KUBERNETES_REFUSED: { status: 503, title: 'The API server of Kubernetes refuses it' },
    FAAS_KUBERNETES_KIND: { status: 409, title: 'The cluster has no such kind of resource' },
  },
} as const satisfies Record<string, Record<string, ErrorRow>>;

export interface ErrorRow {
  readonly status?: number;
  readonly title: string;
}

export type ErrorArea = keyof typeof errorTable;
type CodesOf<A> = A extends ErrorArea ? keyof (typeof errorTable)[A] : never;
export type ErrorCode = CodesOf<ErrorArea>;

/** All codes with their rows, in the order of the table. */
export const errorRows: ReadonlyMap<string, ErrorRow> = new Map(Object.values(errorTable).flatMap(area => Object.entries<ErrorRow>(area)));

export function isErrorCode(code: string): code is ErrorCode {
  return errorRows.has(code);
}

/** A code that never ends a request has the status 500 where it does so nevertheless. */
export function statusOf(code: ErrorCode): number {
  return errorRows.get(code)?.status ?? 500;
}

export function titleOf(code: ErrorCode): string {
  return errorRows.get(code)?.title ?? code;
}
