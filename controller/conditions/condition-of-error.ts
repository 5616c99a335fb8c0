import type { ErrorCode } from '../error-codes.ts';
import { FaasError } from '../errors.ts';
import type { ConditionType } from './condition-table.ts';
import type { Finding } from './conditions.ts';

interface Meaning {
  readonly type: ConditionType;
  readonly reason?: string;
}

/** Codes of errors that tell something of the surroundings; all others are of one event or of ours, and no condition. */
const table: Partial<Record<ErrorCode, Meaning>> = {
  FAAS_STATE_LOST: { type: 'Halted', reason: 'StateLost' },
  FAAS_STATE_ROLLED_BACK: { type: 'Halted', reason: 'StateRolledBack' },
  FAAS_STORE_UNREACHABLE: { type: 'StateUnreachable' },
  FAAS_STORE_BUSY: { type: 'StateUnreachable' },
  FAAS_STORE_LOCKED: { type: 'StateUnreachable' },
  FAAS_STORE_FAILED: { type: 'StateUnreachable' },
  FAAS_STORE_DENIED: { type: 'NotAuthorised' },
  FAAS_STREAM_RECORD_TOO_LARGE: { type: 'StoreRefused' },
  FAAS_STORE_FULL: { type: 'StoreRefused' },
  FAAS_STORE_IO: { type: 'StoreRefused' },
  FAAS_REDIS_SLOTS: { type: 'StoreRefused' },
  FAAS_REDIS_UNSAFE: { type: 'StoreRefused' },
  FAAS_REDIS_VERSION: { type: 'StoreRefused' },
  FAAS_DATA_NEWER: { type: 'StoreRefused' },
  FAAS_KAFKA_UNREACHABLE: { type: 'StreamUnreachable' },
  FAAS_KAFKA_UNAVAILABLE: { type: 'StreamUnreachable' },
  FAAS_KAFKA_FAILED: { type: 'StreamUnreachable' },
  FAAS_KAFKA_AUTH: { type: 'NotAuthorised' },
  FAAS_KAFKA_FORBIDDEN: { type: 'NotAuthorised' },
  FAAS_KAFKA_TOO_FEW_REPLICAS: { type: 'TooFewReplicas' },
  FAAS_STREAM_UNKNOWN_TOPIC: { type: 'TopicMissing' },
};

const meanings: ReadonlyMap<string, Meaning> = new Map(Object.entries(table));

/** The condition that an error of a store means for the function that met it. */
export function conditionOfError(error: unknown): Pick<Finding, 'type' | 'reason' | 'message'> | undefined {
  const meaning = error instanceof FaasError ? meanings.get(error.code) : undefined;
  if (!(error instanceof FaasError) || meaning === undefined) return undefined;
  const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
  return { type: meaning.type, reason: meaning.reason ?? error.code, message };
}
