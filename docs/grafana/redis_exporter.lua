-- For redis_exporter's --script: what `INFO kafka` says, as redis_script_values{key="rides:lag"}.
-- redis_exporter itself passes on only the fields of INFO that it knows.
local states = { running = 1, standby = 2, paused = 3, waiting = 4, stopped = 5 }
local contacts = { down = 0, up = 1 }
local values = {}

local function add(key, value)
  if tonumber(value) then
    values[#values + 1] = key
    values[#values + 1] = tostring(value)
  end
end

for name, value in string.gmatch(redis.call('INFO', 'kafka'), 'kafka_([^:\r\n]+):([^\r\n]*)') do
  local subscription = string.match(name, '^sub_(.+)$')
  if subscription then
    for figure, of in string.gmatch(value, '([%w_]+)=([^,]*)') do
      add(subscription .. ':' .. figure, states[of] or contacts[of] or of)
    end
  else
    add('kafka:' .. name, value)
  end
end
return values
