export type { BaseContext, BatchContext, CallOptions, Context, EmitOptions, Json, Log, StateHandle } from './sdk/context.ts';
export { BatchFailure, FaasError, NonRetryableError } from './sdk/errors.ts';
export type { FaasEvent, TriggerKind } from './sdk/event.ts';
export type { BatchHandler, Handler, Init, Shutdown } from './sdk/handler.ts';
