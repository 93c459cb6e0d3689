-- Arguments: headers of every request as "NAME: VALUE", then HOST PATH, once or more; these requests are sent in turn.
function init(args)
  local first = 1
  while true do
    local name, value = args[first]:match("^(.-): (.*)$")
    if not name then break end
    wrk.headers[name] = value
    first = first + 1
  end
  local texts = {}
  for i = first, #args, 2 do
    wrk.headers["Host"] = args[i]
    texts[#texts + 1] = wrk.format("GET", args[i + 1])
  end
  wrk.path = args[first + 1]
  -- with a single request wrk need not ask for the next one
  if #texts == 1 then return end
  local last = 0
  function request()
    last = last % #texts + 1
    return texts[last]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationMicros":%d,"p50Micros":%d,"p99Micros":%d,"badStatuses":%d,"socketErrors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
