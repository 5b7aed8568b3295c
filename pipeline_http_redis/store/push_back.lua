-- Returns a job that was popped and never started to the front of the queue. Two workers may try at the same time, and
-- the job may have been done meanwhile: whoever finds it in the intermediate list moves it, once; an id without a job
-- is only taken out.
--
-- KEYS  1 intermediate list, 2 queue, 3 the job's hash
-- ARGV  1 id of the job
-- Returns 1 where it is in the queue again, else 0.
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
