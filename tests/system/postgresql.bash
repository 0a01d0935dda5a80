# postgresql.bash - a PostgreSQL of a test's own, and programs that stay beside it.

# The programs that know both engines.
export PROGRAMS=$root/build/postgresql/cgi-bin TOOL=$root/build/postgresql/bin/cubby

# server_as COMMAND…: as the user whom the server runs as; it refuses root.
server_as() {
    if is_root; then
        setpriv --reuid postgres --regid postgres --clear-groups -- "$@"
    else
        "$@"
    fi
}

# server_make: the files of a server below $server, with a role `cubby` that needs a password and owns the
# database `cubby`. $server and $bin are for all tests of the file.
server_make() {
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    server=$(mktemp -d "${TMPDIR:-/tmp}/pg.XXXXXX") # short: the path of a socket has 107 bytes
    chmod 755 "$server"
    mkdir "$server/socket" "$server/db"
    ! is_root || chown -R postgres "$server"
    chmod 711 "$server/socket"
    server_as "$bin/initdb" -D "$server/db" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$server/initdb.log" 2>&1
    printf 'local all postgres trust\nlocal all cubby scram-sha-256\n' >"$server/db/pg_hba.conf"
    server_start
    sql "CREATE ROLE cubby LOGIN PASSWORD 'Server-secret-1'" postgres
    sql 'CREATE DATABASE cubby OWNER cubby' postgres
    export server bin
}

# server_empty: the database as it was made.
server_empty() { sql 'DROP OWNED BY cubby' && sql 'GRANT ALL ON SCHEMA public TO cubby'; }

server_start() {
    local as=()
    ! is_root || as=(setpriv --reuid postgres --regid postgres --clear-groups --)
    setsid env -i PATH=/usr/bin:/bin "${as[@]}" "$bin/postgres" -D "$server/db" -k "$server/socket" -c listen_addresses= -c max_connections=60 "$@" \
        >>"$server/log" 2>&1 </dev/null 3>&- 4>&- &
    server_pid=$!
    echo "$server_pid" >"$server/pid"
    eventually psql -XqAt -h "$server/socket" -U postgres postgres -c 'SELECT 1' >/dev/null 2>&1 || fail "$(cat "$server/log")"
}

# server_stop [SIGNAL]: INT rolls back and disconnects, QUIT ends it as a crash would.
server_stop() {
    kill -"${1:-INT}" "$(cat "$server/pid")" 2>/dev/null || return 0
    eventually server_is_gone
}
server_is_gone() { ! kill -0 "$(cat "$server/pid")" 2>/dev/null; }

# sql TEXT [DATABASE]
sql() { psql -XqAt -v ON_ERROR_STOP=1 -h "$server/socket" -U postgres "${2:-cubby}" -c "$1"; }

# disconnect: every connection of the programs is ended by the server; back when all are gone
disconnect() { sql "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = 'cubby'" >/dev/null; }

# waits_for PATTERN: one of the programs' connections waits in the server for what fits: 'Lock%' or '%SyncRep'
waits_for() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cubby' AND wait_event_type || wait_event LIKE '$1'")" = 1 ]; }

# connections: how many the programs have to the server
connections() { sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cubby'"; }
# no_connections: the programs have left it, as they do after a second without work; one_connection: but for one, which
# others may have left a moment after their answer
no_connections() { [ "$(connections)" = 0 ]; }
one_connection() { [ "$(connections)" = 1 ]; }

# mute_start: a host that takes connections and says nothing, at the folder $mute and at the port in the file
# $mute/port; how many it has taken is in the file $mute/count
mute_start() {
    mute=$server/mute
    rm -rf "$mute"
    mkdir -p "$mute"
    echo 0 >"$mute/count"
    python3 -c 'import select, socket, sys
folder, taken = sys.argv[1], []
listeners = [socket.socket(socket.AF_UNIX), socket.socket()]
listeners[0].bind(folder + "/.s.PGSQL.5432")
listeners[1].bind(("127.0.0.1", 0))
for listener in listeners:
    listener.listen(64)
with open(folder + "/port", "w") as port:
    print(listeners[1].getsockname()[1], file=port)
while True:
    for listener in select.select(listeners, [], [])[0]:
        taken.append(listener.accept()[0])
        with open(folder + "/count", "w") as count:
            print(len(taken), file=count)' "$mute" >>"$server/log" 2>&1 </dev/null 3>&- 4>&- &
    note_process "$!" "$BATS_TEST_TMPDIR/loops" # ends with them
    eventually test -s "$mute/port"
}

# asked_mute COUNT: once the program has left the server it reads by a new connection, and the silent host has been
# asked so often by now
asked_mute() {
    eventually no_connections
    ask data GET /k
    same "$code" 200
    eventually asked_so_often "$1"
    same "$(cat "$mute/count")" "$1"
}
asked_so_often() { [ "$(cat "$mute/count")" -ge "$1" ] 2>/dev/null; }

# sync_copies NAME: from now on a commit waits for a synchronous copy of this name; '' for none
sync_copies() { sql "ALTER SYSTEM SET synchronous_standby_names = '$1'" && sql 'SELECT pg_reload_conf()' >/dev/null; }

# promote: the server, which was a copy, leads. promote_end: where a test did not get that far.
promote() { same "$(sql 'SELECT pg_promote()')" t; }
promote_end() { [ ! -f "$server/db/standby.signal" ] || sql 'SELECT pg_promote()' || true; }

# hold_rows SQL / held SQL / release: a transaction of somebody else's in the server, which answers each line;
# hold_end ends it where a test did not get that far.
hold_rows() {
    mkfifo "$BATS_TEST_TMPDIR/hold"
    psql -XqAt -h "$server/socket" -U postgres cubby <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/held" 2>&1 3>&- &
    echo "$!" >"$BATS_TEST_TMPDIR/hold.pid"
    began
    exec 6>"$BATS_TEST_TMPDIR/hold"
    held 'BEGIN'
    held "$1"
}
held() {
    printf '%s;\nSELECT %s;\n' "$1" "'done $((holds = ${holds:-0} + 1))'" >&6
    eventually grep -qx "done $holds" "$BATS_TEST_TMPDIR/held" || fail "$(cat "$BATS_TEST_TMPDIR/held")"
}
release() {
    held ROLLBACK
    exec 6>&-
    rm "$BATS_TEST_TMPDIR/hold" "$BATS_TEST_TMPDIR/hold.pid"
}
hold_end() { [ ! -f "$BATS_TEST_TMPDIR/hold.pid" ] || kill "$(cat "$BATS_TEST_TMPDIR/hold.pid")" 2>/dev/null || true; }

# user_and LOOP…: an account, whose token is in $token, and these programs
user_and() {
    new_user ann
    loop_start "$@"
}

# put KEY VALUE, post KEY VALUE: by a program that stays
put() { ask data PUT "/$1" "{\"value\":$2}"; }
post() { ask data POST '' "{\"key\":\"$1\",\"value\":$2}"; }

# user_and_resting LOOP…: the same, of programs that keep their connection to the server, however long they have nothing
# to do; of preload_make.
user_and_resting() {
    new_user ann
    rest "$@"
}
rest() {
    local name folder=$BATS_TEST_TMPDIR/resting
    mkdir -p "$folder"
    for name; do
        printf '#!/bin/sh\nLD_PRELOAD="%s" FAULT_REST=1 exec "%s"\n' "$preload" "$PROGRAMS/$name" >"$folder/$name"
        chmod 755 "$folder/$name"
    done
    LOOP_PROGRAMS=$folder loop_start "$@"
}

# install_over SOCKETS [LINE…]: settings for the server behind the folder SOCKETS, in $conf, and an empty store. A server
# that is slow to take a connection is waited for.
install_over() {
    local sockets=$1
    shift
    home=$BATS_TEST_TMPDIR/home
    conf=$home/cubby.conf
    mkdir -m 700 "$home"
    printf '*:*:*:*:Server-secret-1\n' >"$home/passfile"
    chmod 600 "$home/passfile"
    printf '%s\n' "database = postgresql://cubby@/cubby?host=$sockets&passfile=$home/passfile&connect_timeout=60" "keys = $home/keys.json" \
        'password_cost = 1' 'busy_timeout = 1000' "$@" >"$conf"
    "$TOOL" -c "$conf" init >/dev/null
}

# proxy_start: between programs and server; the folder of its socket is $proxy.
proxy_start() {
    proxy=$server/proxy
    mkdir -p "$proxy"
    node "$root/tests/system/postgresql_proxy.js" "$proxy/.s.PGSQL.5432" "$server/socket/.s.PGSQL.5432" "$proxy/control" \
        >>"$server/log" 2>&1 </dev/null 3>&- 4>&- &
    echo "$!" >"$server/proxy.pid"
    eventually served "$proxy/control"
}
proxy_stop() {
    [ -f "$server/proxy.pid" ] || return 0
    kill "$(cat "$server/proxy.pid")" 2>/dev/null || true
    eventually process_gone "$(cat "$server/proxy.pid")" || true
    rm -rf "$server/proxy" "$server/proxy.pid"
}
proxy_say() { curl -sS --max-time 120 --unix-socket "$proxy/control" "http://control/$1"; }

# over_proxy: the settings name the proxy. through_proxy PROGRAM…: these programs, with the proxy between
over_proxy() {
    proxy_start
    sed -i "s#host=[^&]*#host=$proxy#" "$conf"
}
through_proxy() {
    over_proxy
    loop_start "$@"
}

# preload_make: the library that makes fail what seldom does, $preload, for all tests of the file
preload_make() {
    preload=$BATS_FILE_TMPDIR/preload.so
    gcc -O1 -shared -fPIC -o "$preload" "$root/tests/system/preload.c" -ldl
    export preload
}

# fault CODE TIMES: the next new items fail in the server with this SQLSTATE, so many times.
fault() {
    sql "DROP SEQUENCE IF EXISTS faults; CREATE SEQUENCE faults; GRANT ALL ON faults TO cubby;
        CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
            IF nextval('faults') <= $2 THEN RAISE EXCEPTION 'a fault on purpose' USING ERRCODE = '$1'; END IF;
            RETURN NEW; END \$\$;
        CREATE OR REPLACE TRIGGER fault BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION fault()"
}

server_end() {
    proxy_stop
    server_stop || server_stop QUIT || true
    rm -rf "$server"
}

# instances COUNT [LINE…]: so many nginx, each with programs of its own, as so many machines would have, on one
# database: $database_at, or that of the server at $server. $addresses are those of their APIs, with commas
# between. The tool finds their settings in $conf. The keys are those in the folder $keys_of, if that is set.
instances() {
    local count=$1 i first=${keys_of:-}
    shift
    addresses=''
    for i in $(seq "$count"); do
        home=$server/instance$i
        mkdir -m 711 "$home"
        printf '*:*:*:*:Server-secret-1\n' >"$home/passfile"
        printf '%s\n' 'password_cost = 1' 'login_limit_account = 0' 'login_limit_address = 0' 'register_limit = 0' "$@" >"$home/cubby.conf"
        # Each accepts the tokens of the others.
        [ -z "$first" ] || cp "$first/keys.json" "$home/keys.json"
        chmod 600 "$home"/*
        ! is_root || chown -R www-data "$home"
        DATABASE_AT="${database_at:-postgresql://cubby@/cubby?host=$server/socket}&passfile=$home/passfile" ENGINE=postgresql SERVER=nginx MODE=fastcgi \
            PORT=0 DATA=$home READY=$home/ready sh "$root/cgi-bin/server/run.sh" >"$home/log" 2>&1 </dev/null 3>&- 4>&- &
        echo "$!" >>"$server/instances"
        eventually test -f "$home/ready" || fail "$(cat "$home/log")"
        addresses+=,$(cat "$home/ready")
        first=$server/instance1
    done
    addresses=${addresses#,}
    conf=$server/instance1/cubby.conf
}
instances_stop() {
    local pid
    [ -f "$server/instances" ] || return 0
    while read -r pid; do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" || true
    done <"$server/instances"
    rm -rf "$server/instances" "$server"/instance[0-9]*
}

# accounts COUNT: at the first of the instances; their tokens become the lines of the file $tokens.
accounts() {
    local i base=${addresses%%,*}
    tokens=$server/tokens
    for i in $(seq "$1"); do
        curl -sSf --max-time 120 "$base/register" -o /dev/null -d "{\"username\":\"user$i\",\"email\":\"user$i@example.org\",\"full_name\":\"User\",\"age\":30,\"gender\":\"x\",\"password\":\"$PASSWORD\"}"
        curl -sSf --max-time 120 "$base/token?raw=true" -d "{\"username\":\"user$i\",\"password\":\"$PASSWORD\"}"
    done >"$tokens"
}

# pooler_start [LINE…]: pgbouncer in transaction mode with two connections to the server, which all clients share,
# and these lines of settings besides; the folder of its socket is $pooler.
pooler_start() {
    pooler=$server/pooler
    mkdir -p "$pooler"
    ! is_root || chown postgres "$pooler"
    cat >"$pooler/ini" <<INI
[databases]
cubby = host=$server/socket user=cubby password=Server-secret-1
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = $pooler
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
logfile = $pooler/log
INI
    printf '%s\n' "$@" >>"$pooler/ini"
    local as=()
    ! is_root || as=(setpriv --reuid postgres --regid postgres --clear-groups --)
    setsid "${as[@]}" pgbouncer -q "$pooler/ini" >>"$server/log" 2>&1 </dev/null 3>&- 4>&- &
    echo "$!" >"$server/pooler.pid"
    eventually served "$pooler/.s.PGSQL.5432"
}
pooler_stop() {
    [ -f "$server/pooler.pid" ] || return 0
    kill -TERM "$(cat "$server/pooler.pid")" 2>/dev/null || true
    until_true 10 process_gone "$(cat "$server/pooler.pid")" || kill -KILL "$(cat "$server/pooler.pid")"
    rm -rf "$server/pooler" "$server/pooler.pid"
}
