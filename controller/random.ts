import { randomBytes, randomUUID } from 'node:crypto';

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
  token: () => randomBytes(16).toString('hex'),
  uuid: () => randomUUID(),
};
