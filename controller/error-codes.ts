/**
 * Every code of an error, in one table: the HTTP status of a problem answer with it, the exit code of a command that ends with it
 * (2: yours to change, shown with its hint and without a stack; 1: ours or the world's), and what it says in a few words.
 * docs/reference/errors.md is made of it; a test finds every code in the sources here, and every code here in the sources.
 */
export const errorTable = {
  // The door of the API
  FAAS_API_UNAUTHORIZED: { status: 401, exit: 2, title: 'The token is missing or wrong' },
  FAAS_API_HOST: { status: 421, exit: 2, title: 'The listener does not answer to this host name' },
  FAAS_API_ORIGIN: { status: 403, exit: 2, title: 'Requests from pages of other origins are refused' },
  FAAS_API_MEDIA_TYPE: { status: 415, exit: 2, title: 'The content type is not accepted' },
  FAAS_API_BODY_TOO_LARGE: { status: 413, exit: 2, title: 'The body is too large' },
  FAAS_API_BODY: { status: 400, exit: 2, title: 'The body is not usable JSON' },
  FAAS_API_REQUEST: { status: 400, exit: 2, title: 'The request does not have the expected form' },
  FAAS_API_ROUTE_UNKNOWN: { status: 404, exit: 2, title: 'There is no such path' },
  FAAS_INTERNAL: { status: 500, exit: 1, title: 'Something broke inside the server' },
  // What requests name
  FAAS_CONTEXT_UNKNOWN: { status: 404, exit: 2, title: 'There is no such context' },
  FAAS_FUNCTION_UNKNOWN: { status: 404, exit: 2, title: 'There is no such function' },
  FAAS_REVISION_UNKNOWN: { status: 404, exit: 2, title: 'There is no such revision' },
  FAAS_STREAM_UNKNOWN: { status: 404, exit: 2, title: 'There is no such stream' },
  FAAS_STATE_UNKNOWN: { status: 404, exit: 2, title: 'The key has no state' },
  FAAS_DEAD_LETTER_UNKNOWN: { status: 404, exit: 2, title: 'There is no such dead letter' },
  FAAS_BUNDLE_UNKNOWN: { status: 409, exit: 2, title: 'The bundle was not stored before it was named' },
  // What requests ask for
  FAAS_DEPLOY_REFUSED: { status: 422, exit: 2, title: 'The deployment is refused' },
  FAAS_EVENT_SCHEMA: { status: 422, exit: 2, title: "An event breaks the stream's schema" },
  // The gateway
  FAAS_HOOK_UNKNOWN: { status: 404, exit: 2, title: 'No webhook has this path' },
  FAAS_HOOK_METHOD: { status: 405, exit: 2, title: 'Webhooks and calls take POST alone' },
  FAAS_HOOK_SIGNATURE: { status: 401, exit: 2, title: 'The delivery is not signed as it should be' },
  FAAS_HOOK_UNVERIFIED: { status: 403, exit: 2, title: 'Unverified webhooks are not allowed here' },
  FAAS_HOOK_FAILED: { status: 500, exit: 1, title: 'The event became a dead letter' },
  FAAS_SECRET_MISSING: { status: 503, exit: 2, title: 'A secret is missing on the server' },
  FAAS_APPEND_FAILED: { status: 503, exit: 1, title: 'The event could not be stored' },
  FAAS_RATE_LIMITED: { status: 429, exit: 1, title: 'Too many requests from one address' },
  FAAS_CALL_FAILED: { status: 502, exit: 1, title: 'The handler failed' },
  FAAS_CALL_CONFLICT: { status: 409, exit: 1, title: 'Others kept writing the same keys' },
  FAAS_CALL_TOO_DEEP: { status: 508, exit: 2, title: 'Functions call each other too deeply' },
  FAAS_CALL_TIMEOUT: { status: 504, exit: 1, title: 'The call took longer than its deadline' },
  FAAS_CALL_UNAVAILABLE: { status: 503, exit: 1, title: 'No pod of the function is ready' },
  FAAS_NOT_SUPPORTED: { status: 422, exit: 2, title: 'This version cannot do that yet' },
} as const satisfies Record<string, ErrorRow>;

export interface ErrorRow {
  readonly status: number;
  readonly exit: 1 | 2;
  readonly title: string;
}

export type ErrorCode = keyof typeof errorTable;

const rows: ReadonlyMap<string, ErrorRow> = new Map(Object.entries(errorTable));

/** The row of a code; one that no table knows (an author's own) is a failure on our side. */
export function errorRow(code: string): ErrorRow {
  return rows.get(code) ?? errorTable.FAAS_INTERNAL;
}

export function isErrorCode(code: string): code is ErrorCode {
  return rows.has(code);
}
