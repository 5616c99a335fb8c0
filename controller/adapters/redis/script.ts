import { createHash } from 'node:crypto';

/** A Lua script: its text, and the hash by which the server knows it once it has been loaded. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Shared by scripts. `whole`: a number as Redis stores it, without the exponent that Lua would write. `spread`: one variadic command for a long
 * list, in pieces that fit Lua's stack; an even piece keeps pairs together. `spreadArguments`: the same for arguments as they came. `parkedRange`, `listParked`: what is parked (state-keys.ts).
 */
export const prelude = `
local function whole(number) return string.format('%d', number) end
local function spread(command, key, list)
  for i = 1, #list, 1000 do redis.call(command, key, unpack(list, i, math.min(i + 999, #list))) end
end
local function spreadArguments(command, key, from, count)
  for i = from, from + count - 1, 1000 do redis.call(command, key, unpack(ARGV, i, math.min(i + 999, from + count - 1))) end
end
local function lookUp(command, key, from, count)
  local found = {}
  for i = from, from + count - 1, 1000 do
    local part = redis.call(command, key, unpack(ARGV, i, math.min(i + 999, from + count - 1)))
    for j = 1, #part do found[#found + 1] = part[j] end
  end
  return found
end
local function parkedRange(key)
  local name = redis.sha1hex(key)
  return '[' .. name .. ':', '(' .. name .. ';'
end
local function listParked(keys, order)
  local found = {}
  local flags = redis.call('HGETALL', keys)
  for i = 1, #flags, 2 do
    local from, to = parkedRange(flags[i])
    found[#found + 1] = flags[i]
    found[#found + 1] = flags[i + 1]
    found[#found + 1] = redis.call('ZLEXCOUNT', order, from, to)
  end
  return found
end
`;
