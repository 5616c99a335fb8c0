import type { ParkedKey } from '../../ports/state.ts';
import { asBytes, asList, asNumber, asText } from './replies.ts';
import { prelude, script } from './script.ts';

/** KEYS parked keys, parked order. Answers key, p or r, number of events … */
export const parkedScript = script(`${prelude}
return listParked(KEYS[1], KEYS[2])
`);

/** KEYS parked order, parked entries. ARGV key, how many at most. Answers offset, entry … from the first one on. */
export const parkedEventsScript = script(`${prelude}
local from, to = parkedRange(ARGV[1])
local found = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], from, to, 'BYLEX', 'LIMIT', 0, ARGV[2])) do
  found[#found + 1] = string.sub(member, 42)
  found[#found + 1] = redis.call('HGET', KEYS[2], member)
end
return found
`);

/** KEYS parked keys. ARGV key. Answers ok or unknown. */
export const replayParkedScript = script(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 'unknown' end
redis.call('HSET', KEYS[1], ARGV[1], 'r')
return 'ok'
`);

/** What `listParked` answers, by the bytes of the key. */
export function parkedKeysFrom(reply: unknown): ParkedKey[] {
  const list = asList(reply);
  const found: { readonly bytes: Buffer; readonly parked: ParkedKey }[] = [];
  for (let i = 0; i + 2 < list.length; i += 3) {
    const bytes = asBytes(list[i] ?? null) ?? Buffer.alloc(0);
    found.push({ bytes, parked: { key: String(bytes), events: asNumber(list[i + 2]), replay: asText(list[i + 1]) === 'r' } });
  }
  return found.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ parked }) => parked);
}
