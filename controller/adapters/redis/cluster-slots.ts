import { FaasError } from '../../errors.ts';
import { asList, asNumber, asText } from './replies.ts';

export const slotCount = 16_384;

/** Which node serves each slot: `host:port`, by slot. */
export type SlotMap = readonly string[];

/**
 * From the answer of CLUSTER SLOTS: [from, to, [host, port, …], replicas …] … A node that does not know its own host is where we asked; `place`: that, for messages.
 * Throws FAAS_REDIS_SLOTS when a slot has no node.
 */
export function slotMap(reply: unknown, askedHost: string, place: string): SlotMap {
  const nodes: string[] = [];
  for (const range of asList(reply)) {
    const [from, to, primary] = asList(range);
    const [host, port] = asList(primary);
    const name = host === null ? '' : asText(host);
    const node = `${name === '' ? askedHost : name}:${asNumber(port)}`;
    for (let slot = asNumber(from); slot <= asNumber(to); slot += 1) nodes[slot] = node;
  }
  for (let slot = 0; slot < slotCount; slot += 1) {
    if (nodes[slot] !== undefined) continue;
    const hint = 'Give the slot to a node of the cluster in the setting state (redis-cli --cluster fix), and start again.';
    throw new FaasError('FAAS_REDIS_SLOTS', `no node of the Redis cluster at ${place} serves slot ${slot}`, hint);
  }
  return nodes;
}

/** Of a key without a hash tag, or of the tag: CRC16 (XMODEM) as the cluster specification has it. */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc % slotCount;
}
