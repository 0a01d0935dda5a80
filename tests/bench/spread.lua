-- spread.lua - requests for items of many users, any of them in no order, over connections that stay
-- open, for wrk: wrk -s spread.lua BASE -- METHOD TOKENS ITEMS [BODY]
-- TOKENS is a file of access tokens, one a line, of users who have the items item-00001 up to ITEMS each.
-- The last line of the output is for the caller: tab-separated requests, microseconds, errors.

local tokens, items, method, body = {}
local path

function init(args)
    for line in io.lines(args[2]) do
        tokens[#tokens + 1] = "Bearer " .. line
    end
    method, items, body, path = args[1], tonumber(args[3]), args[4], wrk.path
    math.randomseed(1844)
end

function request()
    local headers = {["Authorization"] = tokens[math.random(#tokens)]}
    if body then
        headers["Content-Type"] = "application/json"
    end
    return wrk.format(method, string.format("%s/data/item-%05d", path, math.random(items)), headers, body)
end

function done(summary)
    local e = summary.errors
    io.write(string.format("\n%d\t%d\t%d\n", summary.requests, summary.duration,
        e.connect + e.read + e.write + e.timeout + e.status))
end
