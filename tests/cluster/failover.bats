#!/usr/bin/env bats
# Two PostgreSQL servers, one of which takes over when the other dies, under load: what was acknowledged stays, and
# nobody meets an answer that the contract does not have.

load ../system/system.bash
load ../system/postgresql.bash
load cluster.bash

setup_file() {
    cluster_start
    export server bin port_etcd rest_a rest_b port_a port_b
}
teardown_file() { cluster_end; }
teardown() { instances_stop; }

say() { printf '#   %s\n' "$*" >&3; }

# kill_leader NUMBER: with -9, of odd numbers the first process of the server, whose Patroni sees it, and whose other
# processes notice it; of even numbers all processes of the server and its Patroni, as when the machine dies, and
# Patroni comes back once the other leads.
kill_leader() {
    local first second pids children
    first=$(until_leader)
    second=$(other "$first")
    pids=$(head -n 1 "$server/$first/postmaster.pid")
    if [ $(($1 % 2)) = 0 ]; then
        # Who is stopped starts no more of them.
        kill -STOP "$pids"
        children=$(pgrep -P "$pids")
        [ "$(wc -l <<<"$children")" -ge 5 ] || fail "a server of so few processes: $children"
        pids="$(cat "$server/$first.pid") $pids $children"
    fi
    # One that has just ended by itself is dead, too.
    # shellcheck disable=SC2086 # words
    kill -KILL $pids 2>/dev/null || true
    killed_at=${EPOCHREALTIME/.}
    echo "mark kill $1 of $kills" >&6
    until_true 90 is_leader "$second" || fail "$second does not take over: $(tail "$server/$second.log")"
    say "kill $1 of $kills: $second leads after $(since)"
    [ $(($1 % 2)) = 1 ] || node_start "$first"
}
since() { awk -v us="$((${EPOCHREALTIME/.} - killed_at))" 'BEGIN { printf "%.1f s", us / 1000000 }'; }
# copies: now one leads, and has a copy
copies() {
    local first
    first=$(leader) && [ "$(sql_at "$first" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'" postgres)" = 1 ]
}
succeeded_after() { grep -q "^kill $1 of" "$server/said"; }

@test "failover: the primary is killed ten times under load, and no acknowledged write is lost" {
    kills=${KILLS:-10}
    sql "CREATE ROLE cubby LOGIN PASSWORD 'Server-secret-1'" postgres
    sql 'CREATE DATABASE cubby OWNER cubby' postgres
    database_at="postgresql://cubby@127.0.0.1:$port_a,127.0.0.1:$port_b/cubby?target_session_attrs=read-write"
    instances 2
    accounts 4
    timeline=$(sql 'SELECT timeline_id FROM pg_control_checkpoint()')
    mkfifo "$server/orders"
    exec 6<>"$server/orders"
    node "$root/tests/soak/writers.js" "$addresses" "$tokens" 16 - <"$server/orders" >"$server/said" 2>"$server/faults" 3>&- 4>&- 6>&- &
    writers=$!
    for number in $(seq "$kills"); do
        sleep 3
        until_true 180 whole || fail "Patroni knows of no copy: $(tail "$server/a.log" "$server/b.log")"
        kill_leader "$number"
        until_true 120 copies || fail "there is no copy any more: $(tail "$server/a.log" "$server/b.log")"
        say "kill $number of $kills: it has a copy again after $(since)"
        until_true 120 succeeded_after "$number" || fail "no write succeeds any more: $(tail "$server/faults" "$server/instance1/log")"
        say "$(grep "^kill $number of" "$server/said")"
        [ ! -s "$server/faults" ] || fail "$(head "$server/faults")"
    done
    until_true 180 whole || fail "Patroni knows of no copy: $(tail "$server/a.log" "$server/b.log")"
    sleep 3
    echo stop >&6
    status=0
    wait "$writers" || status=$?
    exec 6>&-
    say "$(tail -n 1 "$server/said")"
    [ "$status" = 0 ] || fail "$(cat "$server/faults" "$server/said")"
    # Each kill had the other one take over.
    sql CHECKPOINT
    [ "$(sql 'SELECT timeline_id FROM pg_control_checkpoint()')" -ge $((timeline + kills)) ]
    same "$(sql "SELECT count(*) FROM users u WHERE NOT ((keys, bytes, version) = (SELECT count(*) FILTER (WHERE expires_at IS NULL),
        coalesce(sum(size) FILTER (WHERE expires_at IS NULL), 0)::bigint, max(version) FROM items WHERE user_id = u.id))")" 0
    "$TOOL" -c "$conf" check
}
