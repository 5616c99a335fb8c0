import type { ErrorCode } from '../../error-codes.ts';
import { FaasError } from '../../errors.ts';

/** What kafkajs throws: `type` is the protocol's name of an error that a broker answered, `name` tells the others apart. */
interface KafkaJsError extends Error {
  readonly type?: string;
  readonly code?: string;
  readonly errors?: readonly Error[];
}

/** As brokers answer them; thrown by us as well where metadata say the same. */
export const brokerCodes = {
  unknown: -1,
  none: 0,
  outOfRange: 1,
  unknownTopic: 3,
  leaderNotAvailable: 5,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const;

/** The protocol's name of what a broker answered; undefined for everything else. */
export function typeOf(error: unknown): string | undefined {
  const { type, errors } = error instanceof Error ? (error as KafkaJsError) : {};
  return type ?? (errors?.[0] as KafkaJsError | undefined)?.type;
}

/** An error that is told from others as those of kafkajs are. */
export function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** Who takes a connection, or holds one, and says nothing. */
export const silentBroker = 'SilentBroker';

/** The connection is of no use any more, or never was. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof Error && connectionErrors.has(error.name);
}

const connectionErrors: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  silentBroker,
]);

/** Another try, with fresh metadata, can go well. */
export function isPassing(error: unknown): boolean {
  return isConnectionError(error) || passing.has(typeOf(error) ?? '');
}

const passing: ReadonlySet<string> = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_CONTROLLER',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
]);

interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string;
}

const forbidden: Meaning = {
  code: 'FAAS_KAFKA_FORBIDDEN',
  hint: 'Give the user of kafka.username an ACL for it; docs/kafka.md lists what is needed.',
};
const unavailable: Meaning = { code: 'FAAS_KAFKA_UNAVAILABLE', hint: 'It is tried again; look at the brokers if it stays so.' };

const meanings: Readonly<Record<string, Meaning>> = {
  TOPIC_AUTHORIZATION_FAILED: forbidden,
  GROUP_AUTHORIZATION_FAILED: forbidden,
  CLUSTER_AUTHORIZATION_FAILED: forbidden,
  NOT_ENOUGH_REPLICAS: {
    code: 'FAAS_KAFKA_TOO_FEW_REPLICAS',
    hint: 'Fewer replicas are in sync than min.insync.replicas of the topic asks for.',
  },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    code: 'FAAS_KAFKA_TOO_FEW_REPLICAS',
    hint: 'Fewer replicas are in sync than min.insync.replicas of the topic asks for.',
  },
  MESSAGE_TOO_LARGE: {
    code: 'FAAS_STREAM_RECORD_TOO_LARGE',
    hint: 'Send less, or raise max.message.bytes of the topic.',
  },
  RECORD_LIST_TOO_LARGE: {
    code: 'FAAS_STREAM_RECORD_TOO_LARGE',
    hint: 'Send less, or raise max.message.bytes of the topic.',
  },
  UNKNOWN_TOPIC_OR_PARTITION: { code: 'FAAS_STREAM_UNKNOWN_TOPIC', hint: 'Create it, or deploy the context that owns it.' },
  INVALID_REPLICATION_FACTOR: {
    code: 'FAAS_KAFKA_FAILED',
    hint: 'Set kafka.replication to the number of brokers or less.',
  },
  INVALID_TOPIC_EXCEPTION: { code: 'FAAS_STREAM_UNKNOWN_TOPIC', hint: 'Kafka allows letters, digits, ".", "_" and "-", 249 at most.' },
  POLICY_VIOLATION: { code: 'FAAS_KAFKA_FORBIDDEN', hint: 'A policy of the cluster refuses it.' },
  ILLEGAL_SASL_STATE: {
    code: 'FAAS_KAFKA_AUTH',
    hint: 'The broker expects no SASL at this address: set kafka.sasl to none, or the setting streams to an address where it does.',
  },
  SASL_AUTHENTICATION_FAILED: { code: 'FAAS_KAFKA_AUTH', hint: credentialsHint() },
};

/** `doing`: what was asked for, as in "append to orders". */
export function kafkaError(error: unknown, doing: string): FaasError {
  if (error instanceof FaasError) return error;
  const facts = error instanceof Error ? error.message : String(error);
  const message = `${doing}: ${facts}`;
  const known = meanings[typeOf(error) ?? ''];
  if (known !== undefined) return new FaasError(known.code, message, known.hint);
  if (error instanceof Error && error.name === 'KafkaJSSASLAuthenticationError')
    return new FaasError('FAAS_KAFKA_AUTH', message, credentialsHint());
  if (isConnectionError(error)) {
    return new FaasError(
      'FAAS_KAFKA_UNREACHABLE',
      message,
      'Check the addresses in the setting streams, and whether the brokers expect TLS (kafkas://) or SASL.',
    );
  }
  if (isPassing(error)) return new FaasError('FAAS_KAFKA_UNAVAILABLE', message, unavailable.hint);
  return new FaasError('FAAS_KAFKA_FAILED', message, 'The log of the brokers says more.');
}

function credentialsHint(): string {
  return 'Check the settings kafka.sasl and kafka.username, and the password in FAAS_KAFKA_PASSWORD or kafka.passwordFile.';
}
