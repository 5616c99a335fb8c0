import { script } from './script.ts';

/**
 * KEYS stream, bytes. ARGV channel, then id, time, unit, data … for each entry. An id that another process has overtaken becomes the next free one (H1).
 * Those who follow are told on the channel that there is something to read.
 */
export const writeHistoryScript = script(`
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = newest[1] and tonumber(string.match(newest[1][1], '^%d+')) or 0
local bytes = 0
for i = 2, #ARGV, 4 do
  last = math.max(tonumber(ARGV[i]), last + 1)
  redis.call('XADD', KEYS[1], string.format('%.0f-0', last), 't', ARGV[i + 1], 'u', ARGV[i + 2], 'd', ARGV[i + 3])
  bytes = bytes + #ARGV[i + 3]
end
redis.call('INCRBY', KEYS[2], bytes)
redis.call('PUBLISH', ARGV[1], '')
return 1
`);

/**
 * KEYS stream, bytes. ARGV earliest time that is kept, bytes at most, entries at most.
 * Removes from the oldest on what is too old or too much (H2). Answers how many.
 */
export const expireHistoryScript = script(`
local bytes = tonumber(redis.call('GET', KEYS[2]) or '0')
local gone, freed = {}, 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[3])) do
  if tonumber(entry[2][2]) >= tonumber(ARGV[1]) and bytes - freed <= tonumber(ARGV[2]) then break end
  gone[#gone + 1] = entry[1]
  freed = freed + #entry[2][6]
end
if #gone > 0 then
  redis.call('XDEL', KEYS[1], unpack(gone))
  redis.call('DECRBY', KEYS[2], freed)
end
return #gone
`);
