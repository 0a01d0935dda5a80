-- load.lua - the requests of one measured call, for wrk: wrk -s load.lua BASE -- CALL TOKEN TURN [PATH]
-- The last line of the output is for the caller: tab-separated requests, microseconds, errors,
-- and the median and 99th percentile of the latency in microseconds.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local calls = {
    empty = {"GET", "/empty"},
    read = {"GET", "/data/greeting"},
    list = {"GET", "/data?limit=20"},
    store = {"POST", "/data", '{"key":"%s","value":{"text":"hello world","list":[1,2,3]}}'},
    update = {"PUT", "/data/greeting", '{"value":{"text":"hello world","list":[1,2,3]}}'},
    delete = {"DELETE", "/data/%s"},
    token = {"POST", "/token", '{"username":"ada","password":"Engine-1843"}'},
    register = {"POST", "/register", '{"username":"%s","email":"%s@example.org","full_name":' ..
        '"Ada Lovelace","age":36,"gender":"female","password":"Engine-1843"}'},
}

local call, token, turn, prefix
local count = 0

function init(args)
    token, turn = args[2], args[3]
    local name = args[1]
    prefix = wrk.path
    call = calls[name] or {name, args[4]} -- or a method and a path
end

function request()
    count = count + 1
    local key = string.format("k-%s-%d-%d", turn, number, count)
    local method, path, body = call[1], call[2]:gsub("%%s", key), call[3]
    local headers = {["Connection"] = "close", ["Authorization"] = "Bearer " .. token}
    if body then
        body = body:gsub("%%s", key)
        headers["Content-Type"] = "application/json"
    end
    -- busybox httpd hands over whole bodies for POST only; the same on all servers.
    if method ~= "GET" and method ~= "POST" then
        headers["X-HTTP-Method-Override"] = method
        method = "POST"
    end
    if method == "POST" then
        body = body or "" -- lighttpd wants a length
    end
    return wrk.format(method, prefix .. path, headers, body)
end

-- Not counted as errors: reads that find the connection closed, which it is after every answer.
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("\n%d\t%d\t%d\t%d\t%d\n", summary.requests, summary.duration,
        e.connect + e.write + e.timeout + e.status, latency:percentile(50), latency:percentile(99)))
end
