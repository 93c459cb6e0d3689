-- Arguments: HOST PATH, once or more; these requests are sent in turn.
-- Ten request headers, Host included, as a browser behind a login sends them.
wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
wrk.headers["Accept"] = "application/json, text/plain, */*"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.7,de;q=0.3"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
wrk.headers["Referer"] = "https://shop.example.com/orders?page=2"
wrk.headers["Cookie"] = "session=4f0c9a1be7d24c55a0b1c2d3e4f5a6b7; theme=dark"
wrk.headers["Cache-Control"] = "no-cache"
wrk.headers["Sec-Fetch-Mode"] = "cors"
wrk.headers["Priority"] = "u=4"

function init(args)
  local texts = {}
  for i = 1, #args, 2 do
    wrk.headers["Host"] = args[i]
    texts[#texts + 1] = wrk.format("GET", args[i + 1])
  end
  wrk.path = args[2]
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
