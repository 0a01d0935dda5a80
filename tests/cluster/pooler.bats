#!/usr/bin/env bats
# pgbouncer in transaction mode between the programs and PostgreSQL: what the contract says of data, accounts, batches,
# import and changes holds there too, and nothing is lost. Two connections to the server serve all programs.

load ../system/system.bash
load ../system/postgresql.bash

# Of many that write at once the last waits for long, on a busy machine, and is to have its turn all the same.
patient='busy_timeout = 45000'

setup_file() { server_make; }
teardown_file() { server_end; }
setup() { server_empty; }
teardown() {
    instances_stop
    pooler_stop
    [ ! -f "$BATS_TEST_TMPDIR/folder" ] || rm -rf "$(cat "$BATS_TEST_TMPDIR/folder")"
}

say() { printf '#   %s\n' "$*" >&3; }

# The files of the contract's suite that are not run here, and why. All others are.
exceptions='
docs      pages, which are files
settings  takes the database away, and wants to hear the server itself say so in the log
'
contract() { (cd "$root/tests/http" && printf '%s\n' *.bats | sed 's/\.bats$//') | grep -vxF -f <(awk 'NF { print $1 }' <<<"$exceptions"); }

# holds [SETTING]: the contract, with this line in pgbouncer's settings
holds() {
    local file folder count=0 path
    # Not what this bats has put there for itself.
    path=$(tr : '\n' <<<"$PATH" | grep -v bats | paste -sd :)
    pooler_start "$@"
    local database_at="postgresql://cubby@/cubby?host=$pooler"
    instances 1 "$patient"
    # Open to the programs' user, short, and of whoever runs this: the settings of its tests lie there.
    folder=$(mktemp -d "${TMPDIR:-/tmp}/pg.XXXXXX")
    chmod 711 "$folder"
    echo "$folder" >"$BATS_TEST_TMPDIR/folder"
    # For a web server of a test's own, too, the database is the one behind pgbouncer.
    for file in $(contract); do
        env -i PATH="$path" LC_ALL=C.UTF-8 TMPDIR="${TMPDIR:-/tmp}" BATS_TEST_TIMEOUT=300 SERVER=nginx MODE=fastcgi ENGINE=postgresql BASE="$addresses" DATA="$server/instance1" \
            DATABASE_AT="$database_at&passfile=$server/instance1/passfile" RUN_SH="$root/cgi-bin/server/run.sh" PROGRAMS="$PROGRAMS" WWW="$root/www" \
            TOOL="$TOOL" FOLDER="$folder" bats --tap --tempdir "$folder/$file" "$root/tests/http/$file.bats" \
            >"$BATS_TEST_TMPDIR/$file.tap" 2>&1 3>&- 4>&- || fail "$file: $(grep -A 12 '^not ok' "$BATS_TEST_TMPDIR/$file.tap" || tail "$BATS_TEST_TMPDIR/$file.tap")"
        say "$file: $(grep -c '^ok' "$BATS_TEST_TMPDIR/$file.tap") passed"
        count=$((count + $(grep -c '^ok' "$BATS_TEST_TMPDIR/$file.tap")))
    done
    [ "$count" -ge 300 ]
    # Each that is left out exists, and has a reason.
    for file in $(awk 'NF { print $1 }' <<<"$exceptions"); do [ -f "$root/tests/http/$file.bats" ]; done
    same "$(awk 'NF == 1' <<<"$exceptions")" ''
    # All of it went through pgbouncer, by connections that were shared.
    same "$(sql "SELECT count(*) BETWEEN 1 AND 2 FROM pg_stat_activity WHERE usename = 'cubby'")" t
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
    database_at="postgresql://cubby@/cubby?host=$pooler" instances 2 "$patient"
    accounts 4
    LONGEST=150000 node "$root/tests/soak/writers.js" "$addresses" "$tokens" 16 200 >"$BATS_TEST_TMPDIR/said" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    grep -qE ' versions acknowledged, 0 answers 503, .* 0 faults' "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    say "$(cat "$BATS_TEST_TMPDIR/said")"
    "$TOOL" -c "$conf" check
}
