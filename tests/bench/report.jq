# report.jq - the results of run.sh as one document: medians over the rounds, with the spread.
def median: sort | .[length / 2 | floor];
def round_to(n): . * n | round / n;
def rate: .requests / .us * 1e6;
# How a call compares with another: the median of what the rounds say, each for itself.
def compared(rows; others):
    [rows[] as $row | others[] | select(.round == $row.round and .requests > 0) | ($row | rate) / rate]
    | if . == [] then null else median | round_to(100) end;
def rows($server; $call; $connections):
    $runs | map(select(.server == $server and .call == $call and .connections == $connections));
{when: $when, machine: $machine,
 executions: ($executions[0] | map(.ratio |= round_to(100) | .ratio_fastest |= round_to(100))),
 sizes: $sizes[0],
 http: ($runs | group_by([.server, .call, .connections]) | map(. as $these | .[0] as {$server, $call, $connections} |
    {server: $server, call: $call, connections: $connections,
     per_second: (map(rate) | median | round), slowest: (map(rate) | min | round), fastest: (map(rate) | max | round),
     to_empty: compared($these; rows($server; "empty"; $connections)),
     to_bare: compared($these; rows($server; "bare-" + $call; $connections)),
     p50_us: (map(.p50_us) | median), p99_us: (map(.p99_us) | median), errors: (map(.errors) | add)}))}
