-- Sets aside a batch whose job failed for good: its claim moves to the dead list and its samples are counted, once.
--
-- KEYS  1 claim, 2 totals, 3 dead, 4 identities of what is dead
-- ARGV  1 samples of the batch, 2 entries kept in the dead list, 3 entries kept in the list of identities,
--       4 identities of the batch, msgpack ["producer:epoch:low:high", …]; empty where it cannot be read
-- Returns 1 where the claim was there, else 0 (the batch was applied or set aside before).
local body = redis.call('GET', KEYS[1])
if not body then return 0 end
redis.call('LPUSH', KEYS[3], body)
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[2]) - 1)
for _, run in ipairs(cmsgpack.unpack(ARGV[4])) do redis.call('LPUSH', KEYS[4], run) end
redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[3]) - 1)
redis.call('HINCRBY', KEYS[2], 'dead_lettered', ARGV[1])
redis.call('DEL', KEYS[1])
return 1
