-- For wrk: sends the requests of a file in turn, and writes what came of it to $LATCHKEY_BENCH_OUTPUT.
--   wrk … --script load.lua URL -- FILE SKIPPED
-- The file holds whole requests with a NUL between them; so many of them were sent before.

local requests, at = {}, 0

function init(arguments)
  for request in io.open(arguments[1], "rb"):read("*a"):gmatch("[^%z]+") do
    requests[#requests + 1] = request
  end
  at = tonumber(arguments[2])
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  local file = io.open(os.getenv("LATCHKEY_BENCH_OUTPUT"), "w")
  file:write(string.format(
    '{"requests":%d,"per_second":%.1f,"p50":%.1f,"p99":%.1f,"bytes":%.1f,"errors":%d}\n',
    summary.requests, (summary.requests - errors.status) / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99), summary.bytes / summary.requests, failed))
  file:close()
end
