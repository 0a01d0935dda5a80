#!/usr/bin/env bats
# What the tool does with root's rights, with locks and results that others could reach for, and with what it shows.

load tool

setup() {
    note_test_alone
    place_of rights
    busy_timeout=100 # milliseconds
    settings
    background=''
}

teardown() {
    if [ -n "$background" ]; then
        pgrep -P "$background" | xargs -r kill -CONT || true # it may have been stopped
        kill "$background" 2>/dev/null || true
    fi
    rm -rf "$place"
}

as_attacker() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }

# with_data: a folder with database and key of the attacker's
with_data() {
    install -d -m 755 -o nobody -g nogroup "$home"
    tool 0 init --owner nobody
}

untouched() { same "$(stat -c '%s %U %a' "$victim")" '0 root 600'; }

# drafts: the names of restores' drafts that the traced tool made
drafts() { grep -c 'restore-.*O_CREAT' "$place/trace" || true; }

# ---- settings -----------------------------------------------------------------------------------

@test "rights: settings that another user may change are obeyed as that user, for good" {
    is_root || return 0
    with_data
    mv "$conf" "$home/cubby.conf"
    conf=$home/cubby.conf
    CUBBY_CONF=$conf
    chown nobody: "$conf"
    tool 0 key rotate
    tool 0 backup "$home/copy.db"
    same "$(stat -c %U "$home/copy.db")" nobody
    # the log of a taken-over program's choice
    echo "log = $victim" >>"$conf"
    tool 1 key rotate
    said "this was run as nobody, since the settings in $conf are theirs to change"
    untouched
    strace -f -qq -o "$place/trace" -e trace=setresuid,setresgid,setgroups,?open,openat "$TOOL" key list >/dev/null
    grep -q 'setresuid(65534, 65534, 65534) *= 0' "$place/trace"
    same "$(awk '/setresuid\(65534, 65534, 65534/ { as = 1 } index($0, "'"$home"'") && !/O_PATH/ && !as' "$place/trace")" ''
    # an option names them, a link of root's leads to them, a link of that user's leads to root's
    unset CUBBY_CONF
    tool 1 -c "$conf" key rotate
    ln -s "$conf" "$place/link.conf"
    tool 1 -c "$place/link.conf" key rotate
    untouched
    mkdir "$place/roots"
    conf=$place/roots/cubby.conf
    settings "log = $victim"
    as_attacker ln -s "$conf" "$home/other.conf"
    tool 1 -c "$home/other.conf" key rotate
    untouched
    # root's own file in that user's folder
    cp "$conf" "$home/third.conf"
    tool 1 -c "$home/third.conf" key rotate
    untouched
    tool 0 -c "$conf" key rotate
    [ -s "$victim" ]
}

@test "rights: settings that several users or all may change are refused to root, and check tells of one" {
    is_root || return 0
    with_data
    install -d -o nobody "$place/nobodys"
    cp "$conf" "$place/nobodys/cubby.conf"
    chown www-data "$place/nobodys/cubby.conf"
    tool 1 -c "$place/nobodys/cubby.conf" stats
    said 'could lead root elsewhere'
    chmod 666 "$conf"
    tool 1 stats
    said "others than root may change the settings (mode 666), and could lead root anywhere; chmod go-w $conf"
    chown www-data "$conf"
    tool 1 stats
    said 'others than root may change the settings (mode 666)'
    chown root "$conf"
    chmod 664 "$conf"
    chgrp 54321 "$conf"
    tool 1 stats
    said '(mode 664)'
    tool 1 check
    said 'others than its owner may change the settings (mode 664)'
    chgrp root "$conf"
    tool 0 stats
    # one user: the one who runs the programs, to whom the tool says it without calling it a fault, or another
    chmod 644 "$conf"
    chown nobody "$conf"
    tool 0 check
    said "warning: $conf: user 65534, neither root nor who runs this, may change the settings"
    chown www-data "$conf"
    tool 1 check
    said "$conf: user $(id -u www-data), neither root nor who runs this, may change the settings"
}

@test "rights: a command that needs root no more gives it up before it opens the database" {
    is_root || return 0
    for log in '' "$home/log"; do
        settings ${log:+"log = $log"}
        [ -e "$home" ] || with_data
        tool 0 backup "$place/copy.db" --yes
        for words in stats 'user list' gc migrate "restore --yes $place/copy.db"; do
            # shellcheck disable=SC2086 # words
            strace -f -qq -o "$place/trace" -e trace=setresuid,?open,openat "$TOOL" $words >/dev/null
            same "$(awk '/setresuid\(65534, 65534, 65534\)/ { ever = 1 } /"[^"]*cubby\.db"/ && !/O_PATH/ && !ever' "$place/trace")" ''
            grep -q 'setresuid(65534, 65534, 65534) *= 0' "$place/trace"
        done
    done
    same "$(sed 's/^[^{]*//' "$home/log" | jq -r 'select(.event == "restore").operator')" 0
    # not where the log is another user's, who is to note it
    install -d -m 755 -o www-data "$place/logs"
    settings "log = $place/logs/log"
    tool 0 restore --yes "$place/copy.db"
    same "$(stat -c %U "$place/logs/log")" www-data
}

@test "rights: settings of the programs' user in a folder of another user's are obeyed as the former" {
    is_root || return 0
    # a user's checkout, in which root ran "make run"
    install -d -m 755 -o nobody "$place/checkout"
    home=$place/checkout/data database=$home/cubby.db keys=$home/keys.json
    install -d -m 700 -o www-data -g www-data "$home"
    settings
    tool 0 init --owner www-data
    mv "$conf" "$home/cubby.conf"
    conf=$home/cubby.conf
    chown www-data: "$conf"
    chmod 640 "$conf"
    for words in 'user list' 'key rotate' gc stats; do
        # shellcheck disable=SC2086 # words
        tool 0 -c "$conf" $words
    done
    cd "$place/checkout"
    tool 0 -c data/cubby.conf user list
    strace -f -qq -o "$place/trace" -e trace=setresuid "$TOOL" -c "$conf" stats >/dev/null
    www=$(id -u www-data)
    grep -q "setresuid($www, $www, $www) *= 0" "$place/trace"
    tool 1 -c "$conf" backup /etc/cubby-test
    said "this was run as www-data"
    # what is no fault for the programs is not to be taken away from them
    tool 0 -c "$conf" check
    case $stderr in *"chown root $home"$'\n'* | *"chown root $home)"*) fail "advises to take the folder away: $stderr" ;; esac
    # a backup there, the programs' user's or root's
    tool 0 -c "$conf" backup "$home/copy.db"
    unset CUBBY_CONF
    settings_of_root=$place/roots.conf
    (conf=$settings_of_root; settings)
    tool 0 -c "$settings_of_root" restore --yes "$home/copy.db"
    chown root "$home/copy.db"
    chmod 600 "$home/copy.db"
    tool 0 -c "$settings_of_root" restore --yes "$home/copy.db"
    # not where the user whose folders lie above could put anything in its place
    chmod 777 "$home"
    tool 1 -c "$conf" stats
    said 'could lead root elsewhere'
    chmod 700 "$home"
    chmod 777 "$place/checkout"
    chown root "$place/checkout"
    tool 1 -c "$conf" stats
    said 'could lead root elsewhere'
    chmod 755 "$place/checkout"
    chown nobody "$home"
    tool 1 -c "$conf" stats
    said 'could lead root elsewhere'
    tool 1 -c "$conf" check
    said 'could lead root elsewhere'
    as_attacker ln -s "$conf" "$home/link.conf"
    chown www-data "$home"
    tool 1 -c "$home/link.conf" stats
    said 'could lead root elsewhere'
}

@test "rights: where settings are obeyed as another user, the tool says how they become root's" {
    is_root || return 0
    with_data
    chown nobody: "$conf"
    tool 4 user show ann
    said "this was run as nobody, since the settings in $conf are theirs to change; \"chown root $conf\" makes them root's alone"
    mkdir -m 700 "$place/roots"
    tool 1 backup "$place/roots/copy.db"
    said "\"chown root $conf\""
    install -d -o nobody "$place/theirs"
    cp "$conf" "$place/theirs/cubby.conf"
    chmod 644 "$place/theirs/cubby.conf"
    tool 4 -c "$place/theirs/cubby.conf" user show ann
    said "they are root's alone outside of $place/theirs"
    hold
    tool 5 -c "$place/theirs/cubby.conf" gc
    said "they are root's alone outside of $place/theirs"
    let_go
}

@test "rights: settings on a mount that is read-only for this process alone are their owner's all the same" {
    is_root || return 0
    with_data
    mkdir "$place/etc"
    conf=$place/etc/cubby.conf
    settings "log = $victim"
    protected() {
        # shellcheck disable=SC2016 # of the inner shell
        run --separate-stderr unshare --mount sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' \
            sh "$place/etc" "$TOOL" -c "$conf" "$@"
        same "$status" 1
    }
    why='that it is mounted read-only here keeps nobody from writing by another mount'
    chown nobody "$conf"
    protected key rotate
    said "this was run as nobody, since the settings in $conf are theirs to change"
    said "$why"
    chown www-data "$conf"
    protected check
    said "$conf: user $(id -u www-data), neither root nor who runs this, may change the settings"
    chmod 666 "$conf"
    protected key rotate
    said 'others than root may change the settings (mode 666)'
    said "$why"
    chown root "$conf"
    chmod 644 "$conf"
    chmod 777 "$place/etc"
    protected key rotate
    said 'could lead root elsewhere'
    said "$why"
    chmod 755 "$place/etc"
    mv "$conf" "$place/etc/other.conf"
    ln -s other.conf "$conf"
    chown -h nobody "$conf"
    protected key rotate
    said 'this was run as nobody'
    untouched
}

# volume SCRIPT: in mounts of its own, a file system in memory with a copy of the settings as Kubernetes gives them to a
# container (links in a folder for all), mounted at $place/mounted; then SCRIPT, and the tool with these settings.
volume() {
    mkdir -p "$place/store" "$place/mounted"
    # shellcheck disable=SC2016 # of the inner shell
    run --separate-stderr unshare --mount --pid --fork --mount-proc sh -ec 'mount -t tmpfs tmpfs "$1/store"
        mkdir "$1/store/volume" "$1/store/volume/..1"
        cd "$1/store/volume"
        cp "$2" ..1/cubby.conf
        chmod 644 ..1/cubby.conf
        ln -s ..1 ..data
        ln -s ..data/cubby.conf cubby.conf
        chmod 777 .
        cd "$1"
        mount --bind store/volume mounted
        eval "$4"
        "$3" -c "$1/mounted/cubby.conf" key rotate' sh "$place" "$conf" "$TOOL" "$1"
}

@test "rights: settings that a container has on a volume mounted read-only, behind links in a folder for all" {
    is_root || return 0
    with_data
    settings "log = $victim"
    read_only='mount -o remount,bind,ro mounted'
    # nobody in the container can write to it
    volume "$read_only; umount store"
    same "$stderr" ''
    same "$status" 0
    [ -s "$victim" ] || fail 'not as root'
    : >"$victim"
    # somebody can: there, by another mount of it, of the folder above it or of one below
    refused() {
        volume "$1"
        same "$status" 1
        said 'could lead root elsewhere'
        # by its name of today, which is gone with the next update, or in the same folder
        case $stderr in *'instead of a link'*) fail 'no way out' ;; esac
    }
    refused ''
    said "move it to a folder of root's, or chmod go-w $place/mounted"
    refused "$read_only"
    refused "$read_only; mkdir also; mount --bind store/volume also; umount store"
    refused "$read_only; mkdir -p also; mount --bind store/volume/..1 also; umount store"
    # not a process that has mounts of its own in the container
    TOOL_ALONE=$TOOL
    printf '#!/bin/sh\nexec unshare --mount "%s" "$@"\n' "$TOOL" >"$place/protected"
    chmod 755 "$place/protected"
    TOOL=$place/protected
    refused "$read_only; umount store"
    # nor one whose root is elsewhere, outside of which there are other mounts, be it the same folder by another mount
    printf '#!/bin/sh\nexec chroot "%s/root" "%s" "$@"\n' "$place" "$TOOL_ALONE" >"$place/protected"
    refused "$read_only; mkdir -p root; mount --rbind / root; umount \"root\$PWD/store\"; [ ! -d \"root\$PWD/store/volume\" ]"
    TOOL=$TOOL_ALONE
    volume "$read_only; umount store; mkdir -p root; mount --rbind / root"
    same "$status" 0
    : >"$victim"
    # nor on a file system that only this mount of shows as read-only, while the one below it takes writes
    refused 'mkdir -p empty; umount mounted; mount -t overlay -o ro,lowerdir=store/volume:empty overlay mounted'
    # a file system that takes no writes has nobody's, wherever it is mounted and whoever owns what is there
    volume "chown -hR nobody store/volume store/volume/cubby.conf; mount -o remount,ro store"
    same "$status" 0
    [ -s "$victim" ] || fail 'not as root'
    : >"$victim"
    TOOL=$TOOL_ALONE
    # an owner may write from outside of the container
    volume "chown nobody store/volume/..1/cubby.conf; $read_only; umount store"
    same "$status" 1
    said 'this was run as nobody'
    said 'that it is mounted read-only here keeps nobody'
    volume "chown nobody store/volume/..1; $read_only; umount store"
    same "$status" 1
    said 'this was run as nobody'
    untouched
}

@test "rights: a log of root's in a folder that a group may write to, as some systems have /var/log" {
    is_root || return 0
    install -d -m 775 -g 54321 "$place/logs"
    settings "log = $place/logs/cubby.log"
    tool 0 init
    tool 0 key rotate
    same "$(stat -c '%U %a' "$place/logs/cubby.log")" 'root 600'
    tool 0 key rotate
    same "$(grep -c '"event":"key_rotated"' "$place/logs/cubby.log")" 2
    # whatever who is in the group puts there
    rm "$place/logs/cubby.log"
    ln "$victim" "$place/logs/cubby.log"
    tool 1 key rotate
    same "$(stat -c '%s %U %a' "$victim")" '0 root 600'
    rm "$place/logs/cubby.log"
    for at in "$victim" "$place/nothing"; do
        ln -sfn "$at" "$place/logs/cubby.log"
        chown -h nobody "$place/logs/cubby.log"
        tool 1 key rotate
        said 'could lead root elsewhere'
    done
    rm "$place/logs/cubby.log"
    mkdir "$place/elsewhere"
    ln -s "$place/elsewhere" "$place/logs/sub"
    settings "log = $place/logs/sub/log"
    tool 1 key rotate
    untouched
    same "$(ls "$place/elsewhere")" ''
    [ ! -e "$place/nothing" ]
}

@test "rights: behind a link in a folder that a group may write to, the tool says to name what it leads to" {
    is_root || return 0
    install -d -m 775 -g 54321 "$place/logs"
    mkdir "$place/disk"
    ln -s "$place/disk/log" "$place/logs/cubby.log"
    settings "log = $place/logs/cubby.log"
    tool 0 init
    tool 1 key rotate
    said "$place/logs/cubby.log: its folder belongs to root, but a group other than root's owns a link or may write to a folder"
    said ": $place/logs; name $place/disk/log itself instead of a link to it"
    case $stderr in *chmod*) fail 'the folder is as the system has it' ;; esac
    settings "log = $place/disk/log"
    tool 0 key rotate
    # a folder of root's below, by a link beside it
    mkdir "$place/logs/sub"
    ln -s sub "$place/logs/link"
    settings "log = $place/logs/link/log"
    tool 1 key rotate
    said ": $place/logs; move it to a folder of root's, or chmod g-w $place/logs" # what lies there can be replaced as well
    settings "log = $place/logs/sub/log"
    tool 0 key rotate
    # a link of root's to there is not what the group could replace
    ln -s "$place/logs/keys.json" "$place/keys.json"
    mv "$keys" "$place/logs/keys.json"
    keys=$place/keys.json
    settings
    tool 1 key rotate
    said "move it to a folder of root's, or chmod g-w $place/logs"
}

@test "rights: a group that may replace the tool itself is root's equal" {
    is_root || return 0
    install -d -m 2775 -g 54321 "$place/local" "$place/local/etc"
    install -d -m 755 "$place/local/sbin" "$place/local/etc/cubby"
    cp "$TOOL" "$place/local/sbin/cubby"
    conf=$place/local/etc/cubby/cubby.conf
    home=$place/local/data database=$place/local/data/cubby.db keys=$place/local/data/keys.json
    settings "log = $place/local/etc/log"
    CUBBY_CONF=$conf
    tool 1 init
    said "could lead root elsewhere: $place/local; move it to a folder of root's, or chmod g-w $place/local"
    TOOL=$place/local/sbin/cubby
    tool 0 init
    tool 0 key rotate
    tool 0 check
    tool 0 backup "$place/local/copy.db"
    tool 0 restore --yes "$place/local/copy.db"
    cp "$conf" "$place/local/etc/cubby.conf"
    tool 0 -c "$place/local/etc/cubby.conf" check
    # the group of the file too, as a folder that hands its group down and a umask of 002 make it
    same "$(stat -c %g "$place/local/etc/cubby.conf")" 54321
    chmod 664 "$place/local/etc/cubby.conf"
    tool 0 -c "$place/local/etc/cubby.conf" key rotate
    tool 0 -c "$place/local/etc/cubby.conf" check
    chgrp 54322 "$place/local/etc/cubby.conf"
    tool 1 -c "$place/local/etc/cubby.conf" key rotate
    said 'others than root may change the settings (mode 664)'
    chgrp 54321 "$place/local/etc/cubby.conf"
    setfacl -m u:nobody:rw "$place/local/etc/cubby.conf"
    tool 1 -c "$place/local/etc/cubby.conf" key rotate
    said 'of an access control list'
    setfacl -b "$place/local/etc/cubby.conf"
    chmod 644 "$place/local/etc/cubby.conf"
    # no other group, and not where all may write
    install -d -m 2775 -g 54322 "$place/local/other"
    cp "$conf" "$place/local/other"
    tool 1 -c "$place/local/other/cubby.conf" stats
    said "or chmod g-w $place/local/other"
    chmod 2777 "$place/local"
    tool 1 stats
    said "or chmod go-w $place/local"
    # nor one that may write where the tool can't be replaced, or to another user's folder
    for mode in 3775 2755; do
        chmod "$mode" "$place/local"
        tool 1 -c "$place/local/etc/cubby.conf" stats
        said 'could lead root elsewhere'
    done
    chmod 2775 "$place/local"
    tool 0 -c "$place/local/etc/cubby.conf" stats
    install -d -m 2775 -o nobody -g 54321 "$place/theirs"
    cp "$TOOL" "$place/theirs"
    TOOL=$place/theirs/cubby
    tool 1 stats
    said 'could lead root elsewhere'
}

# listed WORDS PATH: gives it an access control list that lets nobody do that, and the mode the same for the group
listed() { setfacl -m "u:nobody:$1,m::$1" "$2"; }

@test "rights: settings that an access control list lets others write are refused, though root's group owns them" {
    is_root || return 0
    tool 0 init
    listed rw "$conf"
    same "$(stat -c '%a %u %g' "$conf")" '664 0 0'
    as_attacker sh -c 'echo "log = $1" >>"$2"' sh "$victim" "$conf"
    tool 1 key rotate
    said "$conf: others than root may change the settings (mode 664, of an access control list)"
    said "chmod go-w $conf"
    untouched
    tool 1 check
    said "others than root may change the settings (mode 664, of an access control list)"
    # what is advised does it: the mask takes it from all whom the list names
    settings
    chmod go-w "$conf"
    ! as_attacker sh -c ': >>"$1"' sh "$conf" 2>/dev/null || fail 'still to be written'
    tool 0 key rotate
    tool 0 check
    # a group with the number of the owner is the owner's alone, but not by a list
    chown www-data:www-data "$conf" "$home" "$database"* "$keys"
    chmod 664 "$conf"
    setfacl -b "$conf"
    chmod 664 "$conf"
    tool 0 stats
    listed rw "$conf"
    tool 1 stats
    said 'of an access control list'
    # who runs it as another user is told as well
    chmod 755 "$place"
    run --separate-stderr setpriv --reuid www-data --regid www-data --clear-groups "$TOOL" check
    same "$status" 1
    said "others than its owner may change the settings (mode 664, of an access control list)"
}

@test "rights: a folder that an access control list lets others write is somebody else's" {
    is_root || return 0
    mkdir "$place/etc" "$place/var" "$place/logs"
    conf=$place/etc/cubby.conf CUBBY_CONF=$place/etc/cubby.conf
    home=$place/var/data database=$place/var/data/cubby.db keys=$place/var/data/keys.json
    settings "log = $place/logs/log"
    tool 0 init
    tool 0 check
    # that of the settings
    listed rwx "$place/etc"
    same "$(stat -c '%a %u %g' "$place/etc")" '775 0 0'
    for words in 'key rotate' 'stats' "-c $place/etc/none/cubby.conf stats"; do
        # shellcheck disable=SC2086 # words
        tool 1 $words
        said "but somebody whom an access control list names owns a link or may write to a folder"
        said ": $place/etc; move it to a folder of root's, or chmod g-w $place/etc"
    done
    tool 1 check
    said 'somebody whom an access control list names'
    chmod g-w "$place/etc"
    tool 0 stats
    # that of the data, and one above it
    for one in "$home" "$place/var"; do
        listed rwx "$one"
        for words in gc 'key rotate' check; do
            # shellcheck disable=SC2086 # words
            tool 1 $words
            said "but somebody whom an access control list names owns a link or may write to a folder"
        done
        rm -f "$place/copy.db"
        chmod g-w "$one"
        tool 0 gc
    done
    # nothing is made there, nor taken from there by a name that others could turn elsewhere
    listed rwx "$place/var"
    rm -r "$home"
    tool 1 init
    said 'somebody whom an access control list names'
    same "$(ls -A "$place/var")" ''
    # a file that others put there is not root's
    ln -s "$victim" "$place/var/link.db"
    chown -h nobody "$place/var/link.db"
    tool 1 restore --yes "$place/var/link.db"
    untouched
    # where each has his own others can put something beside what is root's, but nothing in its place
    chmod 1775 "$place/var"
    database=$place/var/cubby.db settings
    tool 1 init
    said 'somebody whom an access control list names'
    settings "log = $place/logs/log"
    tool 0 init
    # a log of root's, as a group has it
    listed rwx "$place/logs"
    tool 0 key rotate
    grep -q key_rotated "$place/logs/log"
}

@test "rights: an access control list that lets nobody write, and one for what will be made, take nothing from root" {
    is_root || return 0
    mkdir "$place/etc"
    conf=$place/etc/cubby.conf CUBBY_CONF=$place/etc/cubby.conf
    settings
    tool 0 init
    listed r "$conf"
    listed rx "$place/etc"
    listed rx "$place"
    tool 0 stats
    tool 0 check
    # a folder's list for files to come, where the group of root may write
    setfacl -b "$place/etc" "$conf"
    chmod 775 "$place/etc" "$home"
    chmod 664 "$conf"
    setfacl -d -m u:nobody:rwx "$place/etc" "$home"
    tool 0 stats
    tool 0 gc
    # a file that is made there has it from its folder
    rm "$conf"
    (umask 002 && printf '%s\n' "database = $database" "keys = $keys" >"$conf")
    as_attacker sh -c ': >>"$1"' sh "$conf" || fail 'not to be written'
    tool 1 stats
    said "mode 664, of an access control list"
}

@test "check: keys and database that an access control list lets others read" {
    is_root || return 0
    tool 0 init
    for file in "$keys" "$database"; do
        setfacl -m u:nobody:r "$file"
        listed rx "$home"
        as_attacker cat "$file" >/dev/null || fail 'not to be read'
        tool 1 check
        said "$file: others than its owner may use it (mode 640)"
        said "chmod 600 $file"
        chmod 600 "$file"
        ! as_attacker cat "$file" 2>/dev/null >&2 || fail 'still to be read'
        tool 0 check
    done
}

# ---- files that the operator names --------------------------------------------------------------

@test "rights: restore and import read nothing as root that a link of another user's names" {
    is_root || return 0
    with_data
    mkdir -m 700 "$place/roots"
    tool 0 backup "$place/roots/copy.db"
    tool 0 export "$place/roots/lines"
    before=$(sha256sum "$database")
    as_attacker ln -s "$place/roots/copy.db" "$home/copy.db"
    as_attacker ln -s "$place/roots/lines" "$home/lines"
    run --separate-stderr strace -f -qq -o "$place/trace" "$TOOL" restore --yes "$home/copy.db"
    same "$status" 1
    said 'Permission denied'
    same "$(drafts)" 0
    tool 1 import "$home/lines"
    said 'Permission denied'
    same "$(sha256sum "$database")" "$before"
    # a second name of a file of root's
    rm "$home/copy.db"
    ln "$place/roots/copy.db" "$home/copy.db"
    tool 1 restore --yes "$home/copy.db"
    said 'it has another name as well (a hard link)'
    rm "$home/copy.db"
    # what root itself put there, what is that user's, and what nobody else can reach
    tool 0 backup "$home/roots.db"
    same "$(stat -c %U "$home/roots.db")" root
    tool 0 restore --yes "$home/roots.db"
    chown nobody "$home/roots.db"
    tool 0 restore --yes "$home/roots.db"
    tool 0 restore --yes "$place/roots/copy.db"
    install -d -m 1777 "$place/shared"
    cp "$place/roots/copy.db" "$place/shared"
    tool 0 restore --yes "$place/shared/copy.db"
    as_attacker ln -s "$place/roots/copy.db" "$place/shared/link.db"
    tool 1 restore --yes "$place/shared/link.db"
    # a pipe, from another process
    run --separate-stderr "$TOOL" import /dev/stdin < <(cat "$place/roots/lines")
    same "$status" 0
}

@test "rights: restore and import read what another user owns where nobody but root decides what lies there" {
    is_root || return 0
    with_data
    mkdir -m 700 "$place/roots"
    tool 0 backup "$place/roots/copy.db"
    tool 0 export "$place/roots/lines"
    chown nobody: "$place/roots"/*
    tool 0 restore --yes "$place/roots/copy.db"
    tool 0 import "$place/roots/lines"
    ln "$place/roots/copy.db" "$place/roots/second" # as copies are that share what did not change
    tool 0 restore --yes "$place/roots/second"
    rm "$place/roots/second"
    # and without the right to become that user
    chmod 755 "$place/roots"
    chmod 644 "$place/roots/lines"
    setpriv --bounding-set -all --inh-caps -all "$TOOL" -c "$conf" doctor --help >/dev/null
    install -d "$place/plain"
    (database=$place/plain/cubby.db keys=$place/plain/keys.json conf=$place/plain.conf; settings)
    tool 0 -c "$place/plain.conf" init
    install -d -m 755 -o nobody "$place/theirs"
    cp -p "$place/roots/lines" "$place/theirs"
    for file in "$place/roots/lines" "$place/theirs/lines"; do
        run --separate-stderr setpriv --bounding-set -all --inh-caps -all "$TOOL" -c "$place/plain.conf" import "$file"
        same "$status" 0
    done
    # root's folder in that user's
    mkdir -m 700 "$place/theirs/roots"
    chown root "$place/roots/copy.db"
    cp "$place/roots/copy.db" "$place/theirs/roots"
    chmod 600 "$place/theirs/roots/copy.db"
    tool 0 restore --yes "$place/theirs/roots/copy.db"
    as_attacker ln -s "$place/roots" "$place/theirs/link"
    chmod 700 "$place/roots"
    tool 1 restore --yes "$place/theirs/link/copy.db"
    said 'Permission denied'
    # another name, in a folder that a group may write to
    install -d -m 2775 -g nogroup "$place/group"
    cp "$place/roots/copy.db" "$place/group"
    tool 0 restore --yes "$place/group/copy.db"
    ln "$place/group/copy.db" "$place/group/second"
    tool 1 restore --yes "$place/group/copy.db"
    said 'it has another name as well (a hard link)'
}

@test "rights: a database of another program is refused before its bytes lie beside cubby's" {
    is_root || return 0
    with_data
    sqlite3 "$place/other.db" "CREATE TABLE secrets (text); INSERT INTO secrets VALUES ('x')"
    for number in 0 1000000; do
        sqlite3 "$place/other.db" "PRAGMA user_version = $number"
        run --separate-stderr strace -f -qq -o "$place/trace" "$TOOL" restore --yes "$place/other.db"
        same "$status" 1
        same "$(drafts)" 0
    done
    said 'has schema 1000000'
}

# ---- locks --------------------------------------------------------------------------------------

@test "key rotate: a lock on the folder holds nobody up, one on the keys for a moment" {
    mkdir "$home"
    tool 0 init
    chmod 755 "$home"
    # No function, as that would run in a shell of its own, whose number $! would be.
    if is_root; then attacker=(setpriv --reuid nobody --regid nogroup --clear-groups); else attacker=(); fi
    "${attacker[@]}" flock --no-fork "$home" sleep 600 3>&- &
    background=$!
    eventually lock_is_held "$home"
    run timeout 250 "$TOOL" key rotate --retire-others --yes
    same "$status" 0
    kill "$background"
    # another run of the tool
    flock --no-fork "$keys" sleep 600 3>&- &
    background=$!
    eventually lock_is_held "$keys"
    before=$(sha256sum "$keys")
    tool 5 key rotate
    said 'another process keeps it locked'
    tool 5 key retire --expired
    # by another spelling
    mkdir "$place/links"
    ln -s "$keys" "$place/links/keys.json"
    keys=$place/links/keys.json settings
    tool 5 key rotate
    same "$(sha256sum "$home/keys.json")" "$before"
    kill "$background"
}

@test "key rotate: locks a key file that is open for writing, as one on NFS has to be, and says why a group can't be kept" {
    mkdir "$home"
    tool 0 init
    strace -f -qq -y -o "$place/trace" -e trace=?open,openat,flock "$TOOL" key rotate >/dev/null
    number=$(sed -n 's/.*flock(\([0-9]*\)<.*/\1/p' "$place/trace" | head -n 1)
    grep -B 1 'flock(' "$place/trace" | grep -q "keys.json\", O_RDWR.*= $number<"
    is_root || return 0
    chown -R nobody: "$home"
    chgrp 54321 "$keys"
    run --separate-stderr as_attacker "$TOOL" key rotate
    same "$status" 1
    said "$keys: user 65534 is not in its group, 54321, so that only root can replace it; or chgrp it"
}

lock_is_held() { ! flock -n "$1" true; }

@test "restore: a file that is no database any more is not replaced while a connection has read it" {
    tool 0 init
    tool 0 backup "$place/copy.db"
    hold
    let_go
    rm "$BATS_TEST_TMPDIR/hold" "$BATS_TEST_TMPDIR/held"
    mkfifo "$BATS_TEST_TMPDIR/hold"
    sqlite3 -bail "$database" <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/held" 3>&- &
    holder=$!
    exec 5>"$BATS_TEST_TMPDIR/hold"
    printf 'BEGIN;\nSELECT count(*) FROM users;\n' >&5
    eventually test -s "$BATS_TEST_TMPDIR/held"
    printf 'no database    ' | dd of="$database" conv=notrunc status=none
    tool 5 restore --yes "$place/copy.db"
    said 'another process keeps it locked'
    same "$(head -c 11 "$database")" 'no database'
    let_go
    tool 0 restore --yes "$place/copy.db"
    tool 0 check
}

# ---- results ------------------------------------------------------------------------------------

@test "backup and export: overwrite nothing that the settings name, nor these" {
    tool 0 init
    echo 'some password' >"$place/refused"
    settings "log = $place/log" "refused_passwords = $place/refused"
    echo x >"$place/log"
    ln -s "$place/log" "$place/link"
    before=$(sha256sum "$conf" "$place/refused" "$place/log")
    for file in "$conf" "$place/log" "$place/refused" "$place/data/../log" "$keys" "$database"; do
        tool 1 backup --yes "$file"
        said 'belongs to the installation itself'
        tool 1 export --yes "$file"
        said 'belongs to the installation itself'
    done
    same "$(sha256sum "$conf" "$place/refused" "$place/log")" "$before"
}

@test "backup: refuses a FILE beside which a journal lies, which would be taken for its own" {
    tool 0 init
    for suffix in journal wal; do
        echo old >"$place/b.db-$suffix"
        tool 1 backup --yes "$place/b.db"
        said "$place/b.db-$suffix lies beside it"
        [ ! -e "$place/b.db" ] || fail 'made all the same'
        rm "$place/b.db-$suffix"
    done
    tool 0 backup "$place/b.db"
    tool 0 restore --yes "$place/b.db"
}

@test "backup: whatever signal ends it, no draft with the data is left" {
    tool 0 init
    for signal in XCPU USR1 ALRM ABRT SEGV 40; do
        run strace -f -qq -o "$place/trace" -e trace=?fsync -e "inject=?fsync:signal=$signal:when=1" "$TOOL" backup "$place/b.db"
        [ "$status" -gt 128 ] || fail "not ended by $signal"
        same "$(find "$place" -maxdepth 1 -name 'b.db*')" ''
    done
}

@test "copy: a file has its name when it is whole, whatever ends the tool" {
    tool 0 init
    for signal in INT TERM HUP XCPU SEGV; do
        for call in 1 3 5; do
            # A shell has its commands in the background ignore an interrupt, and the tool leaves it at that.
            run env --default-signal=INT,TERM,HUP strace -f -qq -o "$place/trace" -e trace=?fsync,?fdatasync \
                -e "inject=?fsync,?fdatasync:signal=$signal:when=$call" "$TOOL" copy --to "$place/c.db"
            [ "$status" -gt 128 ] || fail "not ended by $signal"
            same "$(find "$place" -maxdepth 1 -name 'c.db*')" ''
        done
    done
    # what can't be caught leaves no file of that name, and what it leaves is told of
    run strace -f -qq -o "$place/trace" -e trace=?fsync,?fdatasync -e "inject=?fsync,?fdatasync:signal=KILL:when=3" "$TOOL" copy --to "$place/c.db"
    [ ! -e "$place/c.db" ] || fail 'there is one'
    left=$(find "$place" -maxdepth 1 -name 'c.db.new-*' ! -name '*-journal')
    [ -n "$left" ] || fail 'nothing is left'
    # a failure leaves nothing, nor is a file replaced that came meanwhile
    status=0
    (ulimit -f 20 && exec "$TOOL" copy --to "$place/d.db") >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
    same "$status" 1
    same "$(find "$place" -maxdepth 1 -name 'd.db*')" ''
    tool 0 copy --to "$place/c.db" --json
    same "$(of .to)" "$place/c.db"
    same "$(stat -c '%a %h' "$place/c.db")" '600 1'
    database=$place/c.db settings
    tool 1 check
    said "$left: a run of cubby that was killed left this copy of the data; delete it"
    find "$place" -maxdepth 1 -name 'c.db.new-*' -delete
    tool 0 check
    tool 0 stats
}

@test "restore: check names the copies of the old database, whether restore could tell of them or not" {
    tool 0 init
    tool 0 backup "$place/copy.db"
    warning() { grep -F "warning: $1: " <<<"$stderr" | grep -qF 'a restore, which may have been interrupted, kept the database of before here; delete it when all is well'; }
    tool 0 restore --yes "$place/copy.db"
    kept=$(find "$home" -name '*.before-restore-*')
    tool 0 check
    warning "$kept" || fail "$stderr"
    rm "$kept"
    tool 0 check
    case $stderr in *before-restore*) fail "$stderr" ;; esac
    # ended by a signal while it wrote to the database, as Ctrl-C or TERM may
    for signal in INT TERM KILL; do
        before=$(sqlite3 "$database" .dump)
        run env --default-signal=INT,TERM strace -f -qq -y -o "$place/trace" -e trace=pwrite64 -P "$database" \
            -e "inject=pwrite64:signal=$signal:when=1" "$TOOL" restore --yes "$place/copy.db"
        [ "$status" -gt 128 ] || fail "not ended by $signal"
        same "$output" ''
        kept=$(find "$home" -name '*.before-restore-*')
        [ -n "$kept" ] || fail 'nothing was kept'
        tool 0 gc
        [ "$signal" = KILL ] || tool 0 check
        tool 0 check --json || true
        same "$(of '.warnings[] | select(.where | contains("before-restore")) | .where')" "$kept"
        same "$(sqlite3 "$database" .dump)" "$before"
        same "$(sqlite3 "$kept" .dump)" "$before"
        find "$home" -name '*restore-*' -delete
    done
}

@test "export: from a medium that takes no writes" {
    is_root || return 0
    new_place=$place/results
    mkdir "$new_place"
    tool 0 init
    new_user ann
    store k '{"a": 1}'
    tool 0 export "$new_place/before"
    on_read_only() {
        # shellcheck disable=SC2016 # of the inner shell
        run --separate-stderr unshare --mount sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && "$@"' \
            sh "$home" "$TOOL" "$@"
        same "$status" 0
    }
    on_read_only export -
    same "$output" "$(cat "$new_place/before")"
    on_read_only export --user ann -
    same "$(of .data.items[0].value.a)" 1
    on_read_only export "$new_place/after"
    cmp "$new_place/before" "$new_place/after"
}

# ---- as whom ------------------------------------------------------------------------------------

@test "rights: a group that a file got from its folder is not taken, and stays with the keys" {
    is_root || return 0
    with_data
    chgrp root "$database" "$keys"
    for words in gc 'key rotate'; do
        # shellcheck disable=SC2086 # words
        strace -f -qq -o "$place/trace" -e trace=setresgid "$TOOL" $words >/dev/null
        grep -q 'setresgid(.*, 65534' "$place/trace"
        same "$(grep -c 'setresgid(.*[( ]0, ' "$place/trace")" 0
    done
    chgrp 54321 "$keys"
    chmod 640 "$keys"
    tool 0 key rotate
    same "$(stat -c '%U %g %a' "$keys")" 'nobody 54321 640'
}

@test "init --owner: in a container whose root lacks capabilities, it makes what the owner can use, or says what is missing" {
    is_root || return 0
    # lacking CAPABILITIES STATUS: init for nobody without these; $left is who owns what there is then, by name
    lacking() {
        run --separate-stderr setpriv --bounding-set "$1" --inh-caps "$1" "$TOOL" init --owner nobody
        same "$status" "$2"
        left=$(find "$home" -printf '%f:%u ' 2>/dev/null | sed 's/cubby.db-[a-z]*:[a-z]* //g') || true
    }
    local act="can't act as its owner, user 65534: Operation not permitted; root needs the capabilities SETUID and SETGID for that"
    local give="can't give it to user 65534: Operation not permitted; root needs the capability CHOWN for that"
    for less in -setuid -setgid -setuid,-setgid; do
        # in a folder of root's, where the owner could make no journal
        rm -rf "$home"
        mkdir -m 755 "$home"
        lacking "$less" 1
        said "$home belongs to root, so that user 65534 could not write to a database there: chown nobody $home, then run this again"
        same "$left" 'data:root '
        same "$output" ''
        # in the owner's, and in none: what is begun can be gone on with by that user
        chown nobody "$home"
        lacking "$less" 1
        said "$database: $act; or run this as that user"
        same "$left" 'data:nobody '
        rmdir "$home"
        lacking "$less" 1
        said "$database: $act"
        same "$left" 'data:nobody '
        setpriv --reuid nobody --regid nogroup --clear-groups --bounding-set -all --inh-caps -all "$TOOL" init
        tool 0 gc
    done
    for less in -chown -all; do
        rm -rf "$home"
        lacking "$less" 1
        said "$data: $give"
        same "$left" ''
    done
    # with a key file in another folder of root's
    mkdir "$place/keys"
    keys=$place/keys/keys.json settings
    install -d -m 700 -o nobody "$home"
    lacking -chown 1
    said "$place/keys/keys.json: $give"
    same "$left" 'data:nobody cubby.db:nobody '
    same "$(ls -A "$place/keys")" ''
    rm -rf "$home"
    mkdir -m 755 "$home"
    lacking -all 1
    said "$home belongs to root, so that user 65534 could not write"
    chmod 757 "$home"
    lacking -all 1
    same "$left" 'data:root '
    # root's own group may write, as containers have it that give each user that one
    chmod 775 "$home"
    settings
    run --separate-stderr setpriv --bounding-set -setuid --inh-caps -setuid "$TOOL" init --owner nobody:root
    same "$status" 0
    same "$(stat -c '%U:%G' "$database" "$keys" | sort -u)" nobody:root
}

@test "init: a folder that a stranger makes meanwhile gets nothing" {
    is_root || return 0
    install -d -m 1777 "$place/shared"
    home=$place/shared/cubby/data
    database=$home/cubby.db keys=$home/keys.json settings
    strace -f -qq -o "$place/trace" "$TOOL" init --owner www-data >/dev/null
    rm -rf "$place/shared/cubby"
    # The last call before it makes the folder stops it.
    sed 's/^[0-9]* *//; /^mkdir/Q' "$place/trace" >"$place/calls"
    call=$(tail -n 1 "$place/calls" | cut -d'(' -f1)
    strace -f -qq -o "$place/trace" -e trace="$call" -e "inject=$call:signal=STOP:when=$(grep -c "^$call(" "$place/calls")" \
        "$TOOL" init --owner www-data >"$place/said" 2>&1 3>&- &
    background=$!
    eventually grep -q 'stopped by SIGSTOP' "$place/trace"
    as_attacker mkdir "$place/shared/cubby"
    kill -CONT "$(pgrep -P "$background")"
    status=0
    wait "$background" || status=$?
    background=''
    same "$status" 1
    same "$(ls -A "$place/shared/cubby")" ''
    grep -q 'its folder belongs to user 65534' "$place/said"
    rmdir "$place/shared/cubby"
    tool 0 init --owner www-data
    same "$(stat -c '%U %a' "$place/shared/cubby" "$home" | tr '\n' ' ')" 'root 755 www-data 700 '
}

# ---- what is shown ------------------------------------------------------------------------------

@test "tool: leaves no core file, and opens nothing by the number of a closed stream" {
    tool 0 init
    strace -qq -o "$place/trace" "$TOOL" stats >/dev/null
    same "$(awk '/RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}/ { core = 1 } /PR_SET_DUMPABLE, SUID_DUMP_DISABLE/ { dump = 1 }
        /cubby.conf/ && !(core && dump)' "$place/trace")" ''
    grep -q PR_SET_DUMPABLE "$place/trace"
    "$TOOL" export --progress "$place/lines" 2>&-
    same "$(head -c 15 "$place/lines")" '{"type":"cubby"'
    same "$(jq -c .type "$place/lines" | tail -1)" '"end"'
    "$TOOL" backup "$place/copy.db" <&- >&- 2>&- || true # its result can be said nowhere
    "$TOOL" restore --yes "$place/copy.db" <&- >"$place/said" 2>&1
    status=0
    "$TOOL" stats >&- 2>"$place/said" || status=$?
    same "$status" 1
    grep -q 'standard output' "$place/said"
}

@test "json: no character reaches a terminal that it would obey" {
    tool 0 init
    new_user ann
    store k 1
    query "UPDATE users SET email = 'a' || char(155) || '31m' || char(8238) || 'b', full_name = char(156) || '\$x'; UPDATE items SET key = char(155) || 'k'"
    for words in 'user list' 'user show ann' 'user keys ann'; do
        # shellcheck disable=SC2086 # words
        tool 0 $words --json
        case $output in *$'\u009b'* | *$'\u009c'* | *$'\u202e'*) fail "raw in $words" ;; *'\u009b'*) ;; *) fail "not in $words" ;; esac
    done
    same "$(of '.[0].key')" $'\u009bk'
    tool 0 user list --json
    same "$(of '.[0].email')" $'a\u009b31m\u202eb'
}

@test "audit: a line in the log has nothing for a shell, and the same value" {
    settings "log = $place/log"
    tool 0 init
    # shellcheck disable=SC2016 # a name
    tool 0 backup "$place"'/a$(id)`id`|&;<>!'"'"$'\u009b'
    same "$(grep -c '[$`|&;<>!'"'"']' "$place/log")" 0
    # shellcheck disable=SC2016 # a name
    same "$(sed 's/^[^{]*//' "$place/log" | jq -r .detail)" "$place"'/a$(id)`id`|&;<>!'"'"$'\u009b'
}

@test "keys: a name with characters for a shell or a terminal is refused, those that tools make are not" {
    tool 0 init
    new_user ann
    named() {
        jq --arg name "$1" '.keys[0].kid = $name' "$keys" >"$place/new"
        cat "$place/new" >"$keys"
    }
    for name in 'a$(id)' 'a`id`' "a'b" 'a"b' 'a;b' 'a\b' $'a\nb' $'a\e[31m' 'ä' 'a|b' '<a>'; do
        named "$name"
        tool 1 key list
        said 'has a kid with other characters than'
        read_value k
        [ "$code" -ge 500 ] || fail 'the programs take it'
    done
    for name in 1b94c "NjVBRjY5+/=" urn:uuid:f81d4fae-7dec-11d0 https://id.example.org/keys/1 'ops@example.org 2026,1' -KI3Q9nNR7bR_~.; do
        named "$name"
        tool 0 key list
        new_user "u${RANDOM}x"
        store k 1
        same "$code" 201
    done
}
