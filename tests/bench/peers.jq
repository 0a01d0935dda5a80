# peers.jq - the runs of peers.sh as one document: medians over the rounds, and ratios, each of which is the
# median of what the rounds say, each for itself.
def median: sort | .[length / 2 | floor];
def hundredths: . * 100 | round / 100;
def rate: .requests / .us * 1e6;
def loops: ["lighttpd", "nginx"];
def peers: ["flask", "fastify"];

# The rate of the side NAME in each round; of these runs.
def of($name): [.[] | select(.side == $name)] | sort_by(.round) | map(rate);
def ratios($above; $below): [range($above | length) as $i | $above[$i] / $below[$i]] | median | hundredths;
def better_peer: . as $runs | peers | max_by(. as $peer | $runs | of($peer) | median);

{when: $when, machine: $machine, flask: $flask, fastify: $fastify,
 rows: ($runs | group_by([.journal, .call, .connections]) | map(
    . as $these | .[0] as {$journal, $call, $connections} | better_peer as $peer |
    {journal: $journal, call: $call, connections: $connections, better_peer: $peer,
     sides: (group_by(.side) | map({key: .[0].side, value: {
        per_second: (map(rate) | median | round), slowest: (map(rate) | min | round), fastest: (map(rate) | max | round),
        p50_us: (map(.p50_us) | median), p99_us: (map(.p99_us) | median)}}) | from_entries),
     to_peer: (["cgi"] + loops | map(. as $side | {key: $side, value: ($these | ratios(of($side); of($peer)))}) | from_entries),
     to_empty: (if $call != "read" then null else
        loops | map(. as $side | {key: $side, value: ($these | ratios(of($side); of("empty-" + $side)))}) | from_entries end)}))}
