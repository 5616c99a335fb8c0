import { prelude, script } from './script.ts';

/**
 * COMMIT of docs/protocol.md: all or nothing, fenced by owner token and ordinal.
 *
 * KEYS  progress, done, outbox, state, versions, index, ids, answers, figures, parked keys, parked order, parked entries (state-keys.ts)
 * ARGV  1 owner token · 2 ordinal · 3 commit id · 4 expected frontier or '' · 5 new offset of the duplicate filter · 6 now in ms
 *       7 to 15 how many: done ranges, cleared attempts, high seqs, ids, answers, known ids, reads, sets, deletes · 16 how many emits
 *       17 to 19 how many: holds, pops, ends of a replay · 20 "generation.counter" with which the entries of the emits begin; then in this order
 *       from, to … · offset … · stream, "generation.counter" … · id … , window end … · id, answer … · id … · key … , version or '' …
 *       · key … , value … , index of the write … · key … · outbox entry … · key, offset (16 digits), entry … · key, offset … · key …
 * Answers {ok | already, generation, first counter, frontier}, {fenced}, {rollback}, {conflict, detail}, {duplicate, id …}, {unknown, id …}, {stale, key …},
 *       {renumber, generation, first counter} where the entries of the emits do not begin with that: written here, each would be copied and hashed once more.
 * Laws  S1 to S6, S10 and S12. Nothing is written before the last check, and nothing can fail after the first write: Redis undoes nothing.
 *       The checks stand in the order of the protocol.
 */
export const commitScript = script(`${prelude}
local progress, done, outbox, state, versions, index, ids, answers, figures, parkedKeys, parkedOrder, parkedEntries = unpack(KEYS)
local p = redis.call('HMGET', progress, 'o', 'k', 'l', 'lq', 'q', 'n', 'b', 'm', 'g')
local ordinal, id, now = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[6])
if p[1] ~= ARGV[1] then return {'fenced'} end
if ordinal == tonumber(p[2]) and p[3] == id then return {'already', p[9], p[4], p[6]} end
if ordinal ~= tonumber(p[2]) + 1 then return {'rollback'} end

local count = {}
for i = 7, 19 do count[i] = tonumber(ARGV[i]) end
local doneAt = 21
local clearAt = doneAt + 2 * count[7]
local highAt = clearAt + count[8]
local idsAt = highAt + 2 * count[9]
local endsAt = idsAt + count[10]
local answersAt = endsAt + count[10]
local knownAt = answersAt + 2 * count[11]
local readsAt = knownAt + count[12]
local expectedAt = readsAt + count[13]
local setsAt = expectedAt + count[13]
local valuesAt = setsAt + count[14]
local indexesAt = valuesAt + count[14]
local deletesAt = indexesAt + count[14]
local emitsAt = deletesAt + count[15]
local holdsAt = emitsAt + count[16]
local popsAt = holdsAt + 3 * count[17]
local unflagsAt = popsAt + 2 * count[18]

-- Offsets: the frontier moves over ranges that begin at it and over what is done already; the rest becomes bits.
local frontier, base = tonumber(p[6]), tonumber(p[7])
local bits = count[7] > 0 and 8 * redis.call('STRLEN', done) or 0
local above = {}
for i = doneAt, clearAt - 2, 2 do
  local from, to = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  if from < to then
    if from < tonumber(p[6]) then return {'conflict', 'offset ' .. whole(from) .. ' is already done'} end
    if from - base < bits then
      local bit = redis.call('BITPOS', done, 1, whole(from - base), whole(math.min(to - base, bits) - 1), 'BIT')
      if bit >= 0 then return {'conflict', 'offset ' .. whole(base + bit) .. ' is already done'} end
    end
    if from == frontier then
      frontier = to
      if frontier - base < bits then
        local clear = redis.call('BITPOS', done, 0, whole(frontier - base), -1, 'BIT')
        frontier = base + (clear >= 0 and clear or bits)
      end
    else
      if to - frontier > 67108864 then return redis.error_reply('FAR an offset is more than 2^26 above the frontier') end
      above[#above + 1] = {from, to}
    end
  end
end
if ARGV[4] ~= '' and ARGV[4] ~= p[6] then return {'conflict', 'the frontier is ' .. p[6] .. ', not ' .. ARGV[4]} end

for i = popsAt, unflagsAt - 2, 2 do
  local from, to = parkedRange(ARGV[i])
  local first = redis.call('ZRANGE', parkedOrder, from, to, 'BYLEX', 'LIMIT', 0, 1)[1]
  if not first or string.sub(first, 42) ~= ARGV[i + 1] then
    return {'conflict', 'offset ' .. whole(tonumber(ARGV[i + 1])) .. ' is not the first parked event of its key'}
  end
end

local ends = {}
if count[10] > 0 then
  ends = lookUp('ZMSCORE', ids, idsAt, count[10])
  local duplicate = {'duplicate'}
  for i = 1, count[10] do
    if ends[i] and tonumber(ends[i]) > now then duplicate[#duplicate + 1] = ARGV[idsAt + i - 1] end
  end
  if #duplicate > 1 then return duplicate end
end
if count[12] > 0 then
  local found = lookUp('ZMSCORE', ids, knownAt, count[12])
  local unknown = {'unknown'}
  for i = 1, count[12] do
    if not (found[i] and tonumber(found[i]) > now) then unknown[#unknown + 1] = ARGV[knownAt + i - 1] end
  end
  if #unknown > 1 then return unknown end
end
-- Versions by key: most keys that are written were read.
local known = {}
local function versionsOf(from, count)
  local missing = {}
  for i = from, from + count - 1 do
    if known[ARGV[i]] == nil then missing[#missing + 1] = ARGV[i] end
  end
  for i = 1, #missing, 1000 do
    local part = redis.call('HMGET', versions, unpack(missing, i, math.min(i + 999, #missing)))
    for j = 1, #part do known[missing[i + j - 1]] = part[j] end
  end
end
if count[13] > 0 then
  versionsOf(readsAt, count[13])
  local stale = {'stale'}
  for i = 1, count[13] do
    local stored = known[ARGV[readsAt + i - 1]]
    local version = stored and string.sub(stored, string.find(stored, ':', 1, true) + 1) or ''
    if version ~= ARGV[expectedAt + i - 1] then stale[#stale + 1] = ARGV[readsAt + i - 1] end
  end
  if #stale > 1 then return stale end
end

local first = tonumber(p[5]) + 1
if count[16] > 0 and ARGV[20] ~= p[9] .. '.' .. whole(first) then return {'renumber', p[9], whole(first)} end

-- Nothing was written above, nothing is refused below.
local bytes = 0
if count[14] > 0 then
  versionsOf(setsAt, count[14])
  local values, stamps, created = {}, {}, {}
  for i = 1, count[14] do
    local key, value = ARGV[setsAt + i - 1], ARGV[valuesAt + i - 1]
    values[2 * i - 1], values[2 * i] = key, value
    stamps[2 * i - 1], stamps[2 * i] = key, #value .. ':' .. id .. ':' .. ARGV[indexesAt + i - 1]
    bytes = bytes + #value
    if known[key] then
      bytes = bytes - tonumber(string.match(known[key], '^%d+'))
    else
      created[#created + 1] = '0'
      created[#created + 1] = key
    end
  end
  spread('HSET', state, values)
  spread('HSET', versions, stamps)
  spread('ZADD', index, created)
end
if count[15] > 0 then
  versionsOf(deletesAt, count[15])
  local gone = {}
  for i = deletesAt, deletesAt + count[15] - 1 do
    if known[ARGV[i]] then
      bytes = bytes - tonumber(string.match(known[ARGV[i]], '^%d+'))
      gone[#gone + 1] = ARGV[i]
    end
  end
  spread('HDEL', state, gone)
  spread('HDEL', versions, gone)
  spread('ZREM', index, gone)
end
if bytes ~= 0 then redis.call('HINCRBY', figures, 'vb', whole(bytes)) end

if count[10] > 0 then
  local added, size = {}, 0
  for i = 1, count[10] do
    local each = ARGV[idsAt + i - 1]
    -- An id whose window is over may still be there, with its answer.
    if ends[i] then
      size = size - #each - 100 - redis.call('HSTRLEN', answers, each)
      redis.call('HDEL', answers, each)
    end
    size = size + #each + 100
    added[2 * i - 1], added[2 * i] = ARGV[endsAt + i - 1], each
  end
  spread('ZADD', ids, added)
  local kept = {}
  for i = 0, 2 * count[11] - 1, 2 do
    kept[i + 1], kept[i + 2] = ARGV[answersAt + i], ARGV[answersAt + i + 1]
    size = size + #ARGV[answersAt + i + 1]
  end
  spread('HSET', answers, kept)
  redis.call('HINCRBY', figures, 'ib', whole(size))
end

spreadArguments('RPUSH', outbox, emitsAt, count[16])

for i = holdsAt, popsAt - 3, 3 do
  local member = redis.sha1hex(ARGV[i]) .. ':' .. ARGV[i + 1]
  redis.call('ZADD', parkedOrder, '0', member)
  redis.call('HSET', parkedEntries, member, ARGV[i + 2])
  redis.call('HSETNX', parkedKeys, ARGV[i], 'p')
end
for i = popsAt, unflagsAt - 2, 2 do
  local member = redis.sha1hex(ARGV[i]) .. ':' .. ARGV[i + 1]
  redis.call('ZREM', parkedOrder, member)
  redis.call('HDEL', parkedEntries, member)
  local from, to = parkedRange(ARGV[i])
  if redis.call('ZLEXCOUNT', parkedOrder, from, to) == 0 then redis.call('HDEL', parkedKeys, ARGV[i]) end
end
for i = unflagsAt, unflagsAt + count[19] - 1 do
  if redis.call('HEXISTS', parkedKeys, ARGV[i]) == 1 then redis.call('HSET', parkedKeys, ARGV[i], 'p') end
end

if count[8] > 0 then
  local cleared = {}
  for i = 1, count[8] do cleared[i] = 'a:' .. ARGV[clearAt + i - 1] end
  spread('HDEL', progress, cleared)
end
local filter = p[8]
if tonumber(ARGV[5]) > tonumber(filter) then
  filter = ARGV[5]
  local high = {}
  for i = 0, 2 * count[9] - 1, 2 do high[i + 1], high[i + 2] = 'w:' .. ARGV[highAt + i], ARGV[highAt + i + 1] end
  spread('HSET', progress, high)
end

-- Whole bytes below the frontier are dropped, seldom enough to cost nothing.
local below = frontier - base
if bits > 0 and below > 0 then
  if below >= bits or (#above == 0 and redis.call('BITPOS', done, 1, whole(below), -1, 'BIT') < 0) then
    redis.call('DEL', done)
    bits = 0
  elseif below >= 8192 then
    local cut = math.floor(below / 8)
    redis.call('SET', done, redis.call('GETRANGE', done, whole(cut), -1))
    base = base + 8 * cut
  end
end
if bits == 0 and count[7] > 0 then base = frontier - frontier % 8 end
local fields = {}
local function setBits(from, to)
  while from < to do
    local bits = math.min(to - from, 32)
    local at = #fields
    fields[at + 1], fields[at + 2], fields[at + 3], fields[at + 4] = 'SET', 'u' .. bits, whole(from), whole(2 ^ bits - 1)
    from = from + bits
  end
end
for _, range in ipairs(above) do
  local from, to = range[1] - base, range[2] - base
  local full = math.floor(to / 8) - math.ceil(from / 8)
  if full >= 16 then
    local first = 8 * math.ceil(from / 8)
    redis.call('SETRANGE', done, whole(first / 8), string.rep('\\255', full))
    setBits(from, first)
    setBits(first + 8 * full, to)
  else
    setBits(from, to)
  end
end
spread('BITFIELD', done, fields)

redis.call('HSET', progress, 'k', ARGV[2], 'l', id, 'lq', whole(first), 'q', whole(first + count[16] - 1),
  'n', whole(frontier), 'b', whole(base), 'm', filter)
return {'ok', p[9], whole(first), whole(frontier)}
`);
