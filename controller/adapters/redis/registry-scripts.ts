import { script } from './script.ts';

/**
 * One change of the registry, if nobody else made one since it was read.
 * KEYS registry (HASH: version, c:<context>, u:<unit>), then what goes with it: conditions of functions that are removed. ARGV version that was read, the next one, channel, how many fields to set, then field, value …,
 * fields to remove …
 * Answers 1, or 0 when the version is another one: nothing changed then. Laws R1, R3.
 */
export const changeScript = script(`
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
local sets = tonumber(ARGV[4])
for i = 5, 4 + 2 * sets, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = 5 + 2 * sets, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('HSET', KEYS[1], 'version', ARGV[2])
redis.call('PUBLISH', ARGV[3], '')
return 1
`);

/**
 * Leadership of a name (R6). KEYS lease (HASH: holder, until, fencing). ARGV holder, time to live and now in ms.
 * Answers the fencing number, or 0 when someone else leads.
 */
export const leadScript = script(`
local lease = redis.call('HMGET', KEYS[1], 'holder', 'until', 'fencing')
local holder, ends, fencing = lease[1] or '', tonumber(lease[2] or '0'), tonumber(lease[3] or '0')
if holder ~= ARGV[1] and holder ~= '' and ends > tonumber(ARGV[3]) then return 0 end
if holder ~= ARGV[1] then fencing = fencing + 1 end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', string.format('%.0f', tonumber(ARGV[3]) + tonumber(ARGV[2])), 'fencing', fencing)
return fencing
`);

/** KEYS lease. ARGV holder. Gives leadership up, if it is the holder's. */
export const resignScript = script(`
if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then redis.call('HSET', KEYS[1], 'holder', '', 'until', '0') end
return 1
`);
