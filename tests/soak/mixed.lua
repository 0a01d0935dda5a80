-- mixed.lua - what a program gets in a long life, for wrk: wrk -s mixed.lua BASE -- TOKEN SEED
-- Reads, lists, writes and refusals. The last line of the output is for the caller: tab-separated
-- requests, answers of 500 and above, and connections that failed.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

local token, prefix
broken = 0 -- global: `done` asks each thread for it

function init(args)
    token = args[1]
    prefix = wrk.path
    math.randomseed(tonumber(args[2]))
end

local patch = "application/merge-patch+json"
-- Each as often as it stands here.
local calls = {
    {"GET", "/data/k/%d"}, {"GET", "/data/k/%d"}, {"GET", "/data/k/%d"}, {"GET", "/data/k/%d"},
    {"GET", "/data/k/%d?raw=true"}, {"GET", "/data?key=k%%2F%d"},
    {"GET", "/data?limit=20&values=true"}, {"GET", "/data?prefix=k/1&count=true"},
    {"GET", "/data/none/%d"}, {"GET", "/data?limit=x"}, {"GET", "/data?cursor=%d"}, {"DELETE", "/data/none/%d"},
    {"GET", "/data/k/%d", nil, "Bearer eyJhbGciOiJub25lIn0.e30."}, {"GET", "/data/k/%d", nil, "Bearer cubby_1_1_no"},
    {"PUT", "/data/k/%d", '{"value":{"n":%d,"text":"some text, some more text"}}'},
    {"PUT", "/data/k/%d", '{"value":{"n":'}, {"PUT", "/data/k/%d", '{"value":1,"tll":%d}'},
    {"POST", "/data", '{"key":"k/%d","value":1}'},
    {"PATCH", "/data/k/%d", '{"n":null,"m":%d}', nil, patch},
}

function request()
    local number = math.random(1, 1000)
    local call = calls[math.random(1, #calls)]
    local headers = {["Authorization"] = call[4] or "Bearer " .. token}
    local body = call[3]
    if body then
        body = body:gsub("%%d", number)
        headers["Content-Type"] = call[5] or "application/json"
    end
    return wrk.format(call[1], prefix .. call[2]:gsub("%%%%", "%%"):gsub("%%d", number), headers, body)
end

function response(status)
    if status >= 500 then
        broken = broken + 1
    end
end

function done(summary)
    local answers = 0
    for _, thread in ipairs(threads) do
        answers = answers + thread:get("broken")
    end
    local e = summary.errors
    io.write(string.format("\n%d\t%d\t%d\n", summary.requests, answers, e.connect + e.read + e.write + e.timeout))
end
