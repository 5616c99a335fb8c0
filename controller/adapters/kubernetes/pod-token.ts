import { createHash, createHmac } from 'node:crypto';

/** The token of a pod's wire: whoever has the secret and the pod's boot id can make it again, and nobody else. */
export function podToken(secret: string, bootId: string): string {
  return createHmac('sha256', secret).update(`faas pod ${bootId}`).digest('hex');
}

export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
