import { randomFillSync, randomUUID } from 'node:crypto';

/** Chance comes in through here alone; the simulation passes a seeded one. */
export interface Random {
  /** A uniform number in [0, 1). */
  fraction(): number;
  /** 128 random bits as 32 lower-case hex digits: owner tokens, batch tokens, boot ids. */
  token(): string;
  uuid(): string;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  token: pooledTokens(),
  uuid: () => randomUUID(),
};

/** One call of the system for 256 tokens: several are made per call and per batch, and each by itself would cost microseconds. */
function pooledTokens(): () => string {
  const tokenBytes = 16;
  const pool = Buffer.alloc(256 * tokenBytes);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += tokenBytes;
    return pool.toString('hex', at - tokenBytes, at);
  };
}
