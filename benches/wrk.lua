-- What wrk sends: payments that are all different, by 2,000 members that come again and again.
-- wrk ... -s benches/wrk.lua URL -- TOKEN BATCH RUN   (BATCH: events in a request, 1 for single)
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local function event(id, member)
  return string.format(
    '{"specversion":"1.0","id":"%s","source":"/bench","type":"payment.discounted",' ..
    '"time":"2026-11-02T10:15:30Z","data":{"member":"m-%d","order":"%s","store":"s-1",' ..
    '"currency":"CNY","gross":"215.50","discount":"30.00","paid":"185.50",' ..
    '"scheme":"spend-200-save-30"}}', id, member, id)
end

function init(args)
  token, batch, run = args[1], tonumber(args[2]), args[3]
  count = 0
  path = batch > 1 and "/v1/events:batch" or "/v1/events"
  headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
end

function request()
  local events = {}
  for i = 1, batch do
    count = count + 1
    events[i] = event(run .. "-" .. number .. "-" .. count, count % 2000)
  end
  local body = batch > 1 and "[" .. table.concat(events, ",") .. "]" or events[1]
  return wrk.format("POST", path, headers, body)
end
