-- keep_alive.lua - one request, again and again over connections that stay open, for wrk:
-- wrk -s keep_alive.lua BASE -- METHOD PATH TOKEN [BODY]
-- The last line of the output is for the caller: tab-separated requests, microseconds, errors, and the
-- median and 99th percentile of the latency in microseconds.

local text

function init(args)
    local headers = {["Authorization"] = "Bearer " .. args[3]}
    if args[4] then
        headers["Content-Type"] = "application/json"
    end
    text = wrk.format(args[1], wrk.path .. args[2], headers, args[4])
end

function request()
    return text
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("\n%d\t%d\t%d\t%d\t%d\n", summary.requests, summary.duration,
        e.connect + e.read + e.write + e.timeout + e.status, latency:percentile(50), latency:percentile(99)))
end
