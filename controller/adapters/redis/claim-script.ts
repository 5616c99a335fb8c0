import { prelude, script } from './script.ts';

/**
 * CLAIM of docs/protocol.md: takes a source over under a new token, whoever had it.
 *
 * KEYS  progress, done, outbox, sources, figures, parked keys, parked order
 * ARGV  owner token, generation that the broker knows, now in ms, committed offset, name of the source, durable offset that the broker knows or ''
 * Answers {generation, progress as a flat list, done bits, outbox, parked keys as key, p or r, number of events …}, or {lost}, {rolled-back, filter offset} and changes nothing.
 * The progress: o owner token · g generation · k ordinal of the last commit, l its id, lq its first counter · q counter of the last emit
 *       n frontier · b offset of bit 0 · m offset of the filter · w:<stream> "generation.counter" · a:<offset> "suspect.crashes.failures"
 *       ac durable offset that was ahead of this store when an operator accepted that
 * Laws  S8, S9, S11. The generation is above that of the store, of the broker, and of the clock.
 */
export const claimScript = script(`${prelude}
local progress, done, outbox, sources, figures, parkedKeys, parkedOrder = unpack(KEYS)
local token, brokerGeneration, now, committed, name, durable = unpack(ARGV)
local p = redis.call('HMGET', progress, 'g', 'm', 'ac')
local isLost = durable ~= '' and not p[1]
local isBack = durable ~= '' and p[1] and tonumber(p[2]) < tonumber(durable) and tonumber(p[3] or '-1') < tonumber(durable)
if isLost or isBack then
  local accepted = tonumber(redis.call('HGET', figures, 'ac') or '0')
  if accepted < tonumber(brokerGeneration) then return isLost and {'lost'} or {'rolled-back', p[2]} end
  redis.call('HSET', progress, 'ac', durable)
end
local generation = math.max(tonumber(p[1] or '0'), tonumber(brokerGeneration), tonumber(now) - 1) + 1
if not p[1] then
  local start = tonumber(committed)
  redis.call('HSET', progress, 'n', committed, 'm', committed, 'b', whole(start - start % 8), 'lq', '0')
  redis.call('SADD', sources, name)
end
redis.call('HSET', progress, 'o', token, 'g', whole(generation), 'k', '0', 'l', '', 'q', '0')
return {whole(generation), redis.call('HGETALL', progress), redis.call('GET', done), redis.call('LRANGE', outbox, 0, -1),
  listParked(parkedKeys, parkedOrder)}
`);
