#!/usr/bin/env bats
# What the installation of Debian packages leaves on a machine: no service that starts at the next boot, no data folder
# of PostgreSQL, and nothing else than before of what was there. The machine is a folder here, and apt-get and
# the like are stand-ins, which do to it what the packages do, and note how they are called.

load system

setup() {
    note_test_alone
    machine=$BATS_TEST_TMPDIR/machine
    tools=$BATS_TEST_TMPDIR/tools
    calls=$BATS_TEST_TMPDIR/calls
    mkdir -p "$machine/usr/sbin" "$machine/lib/systemd/system" "$machine/etc/init.d" "$machine/etc/systemd/system" "$tools"
    : >"$calls"
    # Units of the packages that are installed; a cluster unless that is switched off; an error when told so.
    stand_in apt-get '
        [ "$1" = install ] || exit 0
        [ -x "$DPKG_ROOT/usr/sbin/policy-rc.d" ] && ! "$DPKG_ROOT/usr/sbin/policy-rc.d" || exit 99
        for name; do
            case $name in
            postgresql)
                touch "$DPKG_ROOT/etc/init.d/postgresql"
                grep -qsx "create_main_cluster = false" "$DPKG_ROOT"/etc/postgresql-common/createcluster.d/*.conf ||
                    mkdir -p "$DPKG_ROOT/var/lib/postgresql/15/main"
                ;;
            patroni | etcd-server | pgbouncer | nginx-light | lighttpd | caddy) ;;
            *) continue ;;
            esac
            unit=${name%-server} unit=${unit%-light}
            touch "$DPKG_ROOT/lib/systemd/system/$unit.service" "$DPKG_ROOT/etc/systemd/system/$unit.enabled"
        done
        exit "${APT_STATUS:-0}"'
    stand_in systemctl '[ "$1 $2" = "--quiet disable" ] && rm "$DPKG_ROOT/etc/systemd/system/${3%.service}.enabled"'
    stand_in update-rc.d
    stand_in dpkg-query 'for name; do :; done; grep -qx "$name" "$DPKG_ROOT/installed" && echo installed'
    stand_in sudo 'exec "$@"'
    : >"$machine/installed"
}

# stand_in NAME [SCRIPT]
stand_in() {
    printf '#!/bin/sh\necho "%s $*" >>"%s"\n%s\n' "$1" "$calls" "${2:-}" >"$tools/$1"
    chmod 755 "$tools/$1"
}

# installs GROUP…
installs() { run env DPKG_ROOT="$machine" PATH="$tools:$PATH" sh "$root/common/deps/packages.sh" "$@"; }

enabled() { (cd "$machine/etc/systemd/system" && echo *); }

# nothing_left: neither the policy nor what keeps PostgreSQL from making its folder
nothing_left() { same "$(find "$machine/usr/sbin" "$machine/etc/postgresql-common" -mindepth 1 2>/dev/null)" ''; }

@test "packages: no service of what was installed starts at the next boot, and PostgreSQL has made no data" {
    installs run-postgresql test-cluster run-nginx run-lighttpd run-caddy
    same "$status" 0
    same "$(enabled)" '*'
    [ ! -e "$machine/var/lib/postgresql" ] || fail 'a cluster was made'
    has "$output" 'does not start by itself: caddy etcd lighttpd nginx patroni postgresql ('
    grep -qx 'update-rc.d postgresql disable' "$calls"
    nothing_left
}

@test "packages: a service that was there before stays as it is, and so does an administrator's policy" {
    touch "$machine/lib/systemd/system/postgresql.service" "$machine/etc/systemd/system/postgresql.enabled" \
        "$machine/etc/init.d/etcd" "$machine/etc/systemd/system/etcd.enabled" # one by a script alone
    printf '#!/bin/sh\nexit 101\n#mine\n' >"$machine/usr/sbin/policy-rc.d"
    chmod 755 "$machine/usr/sbin/policy-rc.d"
    echo postgresql >"$machine/installed"
    installs run-postgresql test-cluster
    same "$status" 0
    same "$(enabled)" 'etcd.enabled postgresql.enabled'
    has "$output" 'does not start by itself: patroni ('
    same "$(grep -c 'etcd\|postgresql' <(grep '^systemctl\|^update-rc' "$calls"))" 0
    grep -q mine "$machine/usr/sbin/policy-rc.d" || fail 'the policy of somebody else is gone'
    [ ! -e "$machine/etc/postgresql-common" ] || fail 'it has to do with PostgreSQL, which was there'
}

@test "packages: what an installation that fails has brought does not start either" {
    APT_STATUS=1 installs run-postgresql
    [ "$status" != 0 ] || fail 'it failed, and nobody was told'
    same "$(enabled)" '*'
    nothing_left
}

@test "packages: where all is installed nothing is done" {
    printf '%s\n' patroni etcd-server >"$machine/installed"
    touch "$machine/etc/systemd/system/patroni.enabled"
    installs test-cluster
    same "$status" 0
    same "$output" ''
    same "$(enabled)" patroni.enabled
    same "$(grep -v '^dpkg-query' "$calls")" ''
}
