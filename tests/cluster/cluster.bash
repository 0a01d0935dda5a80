# cluster.bash - two PostgreSQL servers, of which one is a synchronous copy of the other and takes its place when
# it dies: Patroni decides that, with etcd. All of it listens on loopback, at free ports.

# free_ports NAME…: gives each of these variables a port of its own, at which nobody listens
free_ports() {
    local name
    for name; do printf -v "$name" %s "$(free_port)"; done
}

# cluster_folder: below build/, if the users of the servers may go there; $server.
cluster_folder() {
    local base
    for base in "$root/build/cluster" "${TMPDIR:-/tmp}"; do
        mkdir -p "$base"
        server=$(mktemp -d "$base/pg.XXXXXX")
        chmod 755 "$server"
        ! is_root || chown postgres "$server"
        server_as test -x "$server/." && return 0
        rmdir "$server"
    done
    fail 'there is no place for the servers'
}

# started_as NAME COMMAND…: in the background, as the servers' user; its number in $server/NAME.pid
started_as() {
    local name=$1 as=()
    shift
    ! is_root || as=(setpriv --reuid postgres --regid postgres --clear-groups --)
    (cd "$server" && exec setsid env -i PATH=/usr/bin:/bin:/usr/sbin LC_ALL=C.UTF-8 "${as[@]}" "$@") >>"$server/$name.log" 2>&1 </dev/null 3>&- 4>&- 6>&- &
    echo "$!" >"$server/$name.pid"
    disown # bash need not tell that it was killed
}

# node_settings NAME: of Patroni for this node
node_settings() {
    local name=$1
    local rest=rest_$name port=port_$name
    cat <<YAML
scope: cubby
name: $name
restapi:
  listen: 127.0.0.1:${!rest}
  connect_address: 127.0.0.1:${!rest}
etcd3:
  hosts: 127.0.0.1:$port_etcd
bootstrap:
  dcs:
    ttl: 6
    loop_wait: 1
    retry_timeout: 2
    primary_start_timeout: 0
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 100
        wal_log_hints: 'on'
        # A server that comes back is a copy sooner: by default 5 and 10 seconds.
        wal_retrieve_retry_interval: 1s
        wal_receiver_status_interval: 1s
  initdb:
  - encoding: UTF8
  - locale: C
  - data-checksums
postgresql:
  listen: 127.0.0.1:${!port}
  connect_address: 127.0.0.1:${!port}
  data_dir: $server/$name
  bin_dir: $bin
  pgpass: $server/$name.pgpass
  authentication:
    superuser: {username: postgres, password: Server-secret-2}
    replication: {username: replicator, password: Server-secret-3}
    rewind: {username: rewinder, password: Server-secret-4}
  parameters:
    unix_socket_directories: ''
  pg_hba:
  - host all all 127.0.0.1/32 scram-sha-256
  - host replication replicator 127.0.0.1/32 scram-sha-256
YAML
}

node_start() { started_as "$1" patroni "$server/$1.yml"; }

cluster_start() {
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    cluster_folder
    free_ports port_etcd port_etcd_peer rest_a rest_b port_a port_b
    started_as etcd etcd --name etcd --data-dir "$server/etcd" --listen-client-urls "http://127.0.0.1:$port_etcd" \
        --advertise-client-urls "http://127.0.0.1:$port_etcd" --listen-peer-urls "http://127.0.0.1:$port_etcd_peer" \
        --initial-advertise-peer-urls "http://127.0.0.1:$port_etcd_peer" --initial-cluster "etcd=http://127.0.0.1:$port_etcd_peer"
    eventually curl -sf -o /dev/null "http://127.0.0.1:$port_etcd/health" || fail "$(tail "$server/etcd.log")"
    for name in a b; do
        node_settings "$name" >"$server/$name.yml"
        chmod 600 "$server/$name.yml"
        ! is_root || chown postgres "$server/$name.yml"
        node_start "$name"
        [ "$name" = b ] || until_true 180 is_leader a || fail "$(tail "$server/a.log")"
    done
    until_true 180 whole || fail "$(tail "$server/a.log" "$server/b.log")"
}

# answers_as NODE ROLE: so Patroni says
answers_as() {
    local rest=rest_$1
    curl -sf -o /dev/null --max-time 10 "http://127.0.0.1:${!rest}/$2"
}
is_leader() { answers_as "$1" primary; }
other() { [ "$1" = a ] && echo b || echo a; }
leader() { if is_leader a; then echo a; elif is_leader b; then echo b; else return 1; fi; }
# until_leader: prints which one leads, once one does
until_leader() {
    local first=''
    until_true 90 eval 'first=$(leader)' && echo "$first"
}
# One leads, and the other is its synchronous copy.
whole() {
    local first
    first=$(leader) && answers_as "$(other "$first")" synchronous
}

# sql_at NODE TEXT [DATABASE]
sql_at() {
    local port=port_$1
    PGPASSWORD=Server-secret-2 PGCONNECT_TIMEOUT=60 psql -XqAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "${!port}" -U postgres "${3:-cubby}" -c "$2"
}
# sql TEXT [DATABASE]: at the one that leads, once one does
sql() {
    local first
    first=$(until_leader) && sql_at "$first" "$@"
}

cluster_end() {
    local name pid
    for name in a b etcd; do
        [ -f "$server/$name.pid" ] || continue
        kill -TERM "$(cat "$server/$name.pid")" 2>/dev/null || true
    done
    for name in a b etcd; do
        [ -f "$server/$name.pid" ] || continue
        until_true 30 gone "$(cat "$server/$name.pid")" || kill -KILL "$(cat "$server/$name.pid")"
        pid=$(head -n 1 "$server/$name/postmaster.pid" 2>/dev/null) || continue
        gone "$pid" || kill -QUIT "$pid"
    done
    rm -rf "$server"
}
gone() { ! kill -0 "$1" 2>/dev/null; }
