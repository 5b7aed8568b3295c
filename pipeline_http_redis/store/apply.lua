-- Applies one folded batch once: identity marks, windows, latencies, counters, stream entry and the end of the
-- claim change together or not at all (Redis runs a script alone, and it writes nothing before all checks passed).
--
-- KEYS  1 claim     the batch's bytes; its absence says that the batch was applied before (a redelivered job)
--       2 totals    hash   counter -> samples
--       3 latency   hash   histogram bucket -> samples, for the clock "processed"
--       4 producers hash   producer -> msgpack [last sample or nil, [window, …]]
--       5 epochs    hash   producer -> "epoch,epoch,…"
--       6 stream    one entry per applied batch: which producers changed
--       7 dead      list   what was set aside, newest first
--       8 dead_runs list   its identities, newest first
-- ARGV  1 msgpack {groups, producers, times, future, duplicates, dead}
--           groups     [[producer, "epoch", [[low, high], …]], …]   sequence numbers, each identity once
--           producers  [[producer, last or nil, [[index, n, [min…], [max…], [sum…]], …]], …]
--           times      [sampled_at_us, …] of all samples but future ones
--       2 prefix of the mark keys: prefix .. producer .. ":" .. epoch
--            sorted set, one member per interval of sequence numbers: member = low, score = high
--       3 most producers, 4 most epochs per producer, 5 most intervals per epoch, 6 windows kept, 7 stream length,
--       8 entries kept in the dead list, 9 the samples set aside (those that hit a limit), as JSON,
--       10 entries kept in the list of their identities, 11 their identities, msgpack ["producer:epoch:low:high", …],
--       12 traces of its samples, for the stream entry as they are; empty where there are none
--
-- Returns {"applied"} or {"gone"}, or {"excluded", overlaps, limited} and nothing was written:
--   overlaps [[group, low, high], …] identities that are marked already; limited [[group, reason], …].
--
-- Cost: 2 Redis calls per run, 2 per 500 producers, 1 per histogram bucket touched.
-- Rejected: one SETBIT per identity (a call per sample), and HINCRBY per metric (sums of floats are not exact there).

local claim, totals, latency, producers, epochs, stream, dead, dead_runs = unpack(KEYS)
local batch = cmsgpack.unpack(ARGV[1])
local marks_prefix = ARGV[2]
local max_producers, max_epochs, max_intervals = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local windows_kept = tonumber(ARGV[6])
local EXACT = 9007199254740992 -- 2^53: sums saturate here, as in metrics_core/summary.py

if redis.call('EXISTS', claim) == 0 then
  redis.call('HINCRBY', totals, 'redelivered', 1)
  return {'gone'}
end

-- 1. Checks: nothing is written up to the end of this part.
local overlaps, limited, new_epochs, new_producers = {}, {}, {}, 0
local keys, neighbours = {}, {}
for g, group in ipairs(batch.groups) do
  local producer, epoch, runs = group[1], group[2], group[3]
  local key = marks_prefix .. producer .. ':' .. epoch
  keys[g] = key
  local fresh, growth = true, 0 -- growth: how many intervals more the epoch needs
  for r, run in ipairs(runs) do
    local low, high = run[1], run[2]
    local near = redis.call('ZRANGEBYSCORE', key, low - 1, '+inf', 'WITHSCORES', 'LIMIT', 0, 2)
    if r == 1 then neighbours[g] = near end
    local start, stop = tonumber(near[1]), tonumber(near[2])
    growth = growth + 1
    if start and stop < low then -- ends just before this run: they become one
      growth = growth - 1
      start, stop = tonumber(near[3]), tonumber(near[4])
    end
    if start == high + 1 then growth = growth - 1 end
    if start and start <= high then
      fresh = false
      local all = redis.call('ZRANGEBYSCORE', key, low, '+inf', 'WITHSCORES')
      for i = 1, #all, 2 do
        local from, to = tonumber(all[i]), tonumber(all[i + 1])
        if from > high then break end
        overlaps[#overlaps + 1] = {g - 1, math.max(from, low), math.min(to, high)}
      end
    end
  end
  if fresh and growth > 0 then -- limits; a group with repeats comes again without them
    local intervals = redis.call('ZCARD', key)
    if intervals + growth > max_intervals then
      limited[#limited + 1] = {g - 1, 'more than ' .. max_intervals .. ' gaps in the sequence numbers of one epoch'}
    elseif intervals == 0 then
      local known = new_epochs[producer] or redis.call('HGET', epochs, producer)
      if not known then
        new_producers = new_producers + 1
        if redis.call('HLEN', epochs) + new_producers > max_producers then
          limited[#limited + 1] = {g - 1, 'more than ' .. max_producers .. ' producers'}
        end
        new_epochs[producer] = epoch
      else
        local _, commas = string.gsub(known, ',', ',')
        if commas + 2 > max_epochs then
          limited[#limited + 1] = {g - 1, 'more than ' .. max_epochs .. ' restarts of one producer'}
        end
        new_epochs[producer] = known .. ',' .. epoch
      end
    end
  end
end
if #overlaps > 0 or #limited > 0 then return {'excluded', overlaps, limited} end

-- 2. Marks: each run joins the intervals it touches.
for producer, known in pairs(new_epochs) do redis.call('HSET', epochs, producer, known) end
for g, group in ipairs(batch.groups) do
  local key = keys[g]
  for r, run in ipairs(group[3]) do
    local low, high = run[1], run[2]
    local near = neighbours[g]
    if r > 1 then near = redis.call('ZRANGEBYSCORE', key, low - 1, '+inf', 'WITHSCORES', 'LIMIT', 0, 2) end
    for i = 1, #near, 2 do
      local from, to = tonumber(near[i]), tonumber(near[i + 1])
      if to == low - 1 then low = from
      elseif from == high + 1 then
        redis.call('ZREM', key, near[i])
        high = to
      end
    end
    redis.call('ZADD', key, high, low)
  end
end

-- 3. Windows: mirrors metrics_core/summary.py (Summary.merge, Windows.add).
local function merge(into, other)
  into[2] = into[2] + other[2]
  for i = 1, 5 do
    into[3][i] = math.min(into[3][i], other[3][i])
    into[4][i] = math.max(into[4][i], other[4][i])
    into[5][i] = math.min(into[5][i] + other[5][i], EXACT)
  end
end

local function add_window(kept, summary) -- returns how many samples came too late
  local place = 1
  for p = #kept, 1, -1 do
    if kept[p][1] == summary[1] then
      merge(kept[p], summary)
      return 0
    end
    if kept[p][1] < summary[1] then
      place = p + 1
      break
    end
  end
  if place == 1 and #kept > 0 and summary[1] <= kept[#kept][1] - windows_kept then return summary[2] end
  table.insert(kept, place, summary)
  while kept[1][1] <= kept[#kept][1] - windows_kept do table.remove(kept, 1) end
  return 0
end

local function newer(a, b) -- by sampled_at, epoch, seq, as in metrics_core/summary.py (rank)
  if a[4] ~= b[4] then return a[4] > b[4] end
  if a[2] ~= b[2] then return a[2] > b[2] end
  return a[3] > b[3]
end

local late, names = 0, {}
for first = 1, #batch.producers, 500 do
  local slice, fields, changed = {}, {}, {}
  for p = first, math.min(first + 499, #batch.producers) do
    slice[#slice + 1] = batch.producers[p]
    fields[#fields + 1] = batch.producers[p][1]
    names[#names + 1] = batch.producers[p][1]
  end
  local states = redis.call('HMGET', producers, unpack(fields))
  for i, part in ipairs(slice) do
    local state = states[i] and cmsgpack.unpack(states[i]) or {false, {}}
    for _, summary in ipairs(part[3]) do late = late + add_window(state[2], summary) end
    if part[2] and (not state[1] or newer(part[2], state[1])) then state[1] = part[2] end
    changed[#changed + 1] = fields[i]
    changed[#changed + 1] = cmsgpack.pack(state)
  end
  redis.call('HSET', producers, unpack(changed))
end

-- 4. Latencies: the moment of processing is now, by Redis's clock; buckets as in metrics_core/histogram.py.
local time = redis.call('TIME')
local now, counts = time[1] * 1000000 + time[2], {}
local function bucket_of(age)
  if age < 128 then return math.max(age, 0) end
  local capped = math.min(age, 4398046511103)
  local _, bits = math.frexp(capped)
  local shift = bits - 7
  return shift * 64 + math.floor(capped / 2 ^ shift)
end
for _, sampled_at in ipairs(batch.times) do
  local bucket = bucket_of(now - sampled_at)
  counts[bucket] = (counts[bucket] or 0) + 1
end
for bucket, n in pairs(counts) do redis.call('HINCRBY', latency, bucket, n) end

-- 5. Counters, stream entry, end of the claim.
local function count(name, n)
  if n > 0 then redis.call('HINCRBY', totals, name, n) end
end
count('processed', #batch.times + batch.future)
count('duplicates', batch.duplicates)
count('future', batch.future)
count('late', late)
count('dead_lettered', batch.dead)
if batch.dead > 0 then
  redis.call('LPUSH', dead, ARGV[9])
  redis.call('LTRIM', dead, 0, tonumber(ARGV[8]) - 1)
  for _, run in ipairs(cmsgpack.unpack(ARGV[11])) do redis.call('LPUSH', dead_runs, run) end
  redis.call('LTRIM', dead_runs, 0, tonumber(ARGV[10]) - 1)
end
local applied = redis.call('HINCRBY', totals, 'batches', 1)
local entry = {'batch', applied, 'producers', cmsgpack.pack(names)}
if ARGV[12] ~= '' then
  for _, part in ipairs({'traces', ARGV[12], 'at_us', string.format('%.0f', now)}) do entry[#entry + 1] = part end
end
redis.call('XADD', stream, 'MAXLEN', '~', ARGV[7], '*', unpack(entry))
redis.call('DEL', claim)
return {'applied'}
