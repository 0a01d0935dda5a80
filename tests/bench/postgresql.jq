# postgresql.jq - the runs of postgresql.sh as one document: medians over the rounds, and ratios, each of which is
# the median of what the rounds say, each for itself.
def median: sort | .[length / 2 | floor];
def hundredths: . * 100 | round / 100;
def of($name): [.[] | select(.side == $name)] | sort_by(.round) | map(.requests / .us * 1e6);
def ratio($above; $below): of($above) as $a | of($below) as $b | [range($a | length) | $a[.] / $b[.]] | median | hundredths;

{when: $when, machine: $machine, server: $server, storage: $storage, flask: $flask, connections: ($connections | tonumber),
 rows: ($runs | group_by(.call) | map({call: .[0].call,
    per_second: (. as $these | [.[].side] | unique | map(. as $side | {key: $side, value: ($these | of($side) | median | round)}) | from_entries),
    postgresql_to_flask: ratio("postgresql"; "flask"), postgresql_to_sqlite: ratio("postgresql"; "sqlite")}))}
