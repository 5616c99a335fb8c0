import { prelude, script } from './script.ts';

/**
 * ATTEMPT of docs/protocol.md. KEYS progress. ARGV owner token, then offset, "suspect.crashes.failures" …
 * Answers ok or fenced (S3).
 */
export const attemptsScript = script(`
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 'fenced' end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], 'a:' .. ARGV[i], ARGV[i + 1]) end
return 'ok'
`);

/**
 * TRIM of docs/protocol.md. KEYS progress, outbox. ARGV owner token, generation, counter of the last entry to go.
 * Answers ok or fenced (S3). Entries are ascending, and counters within a generation have no gaps: those of one generation go in one step.
 */
export const trimScript = script(`${prelude}
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 'fenced' end
local generation, counter = tonumber(ARGV[2]), tonumber(ARGV[3])
while true do
  local head = redis.call('LINDEX', KEYS[2], 0)
  if not head then return 'ok' end
  local g, q = string.match(head, '^(%d+)%.(%d+)')
  g, q = tonumber(g), tonumber(q)
  if g > generation or (g == generation and q > counter) then return 'ok' end
  if g == generation and tonumber(string.match(redis.call('LINDEX', KEYS[2], -1), '^%d+')) == g then
    redis.call('LTRIM', KEYS[2], whole(counter - q + 1), -1)
    return 'ok'
  end
  redis.call('LPOP', KEYS[2])
end
`);

/**
 * KEYS progress, done, sources. ARGV name of the source, new frontier, token of who must own it or ''. Answers ok or fenced.
 * Generation and outbox stay: what was committed is still to be sent, and emits of the next owner come after it.
 */
export const resetScript = script(`${prelude}
if ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'o') ~= ARGV[3] then return 'fenced' end
local generation = redis.call('HGET', KEYS[1], 'g') or '0'
local frontier = tonumber(ARGV[2])
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'g', generation, 'k', '0', 'l', '', 'lq', '0', 'q', '0', 'n', ARGV[2], 'm', ARGV[2], 'b', whole(frontier - frontier % 8))
redis.call('SADD', KEYS[3], ARGV[1])
return 'ok'
`);

/** KEYS progress, done, in turn for each source. Answers frontier, number of done offsets above it, in turn; '' for a source that is not there. */
export const progressScript = script(`${prelude}
local found = {}
for i = 1, #KEYS, 2 do
  local p = redis.call('HMGET', KEYS[i], 'n', 'b')
  found[#found + 1] = p[1] or ''
  found[#found + 1] = p[1] and redis.call('BITCOUNT', KEYS[i + 1], whole(tonumber(p[1]) - tonumber(p[2])), -1, 'BIT') or 0
end
return found
`);

/**
 * KEYS ids, answers, figures. ARGV now in ms, bytes to be freed, latest window end that may be removed for them, ids at most.
 * Removes ids whose window is over, and then the ones that end first until the bytes are free.
 * Answers how many were removed, how many of them before their end, bytes left, window end of the next one or ''.
 */
export const expireScript = script(`${prelude}
local now, wanted, latest, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local oldest = redis.call('ZRANGE', KEYS[1], 0, most - 1, 'WITHSCORES')
local gone, freed, early = {}, 0, 0
for i = 1, #oldest, 2 do
  local ends = tonumber(oldest[i + 1])
  if ends > now then
    if freed >= wanted or ends > latest then break end
    early = early + 1
  end
  freed = freed + #oldest[i] + 100 + redis.call('HSTRLEN', KEYS[2], oldest[i])
  gone[#gone + 1] = oldest[i]
end
spread('ZREM', KEYS[1], gone)
spread('HDEL', KEYS[2], gone)
local left = freed > 0 and redis.call('HINCRBY', KEYS[3], 'ib', whole(-freed)) or tonumber(redis.call('HGET', KEYS[3], 'ib') or '0')
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {#gone, early, whole(left), next[2] or ''}
`);
