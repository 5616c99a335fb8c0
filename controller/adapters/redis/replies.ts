import { FaasError } from '../../errors.ts';

/** Replies of a server, made into values. What does not have the form that it must have is a server that speaks something else. */
export function asList(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw unexpected(reply);
}

export function asText(reply: unknown): string {
  if (Buffer.isBuffer(reply) || typeof reply === 'string') return reply.toString();
  throw unexpected(reply);
}

export function asNumber(reply: unknown): number {
  return typeof reply === 'number' ? reply : Number(asText(reply));
}

/** null: there is none. */
export function asBytes(reply: unknown): Buffer | null {
  if (reply === null || Buffer.isBuffer(reply)) return reply;
  throw unexpected(reply);
}

export function asBuffers(reply: unknown): Buffer[] {
  return asList(reply).map(part => asBytes(part) ?? Buffer.alloc(0));
}

function unexpected(reply: unknown): FaasError {
  return new FaasError('FAAS_STORE_FAILED', `Redis answered with ${typeof reply} where something else is expected`);
}
