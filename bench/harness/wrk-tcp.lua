-- Arguments: HOST PATH "connection" VALUE. What goes through a TCP proxy; the requests are only what both ends understand.
function init(args)
  wrk.path = args[2]
  wrk.headers["Host"] = args[1]
  wrk.headers["Connection"] = args[4]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationMicros":%d,"p50Micros":%d,"p99Micros":%d,"badStatuses":%d,"socketErrors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
