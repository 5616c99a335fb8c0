import { prelude, script } from './script.ts';

/**
 * CLAIM of docs/protocol.md: takes a source over under a new token, whoever had it.
 *
 * KEYS  progress, done, outbox, sources, figures, parked keys, parked order, progress of other sources …
 * ARGV  owner token, generation that the broker knows, now in ms, committed offset, name of the source, durable offset that the broker knows or '', id of the topic or '',
 *       then of each other source the generation and the durable offset that the broker knows
 * Answers {generation, progress as a flat list, done bits, outbox, parked keys as key, p or r, number of events …}, or {lost or rolled-back, filter offset, which of the others or 0} and changes nothing.
 * The progress: o owner token · g generation · k ordinal of the last commit, l its id, lq its first counter · q counter of the last emit
 *       n frontier · b offset of bit 0 · m offset of the filter · w:<stream> "generation.counter" · a:<offset> "suspect.crashes.failures"
 *       ti id of the topic that the offsets are of
 *       ac durable offset that was ahead of this store when an operator accepted that
 * Laws  S8, S9, S11. The generation is above that of the store, of the broker, and of the clock.
 */
export const claimScript = script(`${prelude}
local progress, done, outbox, sources, figures, parkedKeys, parkedOrder = unpack(KEYS)
local token, brokerGeneration, now, committed, name, durable, topicId = unpack(ARGV)
local accepted = tonumber(redis.call('HGET', figures, 'ac') or '0')
local function behind(p, durable)
  if not p[1] then return 'lost' end
  if tonumber(p[2]) < tonumber(durable) and tonumber(p[3] or '-1') < tonumber(durable) then return 'rolled-back' end
end
for other = 1, #KEYS - 7 do
  local p = redis.call('HMGET', KEYS[7 + other], 'g', 'm', 'ac')
  local how = behind(p, ARGV[7 + 2 * other])
  if how and accepted < tonumber(ARGV[6 + 2 * other]) then return {how, p[2] or '0', other} end
end
local p = redis.call('HMGET', progress, 'g', 'm', 'ac')
local how = durable ~= '' and behind(p, durable)
if how then
  if accepted < tonumber(brokerGeneration) then return {how, p[2] or '0', 0} end
  redis.call('HSET', progress, 'ac', durable)
end
local generation = math.max(tonumber(p[1] or '0'), tonumber(brokerGeneration), tonumber(now) - 1) + 1
if not p[1] then
  local start = tonumber(committed)
  redis.call('HSET', progress, 'n', committed, 'm', committed, 'b', whole(start - start % 8), 'lq', '0')
  redis.call('SADD', sources, name)
end
if topicId ~= '' then redis.call('HSETNX', progress, 'ti', topicId) end
redis.call('HSET', progress, 'o', token, 'g', whole(generation), 'k', '0', 'l', '', 'q', '0')
return {whole(generation), redis.call('HGETALL', progress), redis.call('GET', done), redis.call('LRANGE', outbox, 0, -1),
  listParked(parkedKeys, parkedOrder)}
`);
