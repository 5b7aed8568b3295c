-- Returns a job to the front of the queue: one that was popped and never started, or one that its worker could not
-- finish because the store was away. Two workers may try at the same time, and the job may have been done meanwhile:
-- whoever finds it in the started registry or in the intermediate list moves it, once; an id without a job is only
-- taken out.
--
-- KEYS  1 intermediate list, 2 queue, 3 the job's hash, 4 started registry
-- ARGV  1 id of the job, 2 its entry in the started registry (empty: it was not started)
-- Returns 1 where it is in the queue again, else 0.
local found = ARGV[2] ~= '' and redis.call('ZREM', KEYS[4], ARGV[2]) or 0
if found == 0 then found = redis.call('LREM', KEYS[1], 1, ARGV[1]) end
if found == 0 or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
