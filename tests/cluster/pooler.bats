#!/usr/bin/env bats
# pgbouncer in transaction mode between the programs and PostgreSQL: what the contract says of data, accounts, batches,
# import and changes holds there too, and nothing is lost. Two connections to the server serve all programs.

load ../system/system.bash
load ../system/postgresql.bash

setup_file() {
    server_make
    export server bin
}
teardown_file() { server_end; }
setup() { sql 'DROP OWNED BY cubby' && sql 'GRANT ALL ON SCHEMA public TO cubby'; }
teardown() {
    instances_stop
    pooler_stop
}

say() { printf '#   %s\n' "$*" >&3; }

# The files of the contract's suite. Those that take the store away, or read its files, are for the server itself.
contract='batch changes concurrency conditions data export list me patch quota raw register reset revocation sessions token ttl'

# holds [SETTING]: the contract, with this line in pgbouncer's settings
holds() {
    local file count=0 path
    # Not what this bats has put there for itself.
    path=$(tr : '\n' <<<"$PATH" | grep -v bats | paste -sd :)
    pooler_start "$@"
    database_at="postgresql://cubby@/cubby?host=$pooler" instances 1
    mkdir "$BATS_TEST_TMPDIR/bats"
    for file in $contract; do
        env -i PATH="$path" LC_ALL=C.UTF-8 TMPDIR="${TMPDIR:-/tmp}" SERVER=nginx MODE=fastcgi ENGINE=postgresql BASE="$addresses" DATA="$server/instance1" \
            TOOL="$TOOL" FOLDER="$BATS_TEST_TMPDIR" bats --tap --tempdir "$BATS_TEST_TMPDIR/bats/$file" "$root/tests/http/$file.bats" \
            >"$BATS_TEST_TMPDIR/$file.tap" 2>&1 3>&- 4>&- || fail "$file: $(grep -A 12 '^not ok' "$BATS_TEST_TMPDIR/$file.tap" || tail "$BATS_TEST_TMPDIR/$file.tap")"
        say "$file: $(grep -c '^ok' "$BATS_TEST_TMPDIR/$file.tap") passed"
        count=$((count + $(grep -c '^ok' "$BATS_TEST_TMPDIR/$file.tap")))
    done
    [ "$count" -ge 200 ]
    # All of it went through pgbouncer, by connections that were shared.
    same "$(sql "SELECT count(*) <= 2 FROM pg_stat_activity WHERE usename = 'cubby'")" t
}

@test "pgbouncer: the contract holds, without statements by name" {
    holds
}

@test "pgbouncer: the contract holds, with statements by name where it knows them" {
    version=$(pgbouncer --version | sed -n 's/^PgBouncer //p')
    if [ "$(printf '%s\n' 1.21 "$version" | sort -V | head -n 1)" = 1.21 ]; then
        holds 'max_prepared_statements = 100'
    else
        say "pgbouncer $version knows no statements by name, so that setting is unknown to it"
        run pooler_start 'max_prepared_statements = 100'
        [ "$status" != 0 ]
    fi
}

@test "pgbouncer: 16 writers through two web servers lose nothing" {
    pooler_start
    database_at="postgresql://cubby@/cubby?host=$pooler" instances 2
    accounts 4
    node "$root/tests/soak/writers.js" "$addresses" "$tokens" 16 200 >"$BATS_TEST_TMPDIR/said" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    grep -qE ' versions acknowledged, 0 answers 503, .* 0 faults' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    say "$(cat "$BATS_TEST_TMPDIR/said")"
    "$TOOL" -c "$conf" check
}
