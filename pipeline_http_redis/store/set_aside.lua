-- Sets aside a batch whose job failed for good: its claim moves to the dead list and its samples are counted, once.
--
-- KEYS  1 claim, 2 totals, 3 dead
-- ARGV  1 samples of the batch, 2 entries kept in the dead list
-- Returns 1 where the claim was there, else 0 (the batch was applied or set aside before).
local body = redis.call('GET', KEYS[1])
if not body then return 0 end
redis.call('LPUSH', KEYS[3], body)
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[2]) - 1)
redis.call('HINCRBY', KEYS[2], 'dead_lettered', ARGV[1])
redis.call('DEL', KEYS[1])
return 1
