# report.jq - the results of run.sh as one document: medians over the rounds, with the spread.
def median: sort | .[length / 2 | floor];
def round_to(n): . * n | round / n;
($runs | group_by([.server, .call, .connections]) | map(
    map(.requests / .us * 1e6) as $rates |
    {server: .[0].server, call: .[0].call, connections: .[0].connections,
     per_second: ($rates | median | round), slowest: ($rates | min | round), fastest: ($rates | max | round),
     p50_us: (map(.p50_us) | median), p99_us: (map(.p99_us) | median), errors: (map(.errors) | add)})) as $http
| {when: $when, machine: $machine,
   executions: ($executions[0] | map(.ratio |= round_to(100) | .ratio_fastest |= round_to(100))),
   sizes: $sizes[0],
   http: ($http | map(. as $row
     | ($http | map(select(.server == $row.server and .connections == $row.connections))) as $same
     | . + {to_empty: ($row.per_second / ($same | map(select(.call == "empty").per_second) | first) | round_to(100))}
     | ($same | map(select(.call == "bare-" + $row.call)) | first) as $bare
     | if $bare then . + {to_bare: ($row.per_second / $bare.per_second | round_to(100))} else . end))}
