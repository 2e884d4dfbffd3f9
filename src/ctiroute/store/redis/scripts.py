"""What has to happen in one step, in the server's own language. Each touches the keys of one slot alone.

They are sent whole each time: a digest would have to be sent again after every restart and fail-over, to save some 150 bytes.
"""

# KEYS: facts. ARGV: stamp of the reading, value, ms to live, stamp that cannot be. A reading that took long must not replace a later one;
# one from so far ahead is of a store whose clock was wrong, and would keep everything out until that time comes.
PUT_FACTS = """
local was = redis.call('GETRANGE', KEYS[1], 0, 15)
if was > ARGV[1] and was < ARGV[4] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""

# KEYS: filling, marker. ARGV: token of the pass, marker, ms to live.
# A bucket is whole only if it was neither flushed nor begun by somebody else since this pass began.
FINISH_BUCKET = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[1])
return 1
"""

# KEYS: any. ARGV: value. What somebody else holds by now stays.
DELETE_IF = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
