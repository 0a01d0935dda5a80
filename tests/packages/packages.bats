#!/usr/bin/env bats
# The packages, installed in a bare Debian 12 and asked there. `make test-packages` makes what they
# need: the Debian packages, and qemu for those of other processors.

load ../system/system

# A Debian with the web servers, made once, from the mirror of this machine.
base_system() {
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1)
    mmdebstrap --quiet --format=tar --variant=minbase --include=apache2,busybox,curl \
        --aptopt='Apt::Install-Recommends "false"' bookworm "$1.new" "$mirror" && mv "$1.new" "$1"
}

setup_file() {
    is_root || fail 'a package is installed by root: run this as root'
    export version
    version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
    export base=$root/build/test-packages/bookworm.tar
    mkdir -p "$root/build/test-packages"
    [ -f "$base" ] || base_system "$base" || fail 'the base system could not be made'
}

setup() {
    place=$BATS_TEST_TMPDIR/root
    mkdir "$place"
    # With the devices of the archive: nothing of this machine is mounted there, since all of it is
    # deleted afterwards.
    tar -C "$place" -xf "$base"
    [ -c "$place/dev/null" ] || fail 'the base system has no devices'
    mount -t proc proc "$place/proc"
    export base_url='' user_space=''
}

teardown() {
    ! is_root || [ ! -d "$place" ] || {
        [ ! -x "$place/usr/sbin/cubby-httpd" ] || within /usr/sbin/cubby-httpd stop || true
        [ ! -f "$place/run/apache2/apache2.pid" ] || {
            server=$(cat "$place/run/apache2/apache2.pid")
            kill "$server"
            eventually eval "! kill -0 $server 2>/dev/null"
        }
        [ -z "$user_space" ] || kill "$user_space"
        umount -l "$place/proc"
    }
}

# within COMMAND…: in the new system; as another processor's after emulate
within() {
    set -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C ADDRESS="127.0.0.1:${port:-0}" chroot "$place" "$@"
    [ -z "$user_space" ] || set -- nsenter --user --mount --target "$user_space" "$@"
    "$@" 3>&- 4>&-
}

# The kernel runs programs of that processor by qemu, in a space of its own: nothing of this machine
# changes, and it ends with the test, even one that is killed.
emulate() { # QEMU MACHINE, the number of ELF
    unshare --user --mount tail -f --pid "$$" /dev/null 3>&- 4>&- &
    user_space=$!
    eventually eval "[ \$(readlink /proc/$user_space/ns/user) != $(readlink /proc/self/ns/user) ]"
    echo '0 0 65536' >"/proc/$user_space/uid_map"
    echo '0 0 65536' >"/proc/$user_space/gid_map"
    local class='\x01'
    [ "$1" = arm ] || class='\x02'
    nsenter --user --mount --target "$user_space" sh -c '
        mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && cat >/proc/sys/fs/binfmt_misc/register' \
        <<<":cubby:M::\x7fELF$class\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\\$2\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-$1-static:PF"
}

install_deb() { # ARCH
    cp "$root/build/deb/cubby_$version-1_$1.deb" "$place/cubby.deb"
    within dpkg --force-architecture -i /cubby.deb || fail "cubby of $1 can't be installed"
}

# What the package promises once it is installed.
is_installed() {
    same "$(within stat -c '%U %a' /var/lib/cubby /var/lib/cubby/cubby.db /var/lib/cubby/keys.json | tr '\n' ' ')" \
        'www-data 700 www-data 600 www-data 600 '
    within cubby check
    [ ! -e "$place/etc/apache2/conf-enabled/cubby.conf" ] || fail 'it enables itself'
    same "$(within dpkg-query -W -f '${Conffiles}\n' cubby | awk 'NF { print $1 }' | sort | tr '\n' ' ')" \
        '/etc/apache2/conf-available/cubby.conf /etc/cubby/cubby.conf /etc/lighttpd/conf-available/90-cubby.conf '
}

answers() { curl -sf -o /dev/null --max-time 60 "$1"; }

serves_by_busybox() {
    port=$(free_port)
    within cubby-httpd start
    eventually answers "http://127.0.0.1:$port/cgi-bin/health" || fail "$(cat "$place/var/log/cubby-httpd.log")"
    six_calls "http://127.0.0.1:$port/cgi-bin"
}

@test "deb: lintian finds no error in those of any processor" {
    for arch in amd64 armhf arm64; do
        run lintian --allow-root --fail-on error "$root/build/deb/cubby_$version-1_$arch.deb"
        [ "$status" = 0 ] || fail "$arch: $output"
    done
}

@test "deb: Apache serves after the three commands of README.Debian" {
    install_deb amd64
    is_installed
    port=$(free_port)
    echo "Listen 127.0.0.1:$port" >"$place/etc/apache2/ports.conf"
    echo 'ServerName localhost' >"$place/etc/apache2/conf-enabled/name.conf"
    within a2dissite -q 000-default
    within a2enmod -q cgid headers
    within a2enconf -q cubby
    within apache2ctl start
    eventually answers "http://127.0.0.1:$port/api/health" || fail "$(cat "$place/var/log/apache2/error.log")"
    six_calls "http://127.0.0.1:$port/api"
    within cubby doctor "http://127.0.0.1:$port/api"
}

@test "deb: an upgrade and a removal keep settings and data, a purge takes both" {
    install_deb amd64
    serves_by_busybox
    echo 'password_cost = 2' >>"$place/etc/cubby/cubby.conf"
    key=$(sha256sum <"$place/var/lib/cubby/keys.json")
    install_deb amd64
    same "$(sha256sum <"$place/var/lib/cubby/keys.json")" "$key"
    grep -q '^password_cost = 2$' "$place/etc/cubby/cubby.conf"
    has "$(within cubby user list)" ann
    within cubby-httpd stop
    # An upgrade while the disk of the data is not mounted makes none in its place.
    mv "$place/var/lib/cubby" "$place/var/lib/away"
    run within dpkg -i /cubby.deb
    [ "$status" != 0 ] || fail 'it went on'
    has "$output" '/var/lib/cubby/cubby.db is missing: is the disk mounted'
    [ ! -e "$place/var/lib/cubby" ]
    mv "$place/var/lib/away" "$place/var/lib/cubby"
    within dpkg --configure cubby
    has "$(within cubby user list)" ann
    within dpkg -r cubby
    [ -f "$place/var/lib/cubby/cubby.db" ]
    [ -f "$place/etc/cubby/cubby.conf" ]
    within dpkg -P cubby
    [ ! -e "$place/var/lib/cubby" ] && [ ! -e "$place/etc/cubby" ]
}

# keeps_register: cubby-loop of the new system listens for that program
keeps_register() { [ -S "$place/run/cubby/register.sock" ] && served /run/cubby/register.sock; }

# no_process PID…: none of these is there
no_process() { ! kill -0 "$@" 2>/dev/null; }

@test "deb: removing it ends what cubby-httpd and cubby-loop have started" {
    install_deb amd64
    serves_by_busybox
    server=$(cat "$place/run/cubby-httpd/pid")
    kill -0 "$server"
    cp "$(command -v spawn-fcgi)" "$place/usr/bin/"
    within cubby-loop run >"$BATS_TEST_TMPDIR/loop" 2>&1 &
    loop=$!
    eventually keeps_register || fail "$(cat "$BATS_TEST_TMPDIR/loop")"
    within dpkg -r cubby
    eventually no_process "$server" || fail 'cubby-httpd goes on'
    eventually no_process "$loop" || fail 'cubby-loop goes on'
    for pid in $(pgrep -f '^/usr/lib/cubby/cgi-bin/'); do
        ! [ "/proc/$pid/root" -ef "$place" ] || fail 'programs go on'
    done
    ! answers "http://127.0.0.1:$port/cgi-bin/health" || fail 'it answers'
    [ -f "$place/var/lib/cubby/cubby.db" ]
    # Where they can't be ended, as their folder is another user's by now, that is told, and the package goes.
    install_deb amd64
    serves_by_busybox
    server=$(cat "$place/run/cubby-httpd/pid")
    chown 33 "$place/run/cubby-httpd"
    said=$(within dpkg -r cubby 2>&1) || fail "$said"
    has "$said" 'cubby: cubby-httpd may still run: cubby-httpd: /run/cubby-httpd, or what leads there, can be changed by others than root'
    kill "$server"
}

@test "deb: an upgrade goes on though the folder of settings is another user's, and so does cubby-httpd" {
    install_deb amd64
    chown 33 "$place/etc/cubby"
    install_deb amd64
    serves_by_busybox
    within cubby-httpd stop
    echo "ADDRESS=127.0.0.1:$port" >"$place/etc/cubby/cubby-httpd.conf"
    run within cubby-httpd start
    same "$status" 1
    has "$output" "to leave it to root: move it to a folder of root's"
    within chown -h root /etc/cubby
    within cubby-httpd start
    within cubby-httpd stop
}

@test "deb: that of armhf installs and serves, emulated" {
    emulate arm x28
    install_deb armhf
    is_installed
    serves_by_busybox
}

@test "deb: that of arm64 installs and serves, emulated" {
    emulate aarch64 xb7
    install_deb arm64
    is_installed
    serves_by_busybox
}

@test "boards: the init script makes database and key, and serves as a user of its own" {
    copy_built_checkout "$BATS_TEST_TMPDIR/checkout"
    make_in "$BATS_TEST_TMPDIR/checkout" -j2 install DESTDIR="$place" PREFIX=/usr SYSCONFDIR=/etc/cubby STATEDIR=/srv/cubby >/dev/null
    install -m 644 "$root/common/packages/board.conf" "$place/etc/cubby/cubby.conf"
    install -m 755 "$root/common/packages/cubby.init" "$place/etc/init.d/S80cubby"
    within useradd --system --user-group --no-create-home --shell /usr/sbin/nologin cubby
    port=$(free_port)
    has "$(within /etc/init.d/S80cubby start)" OK
    eventually answers "http://127.0.0.1:$port/cgi-bin/health"
    six_calls "http://127.0.0.1:$port/cgi-bin"
    same "$(within stat -c '%U %a' /srv/cubby/cubby.db /srv/cubby/keys.json | tr '\n' ' ')" 'cubby 600 cubby 600 '
    same "$(within stat -c %U "/proc/$(cat "$place/run/cubby-httpd/pid")")" cubby
    has "$(within cubby config)" 'password_cost = 3'
    key=$(sha256sum <"$place/srv/cubby/keys.json")
    within /etc/init.d/S80cubby restart
    within /etc/init.d/S80cubby status
    eventually answers "http://127.0.0.1:$port/cgi-bin/health"
    same "$(sha256sum <"$place/srv/cubby/keys.json")" "$key"
    within /etc/init.d/S80cubby stop
    ! answers "http://127.0.0.1:$port/cgi-bin/health" || fail 'it still answers'
}

@test "packages: what make run installs in a bare Debian makes no PostgreSQL of its own, and starts nothing at the next boot" {
    cp "$root/common/deps/packages.sh" "$place/packages.sh"
    said=$(within sh /packages.sh run-postgresql run-nginx 2>&1) || fail "$said"
    has "$said" 'does not start by itself: nginx postgresql ('
    within /usr/lib/postgresql/15/bin/postgres --version
    same "$(find "$place/etc/postgresql" "$place/var/lib/postgresql" -mindepth 1)" ''
    same "$(find "$place/etc/systemd/system" "$place"/etc/rc[2345].d -name '*nginx*' -o -name '*postgresql*' | grep -v '/K01')" ''
    same "$(find "$place/usr/sbin/policy-rc.d" "$place/etc/postgresql-common/createcluster.d" 2>/dev/null)" ''
    # An upgrade changes nothing of that.
    install -m 755 /dev/stdin "$place/usr/sbin/policy-rc.d" <<<$'#!/bin/sh\nexit 101'
    within apt-get install -y -q --reinstall nginx-common postgresql-common >/dev/null 2>&1
    same "$(find "$place/etc/systemd/system" "$place"/etc/rc[2345].d -name '*nginx*' -o -name '*postgresql*' | grep -v '/K01')" ''
}
