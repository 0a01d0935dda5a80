# cubby-setup on boards that start services in different ways. BOARD is the processor.

load ../http/lib.bash
load machine
may_take 1500

setup() {
    note_test_alone
    cd "$BATS_TEST_DIRNAME/../.." || return
    export BOARD_ROOT=$BATS_TEST_TMPDIR/root
    machine_make
    port=$(free_port)
    BASE=http://127.0.0.1:$port/cgi-bin
}

teardown() { machine_loses_power; }

has_text() { case $1 in *"$2"*) ;; *) fail "\"$2\" is not in: $1" ;; esac }

# shellcheck disable=SC2120 # it also takes none
setup_again() { within /bin/sh /usr/sbin/cubby-setup "$@"; }

modes() { (cd "$BOARD_ROOT" && stat -c '%n %a' "$@" | tr '\n' ' '); }

@test "setup: busybox init starts it, again after it died; done twice it changes nothing; remove leaves settings and data" {
    machine_boot
    said=$(machine_install "127.0.0.1:$port")
    for line in 'settings: /etc/cubby/cubby.conf, as a small board wants them' 'data: database and key made in /srv/cubby' \
        'boot: a line of /etc/inittab' "serves at http://127.0.0.1:$port/cgi-bin/"; do
        has_text "$said" "$line"
    done
    machine_answers "$BASE"
    [ "$(id -u)" != 0 ] || [ "$(grep '^cubby:' "$BOARD_ROOT/etc/passwd")" = 'cubby:x:300:300:cubby:/nonexistent:/bin/false' ]
    same "$(modes srv/cubby srv/cubby/cubby.db srv/cubby/keys.json)" 'srv/cubby 700 srv/cubby/cubby.db 600 srv/cubby/keys.json 600 '
    has_text "$(within /bin/sh -c 'cubby config')" 'password_cost = 3'
    has_text "$(within /bin/sh -c 'cubby config')" 'max_hashes = 1'
    # init starts it anew.
    within /bin/sh -c 'kill -9 $(cat /var/run/cubby-httpd/pid)'
    machine_answers "$BASE"
    echo 'password_cost = 2' >"$BOARD_ROOT/etc/cubby/cubby.conf"
    before=$(cd "$BOARD_ROOT" && sha256sum etc/inittab etc/passwd etc/group etc/cubby/* srv/cubby/keys.json)
    said=$(setup_again)
    has_text "$said" 'data: /srv/cubby, as it was'
    same "$(cd "$BOARD_ROOT" && sha256sum etc/inittab etc/passwd etc/group etc/cubby/* srv/cubby/keys.json)" "$before"
    machine_answers "$BASE"
    within /bin/sh /usr/sbin/cubby-setup remove
    ! answers "$BASE" || fail 'it still answers'
    same "$(cat "$BOARD_ROOT/etc/inittab")" '::sysinit:/bin/true'
    [ ! -e "$BOARD_ROOT/usr/sbin/cubby" ]
    [ ! -e "$BOARD_ROOT/usr/share/cubby/www/index.html" ]
    [ -f "$BOARD_ROOT/srv/cubby/cubby.db" ]
    [ -f "$BOARD_ROOT/etc/cubby/cubby.conf" ]
}

@test "setup: a board whose rcS runs scripts gets one, and serves after a boot: as another user, from a folder with blanks" {
    web=(--user web)
    [ "$(id -u)" = 0 ] || web=()
    printf 'root:x:0:0:root:/root:/bin/sh' >"$BOARD_ROOT/etc/passwd"
    mv "$BOARD_ROOT/etc/group" "$BOARD_ROOT/etc/group.real"
    ln -s group.real "$BOARD_ROOT/etc/group"
    mkdir "$BOARD_ROOT/etc/init.d"
    printf '#!/bin/sh\nfor script in /etc/init.d/S??*; do "$script" start; done\n' >"$BOARD_ROOT/etc/init.d/rcS"
    chmod 755 "$BOARD_ROOT/etc/init.d/rcS"
    echo '::sysinit:/etc/init.d/rcS' >"$BOARD_ROOT/etc/inittab"
    machine_boot
    said=$(machine_install "127.0.0.1:$port" --data '/mnt/my disk #1/' "${web[@]}")
    has_text "$said" 'boot: /etc/init.d/S80cubby'
    has_text "$said" 'data: database and key made in /mnt/my disk #1'
    # Lines of their own, and a link that stays one.
    same "$(head -n 1 "$BOARD_ROOT/etc/passwd")" 'root:x:0:0:root:/root:/bin/sh'
    [ -L "$BOARD_ROOT/etc/group" ]
    [ "$(id -u)" != 0 ] || same "$(sed -n 2p "$BOARD_ROOT/etc/passwd") $(sed -n 2p "$BOARD_ROOT/etc/group.real")" \
        'web:x:300:300:cubby:/nonexistent:/bin/false web:x:300:'
    machine_answers "$BASE"
    machine_loses_power
    machine_boot
    machine_answers "$BASE" || fail "$(cat "$BOARD_ROOT.log")"
    within /etc/init.d/S80cubby status
    new_user
    store kept 1
    # The same words again are no other folder.
    has_text "$(setup_again --data '/mnt/my disk #1' --no-start)" 'data: /mnt/my disk #1, as it was'
    echo mine >"$BOARD_ROOT/usr/share/cubby/www/mine"
    within /bin/sh /usr/sbin/cubby-setup remove
    same "$(cd "$BOARD_ROOT/usr" && find . -path '*cubby*' ! -type d)" ./share/cubby/www/mine
    [ ! -e "$BOARD_ROOT/usr/lib/cubby" ]
    ! answers "$BASE" || fail 'it still answers'
    [ ! -e "$BOARD_ROOT/etc/init.d/S80cubby" ]
}

# with_procd: a board of OpenWrt's kind
with_procd() {
    # Stand-ins that note what they are told; procd's starts what it is given.
    mkdir "$BOARD_ROOT/etc/init.d"
    cat >"$BOARD_ROOT/etc/rc.common" <<'SH'
. "$1"
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_set_param() { [ "$1" != command ] || "$2" start; }
echo "$2" >>/tmp/told
case $2 in
start) start_service ;;
stop) /usr/sbin/cubby-httpd stop ;;
esac
SH
    # OpenWrt's busybox has no httpd.
    rm "$BOARD_ROOT/bin/httpd" "$BOARD_ROOT/bin/busybox"
    printf '#!/bin/sh\n[ "$1" != httpd ] || { echo "httpd: applet not found" >&2; exit 127; }\nexec /emulator /real/busybox busybox "$@"\n' \
        >"$BOARD_ROOT/bin/busybox"
    chmod 755 "$BOARD_ROOT/bin/busybox"
}

@test "setup: under procd and systemd their own files are put in place" {
    with_procd
    machine_boot
    has_text "$(machine_install "127.0.0.1:$port")" 'boot: /etc/init.d/cubby, by procd'
    machine_answers "$BASE"
    same "$(tr '\n' ' ' <"$BOARD_ROOT/tmp/told")" 'enable start '
    has_text "$(within /bin/ps)" '/real/httpd'
    within /bin/sh /usr/sbin/cubby-setup remove
    ! answers "$BASE" || fail 'it still answers'
    [ ! -e "$BOARD_ROOT/etc/init.d/cubby" ]
    rm "$BOARD_ROOT/etc/rc.common" "$BOARD_ROOT/tmp/told"
    mkdir -p "$BOARD_ROOT/run/systemd/system" "$BOARD_ROOT/etc/systemd/system"
    printf '#!/bin/sh\necho "$*" >>/tmp/told\ncase $1 in start|stop) /usr/sbin/cubby-httpd "$1" ;; esac\n' >"$BOARD_ROOT/bin/systemctl"
    chmod 755 "$BOARD_ROOT/bin/systemctl"
    has_text "$(machine_install "127.0.0.1:$port")" 'boot: cubby.service, by systemd'
    machine_answers "$BASE"
    same "$(tr '\n' ',' <"$BOARD_ROOT/tmp/told")" 'daemon-reload,enable cubby,start cubby,'
    [ -f "$BOARD_ROOT/etc/systemd/system/cubby.service" ]
    [ ! -e "$BOARD_ROOT/etc/systemd/system/cubby.service.d" ]
    within /bin/sh /usr/sbin/cubby-setup remove
    [ ! -e "$BOARD_ROOT/etc/systemd/system/cubby.service" ]
    # Elsewhere the service is told where it may write.
    rm -rf "$BOARD_ROOT/etc/cubby"
    machine_install "127.0.0.1:$port" --data '/data/x "y%' >/dev/null
    same "$(cat "$BOARD_ROOT/etc/systemd/system/cubby.service.d/data.conf")" '[Unit]
RequiresMountsFor="/data/x \"y%%"
[Service]
ReadWritePaths="/data/x \"y%%"'
    within /bin/sh /usr/sbin/cubby-setup remove
    [ ! -e "$BOARD_ROOT/etc/systemd/system/cubby.service.d" ]
    # So it is where links lead elsewhere: one in the place of the usual folder, one in the place of the file. What
    # the operator says besides stays.
    rm -rf "$BOARD_ROOT/etc/cubby" "$BOARD_ROOT/data"
    mkdir -p "$BOARD_ROOT/mnt" "$BOARD_ROOT/etc/systemd/system/cubby.service.d"
    mv "$BOARD_ROOT/srv" "$BOARD_ROOT/mnt/a disk"
    ln -s 'mnt/a disk' "$BOARD_ROOT/srv"
    local_conf=$BOARD_ROOT/etc/systemd/system/cubby.service.d/local.conf
    printf '[Service]\nReadWritePaths=/keys\n' >"$local_conf"
    before=$(cat "$local_conf")
    has_text "$(machine_install "127.0.0.1:$port")" 'data: /srv/cubby, as it was'
    same "$(cat "$BOARD_ROOT/etc/systemd/system/cubby.service.d/data.conf")" '[Unit]
RequiresMountsFor="/mnt/a disk/cubby"
[Service]
ReadWritePaths="/mnt/a disk/cubby"'
    cp -pR "$BOARD_ROOT/srv/cubby" "$BOARD_ROOT/mnt/other"
    rm "$BOARD_ROOT/srv/cubby/cubby.db"
    ln -s /mnt/other/cubby.db "$BOARD_ROOT/srv/cubby/cubby.db"
    chown -h --reference="$BOARD_ROOT/mnt/other/cubby.db" "$BOARD_ROOT/srv/cubby/cubby.db"
    has_text "$(setup_again)" 'data: /srv/cubby, as it was'
    same "$(cat "$BOARD_ROOT/etc/systemd/system/cubby.service.d/data.conf")" '[Unit]
RequiresMountsFor="/mnt/a disk/cubby" "/mnt/other"
[Service]
ReadWritePaths="/mnt/a disk/cubby" "/mnt/other"'
    [ -L "$BOARD_ROOT/srv/cubby/cubby.db" ]
    within /bin/sh /usr/sbin/cubby-setup remove
    same "$(cat "$local_conf")" "$before"
    same "$(ls "$BOARD_ROOT/etc/systemd/system/cubby.service.d")" local.conf
}

# sysupgrade: a new system, in which there are the files and links that the list names, and no folders but those
# that tar makes for them
sysupgrade() {
    machine_loses_power
    (
        cd "$BOARD_ROOT" || return
        # shellcheck disable=SC2046 # words and patterns, as there
        find $(sed -ne '/^[[:space:]]*$/d; /^#/d; s|^/||; p' etc/sysupgrade.conf) etc/passwd etc/group -type f -o -type l >"$BOARD_ROOT.list"
        tar -cf "$BOARD_ROOT.tar" -T "$BOARD_ROOT.list"
    )
    rm -rf "$BOARD_ROOT"
    machine_make
    with_procd
    tar -C "$BOARD_ROOT" -xpf "$BOARD_ROOT.tar"
}

@test "setup: what OpenWrt's sysupgrade is to keep is listed once, and serves again afterwards" {
    with_procd
    printf '# mine\n/etc/mine' >"$BOARD_ROOT/etc/sysupgrade.conf"
    echo kept >"$BOARD_ROOT/etc/mine"
    machine_boot
    has_text "$(machine_install "127.0.0.1:$port" --data '/mnt/my disk')" \
        'sysupgrade: keeps /mnt/my?disk/ /etc/cubby/ (/etc/sysupgrade.conf)'
    listed=$(printf '%s\n' '# mine' /etc/mine '/mnt/my?disk/' /etc/cubby/ /etc/sysupgrade.conf)
    same "$(cat "$BOARD_ROOT/etc/sysupgrade.conf"; echo /etc/sysupgrade.conf)" "$listed"
    setup_again >/dev/null
    same "$(cat "$BOARD_ROOT/etc/sysupgrade.conf"; echo /etc/sysupgrade.conf)" "$listed"
    machine_answers "$BASE"
    new_user
    store kept '"safe"'
    echo 'max_value_bytes = 4000' >>"$BOARD_ROOT/etc/cubby/cubby.conf"
    echo /etc/sysupgrade.conf >>"$BOARD_ROOT/etc/sysupgrade.conf" # which the system has in a list of its own
    sysupgrade
    [ ! -e "$BOARD_ROOT/usr/sbin/cubby" ]
    same "$(cat "$BOARD_ROOT/etc/mine")" kept
    machine_boot
    said=$(machine_install "127.0.0.1:$port")
    has_text "$said" 'settings: /etc/cubby/cubby.conf, as it was'
    has_text "$said" 'data: /mnt/my disk, as it was'
    [ "$(id -u)" != 0 ] || has_text "$said" 'data: /mnt/my disk, given back to their owner'
    machine_answers "$BASE"
    as_user GET /data/kept
    same "$(jq -r .data.value <<<"$body")" safe
    store more 1 # which makes a journal beside the database
    same "$(modes 'mnt/my disk' 'mnt/my disk/cubby.db')" 'mnt/my disk 700 mnt/my disk/cubby.db 600 '
    grep -qx 'max_value_bytes = 4000' "$BOARD_ROOT/etc/cubby/cubby.conf"
    # A folder that has something else in it is not given away.
    if [ "$(id -u)" = 0 ]; then
        within /bin/sh /usr/sbin/cubby-setup remove
        chown root: "$BOARD_ROOT/mnt/my disk"
        : >"$BOARD_ROOT/mnt/my disk/other"
        ! said=$(machine_install "127.0.0.1:$port" 2>&1) || fail "$said"
        has_text "$said" '/mnt/my disk is there and belongs to the user with the number 0'
    fi
}

@test "setup: while the disk of the data is missing no other data are made in its place, neither at boot nor by hand" {
    mkdir "$BOARD_ROOT/etc/init.d"
    printf '#!/bin/sh\nfor script in /etc/init.d/S??*; do "$script" start; done\n' >"$BOARD_ROOT/etc/init.d/rcS"
    chmod 755 "$BOARD_ROOT/etc/init.d/rcS"
    echo '::sysinit:/etc/init.d/rcS' >"$BOARD_ROOT/etc/inittab"
    mkdir "$BOARD_ROOT/srv"
    machine_boot
    # The first time the table of what is to be mounted tells.
    echo '/dev/sda1 /srv/ ext4 defaults 0 2' >"$BOARD_ROOT/etc/fstab"
    run machine_install "127.0.0.1:$port" --data here # is unpacked at least
    # refuses_disk FOLDER WORD…: with data in FOLDER, and has changed nothing
    refuses_disk() {
        before=$(cd "$BOARD_ROOT" && find etc ! -type d -exec sha256sum {} + | sort)
        run machine_install "127.0.0.1:$port" "${@:2}"
        [ "$status" = 1 ] || fail "$output"
        has_text "$output" "$1/cubby.db is missing, and so is the disk that /etc/fstab mounts at"
        same "$(cd "$BOARD_ROOT" && find etc ! -type d -exec sha256sum {} + | sort)" "$before"
        same "$(ls -A "$BOARD_ROOT/srv")" ''
    }
    refuses_disk /srv/cubby
    has_text "$output" 'mounts at /srv'
    # By links too: to what is to be mounted, and where the table itself names one; blanks are written otherwise there.
    mkdir -p "$BOARD_ROOT/media/a disk" "$BOARD_ROOT/links"
    ln -s '../media/a disk' "$BOARD_ROOT/links/disk"
    for table in '/media/a\040disk' '/links/disk/'; do
        echo "/dev/sda1 $table ext4 defaults 0 2" >"$BOARD_ROOT/etc/fstab"
        for data in '/media/a disk' '/links/disk'; do
            refuses_disk "$data/below/data" --data "$data/below/data"
            has_text "$output" 'mounts at '"$(printf "${table%/}")"
        done
    done
    same "$(ls -A "$BOARD_ROOT/media/a disk")" ''
    # Mounted, it is not missing: this one is memory.
    within /bin/mount -t tmpfs tmpfs '/media/a disk'
    for data in '/media/a disk' '/links/disk'; do
        run machine_install "127.0.0.1:$port" --data "$data/below/data"
        has_text "$output" "$data/below/data lies in memory"
    done
    within /bin/umount '/media/a disk'
    echo '/dev/sda1 /mnt ext4 defaults 0 2' >"$BOARD_ROOT/etc/fstab"
    machine_install "127.0.0.1:$port" >/dev/null
    machine_answers "$BASE"
    new_user
    store kept 1
    # Afterwards it is known without, as where the table has no line.
    rm "$BOARD_ROOT/etc/fstab"
    machine_loses_power
    # A disk of this machine's own would be memory to the board: what it holds goes and comes.
    mv "$BOARD_ROOT/srv/cubby" "$BOARD_ROOT/disk"
    machine_boot
    run within /usr/sbin/cubby-httpd prepare
    [ "$status" = 1 ]
    has_text "$output" '/srv/cubby/cubby.db is missing, and it was there before: is the disk mounted that holds it?'
    run within /etc/init.d/S80cubby start
    [ "$status" = 1 ]
    run setup_again
    [ "$status" = 1 ]
    has_text "$output" 'is the disk mounted'
    has_text "$(cat "$BOARD_ROOT.log")" 'is the disk mounted'
    ! answers "$BASE" || fail 'it serves'
    same "$(ls "$BOARD_ROOT/srv")" ''
    mv "$BOARD_ROOT/disk" "$BOARD_ROOT/srv/cubby"
    within /etc/init.d/S80cubby start
    machine_answers "$BASE"
    as_user GET /data/kept
    succeeded 200
    # An installation of before, whose data are there, is known from the next start on.
    within /etc/init.d/S80cubby stop
    rm "$BOARD_ROOT/etc/cubby/databases"
    within /etc/init.d/S80cubby start
    same "$(cat "$BOARD_ROOT/etc/cubby/databases")" /srv/cubby/cubby.db
    # Who wants to begin anew says so.
    within /etc/init.d/S80cubby stop
    mv "$BOARD_ROOT/srv/cubby" "$BOARD_ROOT/disk"
    rm "$BOARD_ROOT/etc/cubby/databases"
    within /etc/init.d/S80cubby start
    machine_answers "$BASE"
}

@test "setup: data that a reboot would lose, another processor's programs and unknown words are refused" {
    machine_boot
    machine_install "127.0.0.1:$port" >/dev/null
    within /bin/sh /usr/sbin/cubby-setup remove
    machine_install "127.0.0.1:$port" >/dev/null
    state=$(cd "$BOARD_ROOT" && find etc srv usr ! -type d -exec sha256sum {} + | sort)
    # refuses STATUS TEXT WORD…: and changes nothing
    refuses() {
        run setup_again "${@:3}"
        [ "$status" = "$1" ]
        has_text "$output" "$2"
        same "$(cd "$BOARD_ROOT" && find etc srv usr ! -type d -exec sha256sum {} + | sort)" "$state"
    }
    for words in --address '--data' 'restart' '--adress 80' 'remove now' '--no-start remove'; do
        # shellcheck disable=SC2086 # words
        refuses 2 'cubby-setup [--address ADDRESS]' $words
    done
    # The address goes into a file that a shell reads, the user into /etc/passwd, the folder into settings.
    for address in '80;reboot' '$(reboot)' '80 81' 0 65536 http $'80\n81' '127.0.0.1:' 'a/b:80'; do
        refuses 1 "--address can't be" --address "$address"
    done
    for folder in / // here ./here $'/a\nkeys = /b' '/a '; do
        refuses 1 "--data can't be" --data "$folder"
    done
    for name in a:b 'a b' -x 0 $'a\nb' ../a; do
        refuses 1 "--user can't be" --user "$name"
    done
    refuses 1 'names the database /srv/cubby/cubby.db' --data /elsewhere
    refuses 1 "--user can't change it" --user other
    # Settings that the programs would refuse
    echo 'pasword_cost = 3' >>"$BOARD_ROOT/etc/cubby/cubby.conf"
    state=$(cd "$BOARD_ROOT" && find etc srv usr ! -type d -exec sha256sum {} + | sort)
    refuses 1 "/etc/cubby/cubby.conf can't be used"
    rm "$BOARD_ROOT/etc/cubby/cubby.conf"
    # A busybox without what is needed, and a root that can't be written
    mv "$BOARD_ROOT/bin/awk" "$BOARD_ROOT/bin/sleep" "$BOARD_ROOT/tmp/"
    state=$(cd "$BOARD_ROOT" && find etc srv usr ! -type d -exec sha256sum {} + | sort)
    refuses 1 'which are needed: awk sleep'
    mv "$BOARD_ROOT/tmp/awk" "$BOARD_ROOT/tmp/sleep" "$BOARD_ROOT/bin/"
    within /bin/mount -t tmpfs -o ro tmpfs /etc
    refuses 1 'no file can be made in /etc'
    within /bin/umount /etc
    # Data of another user, a folder of another user, what is no folder
    if [ "$(id -u)" = 0 ]; then
        chown -R 77 "$BOARD_ROOT/srv/cubby"
        refuses 1 '/srv/cubby is there and belongs to the user with the number 77'
        chown -R 300 "$BOARD_ROOT/srv/cubby"
        mkdir "$BOARD_ROOT/roots"
        refuses 1 '/roots is there and belongs to the user with the number 0' --data /roots
    fi
    ln -s nowhere "$BOARD_ROOT/dangling"
    refuses 1 '/dangling is no folder' --data /dangling/cubby
    # Memory: a place with a blank in its name, and a layer over another system
    mkdir -p "$BOARD_ROOT/mnt/in memory" "$BOARD_ROOT/mnt/over"
    within /bin/mount -t tmpfs tmpfs '/mnt/in memory'
    refuses 1 '/mnt/in memory/cubby lies in memory' --data '/mnt/in memory/cubby'
    within /bin/sh -c 'mkdir /tmp/m && mount -t tmpfs tmpfs /tmp/m && mkdir /tmp/m/upper /tmp/m/work &&
        mount -t overlay -o lowerdir=/srv,upperdir=/tmp/m/upper,workdir=/tmp/m/work overlay /mnt/over'
    refuses 1 '/mnt/over/cubby2 lies in memory' --data /mnt/over/cubby2
    # As on OpenWrt, where /var is a link into memory.
    rm -rf "${BOARD_ROOT:?}/var" && ln -s tmp "$BOARD_ROOT/var"
    within /bin/mount -t tmpfs tmpfs /tmp
    before=$(find "$BOARD_ROOT/etc" -type f -exec sha256sum {} +)
    run setup_again --data /var/lib/cubby
    [ "$status" = 1 ]
    has_text "$output" '/var/lib/cubby lies in memory'
    same "$(find "$BOARD_ROOT/etc" -type f -exec sha256sum {} +)" "$before"
    printf '#!/bin/sh\nexit 126\n' >"$BOARD_ROOT/usr/sbin/cubby"
    run setup_again
    [ "$status" = 1 ]
    has_text "$output" 'is the archive that of this processor'
    # It can still be taken away.
    within /bin/sh /usr/sbin/cubby-setup remove
    [ ! -e "$BOARD_ROOT/usr/sbin/cubby" ]
}

@test "setup: interrupted anywhere it is completed by the next one; without room nothing is changed" {
    machine_boot
    echo 'root:*:::::::' >"$BOARD_ROOT/etc/shadow"
    cp "$BOARD_ROOT/bin/mv" "$BOARD_ROOT/bin/real_mv"
    printf '#!/bin/sh\nbusybox mv "$@" && kill -9 $PPID\n' >"$BOARD_ROOT/bin/mv"
    # Each is killed once it gave a file its name.
    interruptions=0
    until said=$(machine_install "127.0.0.1:$port" 2>&1 && echo complete) && [ "${said##*$'\n'}" = complete ]; do
        interruptions=$((interruptions + 1))
        [ "$interruptions" -lt 9 ] || fail "$said"
    done
    [ "$interruptions" -ge 5 ] || fail "$interruptions: $said"
    machine_answers "$BASE"
    same "$(cut -d: -f1 "$BOARD_ROOT/etc/passwd" "$BOARD_ROOT/etc/group" "$BOARD_ROOT/etc/shadow" | tr '\n' ' ')" \
        "$([ "$(id -u)" = 0 ] && echo 'root cubby root cubby root cubby' || echo root root root) "
    same "$(grep -c cubby-httpd "$BOARD_ROOT/etc/inittab")" 1
    same "$(cd "$BOARD_ROOT" && find etc srv -name '*.new*' -o -name '*.cubby' -o -name '.cubby*')" ''
    cp "$BOARD_ROOT/bin/real_mv" "$BOARD_ROOT/bin/mv"
    # No room in /etc: what is there stays whole, and serves.
    within /bin/sh -c 'mkdir /tmp/etc && cp -pR /etc/. /tmp/etc && mount -t tmpfs -o size=128k tmpfs /etc && cp -pR /tmp/etc/. /etc
        cat /emulator >/etc/full' || true
    state=$(within /bin/sh -c 'cd /etc && cat inittab passwd group shadow cubby/*')
    for words in '--address 80' '' remove; do
        # shellcheck disable=SC2086 # words
        run setup_again $words
        [ "$status" = 1 ] || fail "$output"
        has_text "$output" 'room'
        same "$(within /bin/sh -c 'cd /etc && cat inittab passwd group shadow cubby/*')" "$state"
        answers "$BASE"
    done
    within /bin/sh -c 'rm /etc/full && cubby-setup remove'
    same "$(within /bin/cat /etc/inittab)" '::sysinit:/bin/true'
    within /bin/umount /etc
    # Data of a system that was replaced: the user gets the number that it belongs to.
    [ "$(id -u)" = 0 ] || return 0
    echo 'root:x:0:0:root:/root:/bin/sh' >"$BOARD_ROOT/etc/passwd"
    chown -R 1234:1234 "$BOARD_ROOT/srv/cubby"
    rm -r "$BOARD_ROOT/etc/cubby" "$BOARD_ROOT/etc/shadow"
    has_text "$(machine_install "127.0.0.1:$port")" 'data: /srv/cubby, as it was'
    same "$(grep '^cubby:' "$BOARD_ROOT/etc/passwd" | cut -d: -f3)" 1234
    machine_answers "$BASE"
}
