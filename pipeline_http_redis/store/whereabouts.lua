-- Where the samples are that were accepted and not applied yet, and what was counted, all of one moment. Writes nothing.
--
-- KEYS  1 totals, 2 queue, 3 intermediate list, 4 started registry, 5 epochs
-- ARGV  1 prefix of RQ's jobs, 2 prefix of the claims, 3 prefix of the mark keys
--       4 most jobs looked at per place, 5 most mark keys added up
--
-- Returns {totals as HGETALL gives them, [[place, job id, samples], …], complete, unique}:
--   place     1 queued, 2 popped, 3 running. A job that is in two of them (its worker is slow, and it was given out again)
--             is told once, by the later place. A job whose claim is gone was applied and has nothing more to say.
--   samples   what its description says, -1 where it says nothing readable
--   complete  0: there are more jobs than looked at
--   unique    identities marked, -1: there are more mark keys than added up

local totals, queue, intermediate, started, epochs = unpack(KEYS)
local job_prefix, claim_prefix, marks_prefix = ARGV[1], ARGV[2], ARGV[3]
local most_jobs, most_marks = tonumber(ARGV[4]), tonumber(ARGV[5])

local running = redis.call('ZRANGE', started, 0, most_jobs - 1)
for i, member in ipairs(running) do running[i] = string.match(member, '^[^:]*') end -- "job:execution"
local places = {
  {3, running, redis.call('ZCARD', started)},
  {2, redis.call('LRANGE', intermediate, 0, most_jobs - 1), redis.call('LLEN', intermediate)},
  {1, redis.call('LRANGE', queue, 0, most_jobs - 1), redis.call('LLEN', queue)},
}
local jobs, seen, complete = {}, {}, 1
for _, place in ipairs(places) do
  if place[3] > most_jobs then complete = 0 end
  for _, id in ipairs(place[2]) do
    if not seen[id] and redis.call('EXISTS', claim_prefix .. id) == 1 then
      seen[id] = true
      local said = redis.call('HGET', job_prefix .. id, 'description')
      jobs[#jobs + 1] = {place[1], id, said and tonumber(string.match(said, '^(%d+) samples$')) or -1}
    end
  end
end

local unique, keys = 0, 0
local known = redis.call('HGETALL', epochs)
for i = 1, #known, 2 do
  for epoch in string.gmatch(known[i + 1], '[^,]+') do
    keys = keys + 1
    if keys > most_marks then break end
    local intervals = redis.call('ZRANGE', marks_prefix .. known[i] .. ':' .. epoch, 0, -1, 'WITHSCORES')
    for n = 1, #intervals, 2 do unique = unique + tonumber(intervals[n + 1]) - tonumber(intervals[n]) + 1 end
  end
end
if keys > most_marks then unique = -1 end
return {redis.call('HGETALL', totals), jobs, complete, unique}
