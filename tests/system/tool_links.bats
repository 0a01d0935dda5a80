#!/usr/bin/env bats
# Root runs the tool on folders of the programs' user, who puts links and files there to lead root elsewhere. Only
# root has more rights than the owner of the folder, so that only root can be led: another user passes at once.

load tool

setup() {
    note_test_alone
    place_of links
    settings
}

teardown() {
    [ -z "${inside:-}" ] || kill "$inside" 2>/dev/null || true
    rm -rf "$place"
}

# lacks TEXT PART
lacks() { case $1 in *"$2"*) fail "has \"$2\": $1" ;; esac }

sum_of() { sha256sum "$@"; }

as_attacker() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }

# attackers: an empty folder of the attacker's
attackers() {
    rm -rf "$home"
    install -d -m 755 -o nobody -g nogroup "$home"
}

# with_data: a folder with database and key of the attacker's
with_data() {
    attackers
    tool 0 init --owner nobody
}

# untouched: the victim is an empty file of root's, and nothing lies beside it that was not there
untouched() {
    same "$(stat -c '%s %U %a' "$victim")" '0 root 600'
    same "$(find "$place" -maxdepth 1 -name 'victim?*')" ''
}

# led OPTION…: init with these is refused, and says by whom root could be led
led() {
    tool 1 init "$@"
    said 'could lead root elsewhere'
    untouched
}

@test "owner: a folder that the owner reaches by another group than the first" {
    is_root || return 0
    install -d -m 750 -g 54321 "$place/friends"
    install -d -m 700 -o nobody -g nogroup "$place/friends/data"
    home=$place/friends/data
    database=$home/cubby.db
    keys=$home/keys.json
    settings
    tool 1 init --owner nobody
    said 'may not enter it'
    # Who is in the group, for these processes alone.
    printf '%s\ncubbyfriends:x:54321:nobody\n' "$(cat /etc/group)" >"$place/group"
    run unshare --mount sh -c 'mount --bind "$1" /etc/group && "$2" init --owner nobody && "$2" gc && "$2" check' sh "$place/group" "$TOOL"
    same "$status" 0
    same "$(stat -c '%U %a' "$database" "$keys" | sort -u)" 'nobody 600'
}

@test "owner: a folder that the owner reaches by the first group, which is not that of the file" {
    is_root || return 0
    install -d -m 750 -g nogroup "$place/own"
    install -d -m 700 -o nobody -g 54321 "$place/own/data"
    home=$place/own/data
    database=$home/cubby.db
    keys=$home/keys.json
    settings
    tool 0 init --owner nobody:54321
    tool 0 gc
    tool 0 check
    same "$(stat -c '%U %g %a' "$database" "$keys" | sort -u)" 'nobody 54321 600'
}

@test "links: init writes through no link that the folder's owner made, and nowhere else as root" {
    is_root || return 0
    attackers
    as_attacker ln -s "$victim" "$database"
    led
    led --owner nobody
    # a link of a folder on the way
    install -d -m 755 -o root "$place/roots"
    as_attacker ln -s "$place/roots" "$home/sub"
    database=$home/sub/cubby.db keys=$home/sub/keys.json settings
    led --owner nobody
    database=$home/sub/new/cubby.db settings
    led --owner nobody
    same "$(ls "$place/roots")" ''
    # the database is as it should be, and the key file leads elsewhere, to a file there is not
    with_data
    database=$home/cubby.db settings
    rm "$keys"
    as_attacker ln -s "$place/roots/keys.json" "$keys"
    tool 1 init --owner nobody
    same "$(ls "$place/roots")" ''
}

@test "links: init makes what is missing in a user's folder as that user, also over what root left empty" {
    is_root || return 0
    attackers
    : >"$database" # of root, as an interrupted init could leave it
    strace -f -qq -o "$place/trace" -e trace=setresuid,?open,openat "$TOOL" init --owner nobody >/dev/null
    same "$(stat -c '%U:%G %a' "$database" "$keys" | sort -u)" 'nobody:nogroup 600'
    # whatever was opened for writing in the folder was opened by its owner
    same "$(awk -v home="$home/" '/setresuid/ { root = !/65534/ }
        BEGIN { root = 1 } index($0, home) && /O_(RDWR|WRONLY|CREAT)/ && root' "$place/trace")" ''
    grep -q "$home/.*O_CREAT" "$place/trace"
    tool 0 check
    # without an owner named, and for another one
    rm "$keys"
    tool 0 init
    same "$(stat -c %U "$keys")" nobody
    lacks "$output" 'made as root'
    rm "$keys"
    tool 1 init --owner www-data
    said 'its folder belongs to user 65534'
    [ ! -e "$keys" ] || fail 'made all the same'
}

@test "links: a journal that the folder's owner put beside the database is rolled back as that user" {
    is_root || return 0
    with_data
    # In a folder of root's that others may write to, the file's owner counts.
    for folder in nobody:nogroup:755 root:nogroup:770; do
        chown "${folder%:*}" "$home"
        chmod "${folder##*:}" "$home"
        journal_of_victim >"$database-journal"
        chown nobody: "$database-journal"
        chmod 600 "$database-journal"
        strace -f -qq -o "$place/trace" -e trace=setresuid,?open,openat "$TOOL" init --owner nobody >/dev/null
        grep -q 'cubby.db-journal' "$place/trace"
        same "$(awk '/setresuid/ { as = /65534/ } /cubby.db/ && !as' "$place/trace")" ''
        untouched
        rm -f "$database-journal"
    done
}

# A journal of no pages that names the victim as the one it belongs to.
journal_of_victim() {
    node -e '
        const fs = require("fs"), [database, victim] = process.argv.slice(1);
        const head = fs.readFileSync(database), size = head.readUInt16BE(16);
        const magic = Buffer.from("d9d505f920a163d7", "hex"), first = Buffer.alloc(512);
        magic.copy(first);
        [0, 0, head.length / size, 512, size].forEach((n, i) => first.writeUInt32BE(n, 8 + 4 * i));
        const name = Buffer.from(victim), lock = Buffer.alloc(4), end = Buffer.alloc(8);
        lock.writeUInt32BE(0x40000000 / size + 1);
        end.writeUInt32BE(name.length);
        end.writeUInt32BE(name.reduce((sum, byte) => sum + byte, 0), 4);
        process.stdout.write(Buffer.concat([first, lock, name, end, magic]));
    ' "$database" "$victim"
}

@test "links: no command writes through a link to something of root's" {
    is_root || return 0
    with_data
    mkdir -m 700 "$place/roots"
    tool 0 backup "$place/roots/good.db"
    rm "$database"
    as_attacker ln -s "$victim" "$database"
    for words in migrate gc 'user list' 'backup -' "backup $place/roots/b.db" "restore --yes $place/roots/good.db" \
        stats 'export -' 'user disable ann'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr "$TOOL" $words </dev/null
        same "$status" 1
        said 'could lead root elsewhere'
        untouched
    done
    run --separate-stderr "$TOOL" check
    same "$status" 1
    said "$database: it belongs to root, but user 65534 owns a link"
    # the key file: root's own, elsewhere, stays
    with_data
    mv "$keys" "$place/roots/keys.json"
    chown root: "$place/roots/keys.json"
    as_attacker ln -s "$place/roots/keys.json" "$keys"
    before=$(sha256sum "$place/roots/keys.json")
    for words in 'key rotate' 'key rotate --retire-others --yes' 'key list' 'key retire --expired'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr "$TOOL" $words </dev/null
        same "$status" 1
        said 'could lead root elsewhere'
    done
    same "$(sha256sum "$place/roots/keys.json")" "$before"
    tool 1 check
    said "$keys: it belongs to root, but user 65534 owns a link"
    # the doctor tells it once, among what it finds
    tool 1 doctor http://127.0.0.1:1/api --json
    same "$stderr" ''
    same "$(of '[.checks[] | select(.message | contains("could lead root elsewhere")) | .check] | join(" ")')" files
    # a second name of root's file, which old kernels let others make, in place of the link
    rm "$keys"
    ln "$place/roots/keys.json" "$keys"
    tool 1 key rotate
    said 'could lead root elsewhere'
}

@test "links: the log leads to no file of root's, and a line that gets lost is told" {
    is_root || return 0
    settings "log = $home/log"
    with_data
    as_attacker ln -s "$victim" "$home/log"
    tool 1 backup "$place/copy.db"
    said "$home/log: it belongs to root"
    untouched
    [ -s "$place/copy.db" ]
    # what is no file: it is done, and the status tells that it is noted nowhere
    rm "$home/log"
    install -d -o nobody "$home/log"
    tool 1 backup "$place/other.db"
    said "$home/log: what was done could not be noted here: Is a directory"
    [ -s "$place/other.db" ]
    rmdir "$home/log"
    # The log is another user's than the database, which the tool acts for at that moment.
    install -d -m 755 -o www-data "$place/logs"
    settings "log = $place/logs/log"
    tool 0 key rotate
    tool 0 restore --yes "$place/copy.db"
    same "$(stat -c %U "$place/logs/log")" www-data
    same "$(grep -c '"event":"key_rotated"\|"event":"restore"' "$place/logs/log")" 2
}

@test "links: those of the operator are followed" {
    is_root || return 0
    # the database on another disk, by a link of root's in a folder of root's and in one of the programs' user
    with_data
    mkdir "$place/disk" "$place/roots"
    chown nobody: "$place/disk"
    install -d -m 755 -o www-data "$place/theirs"
    mv "$database" "$place/disk/real.db"
    for folder in "$place/roots" "$home"; do
        database=$folder/cubby.db
        settings
        ln -s "$place/disk/real.db" "$database"
        tool 0 migrate
        tool 0 gc
        tool 0 init --owner nobody
        tool 0 key rotate
        tool 0 backup "$place/copy.$(basename "$folder")"
        # drafts, and what is kept, lie beside the database itself
        tool 0 export -
        tool 0 export "$place/out.$(basename "$folder")"
        "$TOOL" backup - >"$place/sent.db"
        tool 0 backup "$place/theirs/copy.$(basename "$folder")"
        tool 0 restore --yes "$place/sent.db"
        echo damaged >"$place/disk/real.db"
        tool 0 restore --yes "$place/sent.db"
        same "$(readlink "$database")" "$place/disk/real.db"
        same "$(find "$place/disk" -name 'real.db.before-restore-*' | wc -l)" 2
        tool 0 check
        : >"$place/disk/real.db.restore-99999999"
        tool 1 check
        said "$place/disk/real.db.restore-99999999: a run of cubby that was killed left"
        rm "$place/disk/real.db".*
    done
    # a link of the programs' user to a file of the same
    rm "$database"
    as_attacker ln -s "$place/disk/real.db" "$database"
    tool 0 gc
    # a folder on another disk
    mv "$home" "$place/moved"
    ln -s "$place/moved" "$home"
    tool 0 gc
    tool 0 check
    same "$(find "$place/moved" "$place/disk" -mindepth 1 ! -user nobody)" ''
}

@test "links: a result in another user's folder stays root's, and goes where no swapped name leads" {
    is_root || return 0
    with_data
    new_user ann
    install -d -m 755 -o nobody "$place/theirs"
    tool 0 export "$place/theirs/out.jsonl"
    tool 0 backup "$place/theirs/out.db"
    same "$(stat -c '%U %a' "$place/theirs"/*)" 'root 600
root 600'
    sqlite3 "$place/theirs/out.db" 'PRAGMA integrity_check; SELECT username FROM users' | tr '\n' ' ' | grep -qx 'ok ann '
    same "$(ls -A "$place/theirs" | tr '\n' ' ')" 'out.db out.jsonl '
    same "$(find "$home" -name '*.db.*')" ''
    # Once a draft is open, nothing uses its whole name, behind which the folder's owner may have put another file.
    for words in "export $place/theirs/again.jsonl" "backup $place/theirs/again.db"; do
        # shellcheck disable=SC2086 # words
        strace -f -qq -o "$place/trace" -e trace=%file \
            "$TOOL" $words >/dev/null
        grep -q '"again\.[a-z]*\.new-[0-9]*", O_RDWR|O_CREAT|O_EXCL' "$place/trace"
        ! grep 'theirs/again.*new-' "$place/trace" || fail 'a draft is used by its name'
    done
    # A link on the way is not followed; one of everybody's folders is as good as the attacker's.
    as_attacker ln -s "$place" "$place/theirs/sub"
    tool 1 export "$place/theirs/sub/x"
    said 'could lead root elsewhere'
    tool 1 backup "$place/theirs/sub/x"
    said 'could lead root elsewhere'
    [ ! -e "$place/x" ] || fail 'written elsewhere'
    install -d -m 777 "$place/all"
    tool 0 backup "$place/all/b.db"
    sqlite3 "$place/all/b.db" 'PRAGMA integrity_check' | grep -qx ok
}

@test "links: what goes to standard output is copied and verified as the owner of the folder" {
    is_root || return 0
    with_data
    strace -f -qq -o "$place/trace" -e trace=setresuid,?open,openat "$TOOL" backup - >"$place/out.db"
    same "$(awk -v draft='cubby.db.backup-' '/setresuid/ { as = /65534/ } index($0, draft) && !as' "$place/trace")" ''
    grep -q 'cubby.db.backup-' "$place/trace"
    sqlite3 "$place/out.db" 'PRAGMA integrity_check' | grep -qx ok
}

@test "links: in a folder such as /tmp nothing that others put beside root's file is played back" {
    is_root || return 0
    database=$place/roots/cubby.db keys=$place/roots/keys.json
    settings
    tool 0 init
    mkdir -m 1777 "$place/all"
    # A result: its name, with the number of the process in it, is used by nothing that looks for a journal there.
    for who in root www-data; do
        [ "$who" = root ] || chown -R "$who": "$place/roots"
        # Root traces: a process that leaves no core is its own user's to look into no more.
        strace -u "$who" -f -qq -o "$place/all/trace.$who" -e trace=%file \
            "$TOOL" backup "$place/all/$who.db" >/dev/null
        grep -q "\"$who\.db\.new-[0-9]*\", O_RDWR|O_CREAT|O_EXCL" "$place/all/trace.$who"
        ! grep "all/$who\.db\.new-" "$place/all/trace.$who" || fail 'the draft is used by its name'
        same "$(stat -c '%U %a' "$place/all/$who.db")" "$who 600"
        sqlite3 "$place/all/$who.db" 'PRAGMA integrity_check' | grep -qx ok
    done
    tool 0 export "$place/all/out.jsonl"
    # The database itself, there or not yet, with a journal that somebody else made.
    chown -R root: "$place/roots"
    mv "$database" "$place/all/cubby.db"
    database=$place/all/cubby.db
    settings
    journal_of_victim >"$database-journal"
    chown nobody: "$database-journal"
    chmod 666 "$database-journal"
    before=$(sum_of "$database"*)
    for words in gc migrate init 'user list' 'backup -' 'export -' "restore --yes $place/all/root.db"; do
        # shellcheck disable=SC2086 # words
        tool 1 $words
        said 'could lead root elsewhere'
        same "$(sum_of "$database"*)" "$before"
        untouched
    done
    tool 1 check
    said "$database: it belongs to root"
    rm "$database"
    tool 1 init
    said 'could lead root elsewhere'
    [ ! -e "$database" ] || fail 'made'
    tool 1 init --owner nobody
    said 'could lead root elsewhere'
    # A folder of its own below is root's alone; a log that root has there has nothing beside it.
    for owner in root nobody; do
        database=$place/all/$owner/cubby.db keys=$place/all/$owner/keys.json
        settings
        tool 0 init --owner "$owner"
        tool 0 gc
        tool 0 backup "$place/all/$owner.again.db"
        same "$(stat -c %U "$place/all/$owner"/*.db)" "$owner"
    done
    settings "log = $place/all/log"
    tool 1 key rotate
    said "$place/all/log"
    : >"$place/all/log"
    tool 0 key rotate
    grep -q key_rotated "$place/all/log"
}

@test "links: a refusal names the folder that others may write to, and says what to do" {
    is_root || return 0
    # as where a container's folder lies below one of the user who shares it
    install -d -m 755 -o 1000 "$place/shared"
    mkdir "$place/shared/data" "$place/all"
    database=$place/shared/data/cubby.db
    settings
    tool 1 init
    said "$database: its folder belongs to root, but user 1000 "
    said ": $place/shared; move it to a folder of root's, or chown root $place/shared"
    chown root "$place/shared"
    tool 0 init
    chown 1000 "$place/shared"
    tool 1 gc
    said "$database: it belongs to root, but user 1000 "
    said "or chown root $place/shared"
    chmod 777 "$place/all"
    mkdir "$place/all/data"
    database=$place/all/data/cubby.db
    settings
    tool 1 init
    said "but everybody owns a link or may write to a folder"
    said ": $place/all; move it to a folder of root's, or chmod go-w $place/all"
    # /tmp itself stays as it is
    chmod 1777 "$place/all"
    database=$place/all/cubby.db
    settings
    tool 1 init
    said "; move it to a folder of root's"
    lacks "$stderr" chmod
    # a link that leads to nothing: init makes no file there
    mkdir "$place/disk"
    ln -s "$place/disk/real.db" "$place/link.db"
    database=$place/link.db
    settings
    tool 1 init
    said "$database: a symbolic link to $place/disk/real.db, where nothing is"
    same "$(ls "$place/disk")" ''
}

@test "links: a group other than root's that may write to a folder of root's could lead root, as everybody could" {
    is_root || return 0
    # as /var/local and /var/mail of Debian are; 54321 is the group
    for mode in 2775 2770 3775; do
        rm -rf "$place/local"
        install -d -m "$mode" -g 54321 "$place/local"
        chmod "$mode" "$place/local"
        # directly in it, where others may put a journal beside it, and in a folder that others may put in the place of root's
        for home in "$place/local" "$place/local/cubby"; do
            database=$home/cubby.db keys=$home/keys.json
            settings
            [ "$mode" != 3775 ] || [ "$home" = "$place/local" ] || continue
            tool 1 init
            said "its folder belongs to root, but a group other than root's owns a link or may write to a folder"
            same "$(ls -A "$place/local")" ''
        done
        # what was made before is not gone on with
        install -d -m 700 "$place/roots"
        database=$place/roots/cubby.db keys=$place/roots/keys.json
        settings
        tool 0 init
        tool 0 backup "$place/roots/copy.db"
        mv "$database" "$place/local/cubby.db"
        chmod g-w "$place/local"
        database=$place/local/cubby.db
        settings
        tool 0 gc
        chmod g+w "$place/local"
        before=$(sum_of "$database")
        for words in gc migrate 'user list' 'backup -' 'export -' "restore --yes $place/roots/copy.db"; do
            # shellcheck disable=SC2086 # words
            tool 1 $words
            said "$database: it belongs to root, but a group other than root's"
        done
        said 'move it to a folder of root'
        [ "$mode" = 3775 ] || said "or chmod g-w $place/local"
        tool 1 check
        said "$database: it belongs to root, but a group other than root's"
        same "$(sum_of "$database")" "$before"
        # a backup there is copied beside the database first, and its name is not used
        rm "$database"
        database=$place/roots/cubby.db
        settings
        tool 0 init
        tool 0 backup "$place/local/out.db"
        same "$(stat -c '%U %a' "$place/local/out.db")" 'root 600'
        rm -rf "$place/roots"
    done
    # a group of root's is root
    rm -rf "$place/local"
    install -d -m 770 -g 0 "$place/local"
    database=$place/local/cubby.db keys=$place/local/keys.json
    settings
    tool 0 init
    tool 0 gc
}

@test "links: in a folder of root's that their group may write to, init makes the files as their owner" {
    is_root || return 0
    for place_of in "$place/shared" "$place/shared/data"; do
        rm -rf "$place/shared"
        install -d -m 2770 -g nogroup "$place/shared"
        chmod 2770 "$place/shared"
        home=$place_of database=$place_of/cubby.db keys=$place_of/keys.json
        settings
        strace -f -qq -o "$place/trace" -e trace=setresuid,?open,openat,?mkdir,mkdirat "$TOOL" init --owner nobody >/dev/null
        same "$(stat -c '%U %a' "$database" "$keys" | sort -u)" 'nobody 600'
        # whatever was made there was made by that user
        same "$(awk -v home="$place/shared/" '/setresuid/ { root = !/65534/ }
            BEGIN { root = 1 } index($0, home) && /O_(RDWR|WRONLY|CREAT)|mkdir/ && root' "$place/trace")" ''
        tool 0 gc
        tool 0 init --owner nobody
    done
    # one who is not in the group
    rm -rf "$place/shared"/*
    home=$place/shared database=$place/shared/cubby.db keys=$place/shared/keys.json
    settings
    chgrp 54321 "$place/shared"
    chmod 2775 "$place/shared"
    tool 1 init --owner nobody
    said "$database: user 65534, who is to own it, may not enter its folder or write there"
    database=$place/shared/data/cubby.db
    settings
    tool 1 init --owner nobody
    said "$place/shared/data: user 65534, who is to own it, may not make it; make it, and give it to that user"
    same "$(ls -A "$place/shared")" ''
    install -d -m 700 -o nobody "$place/shared/data"
    tool 1 init --owner nobody
    said "$keys: user 65534, who is to own it, may not write to its folder"
}

# namespace_start: one as a container has it, whose numbers 0 to 65535 are those from 100000 on outside; its process in $inside
namespace_start() {
    unshare -U sleep 1000 3>&- &
    inside=$!
    eventually eval "[ \"\$(readlink /proc/$inside/ns/user)\" != '$(readlink /proc/self/ns/user)' ]"
    echo '0 100000 65536' >"/proc/$inside/uid_map"
    echo '0 100000 65536' >"/proc/$inside/gid_map"
    cp "$TOOL" "$place/cubby"
    printf '#!/bin/sh\nexec nsenter -U -t %s -S 0 -G 0 %s/cubby "$@"\n' "$inside" "$place" >"$place/tool"
    chmod 755 "$place/tool"
}

@test "links: in a container a folder from outside is trusted, and one of the user nobody is not" {
    is_root || return 0
    namespace_start
    TOOL=$place/tool
    same "$(nsenter -U -t "$inside" -S 0 -G 0 stat -c %u "$place")" 65534
    # of root outside, and in it the folder of the container's root, and one of its user 33
    for owner in 100000 100033; do
        install -d -m 700 -o "$owner" -g "$owner" "$home"
        tool 0 init
        tool 0 gc
        tool 0 backup "$home/copy.db"
        same "$(stat -c %u "$home"/*.db "$keys" | sort -u | tr '\n' ' ')" \
            "$([ "$owner" = 100000 ] && echo '100000 ' || echo '100000 100033 ')"
        # the settings are of root outside, too: nobody in there can change them
        tool 0 check
        rm -rf "$home"
    done
    # a link of root outside, in a folder of that, leads into one of the container's
    install -d -m 700 -o 100000 -g 100000 "$place/disk"
    ln -s "$place/disk" "$home"
    same "$(nsenter -U -t "$inside" -S 0 -G 0 stat -c %u "$home")" 65534
    tool 0 init
    tool 0 gc
    tool 0 check
    # in a folder where others may put links, it may be one of the container's nobody
    mkdir -m 1777 "$place/all"
    ln -s "$place/disk" "$place/all/link"
    database=$place/all/link/cubby.db
    settings
    tool 1 gc
    said 'user 65534 owns a link'
    database=$home/cubby.db
    settings
    rm "$home"
    # the container's own nobody has the same number
    install -d -m 755 -o 165534 -g 165534 "$home"
    install -d -m 700 -o 100000 -g 100000 "$home/data"
    database=$home/data/cubby.db
    keys=$home/data/keys.json
    settings
    tool 1 init
    said 'user 65534 owns a link or may write to a folder'
    same "$(ls -A "$home/data")" ''
    chown 100000 "$home"
    tool 0 init
    chown 165534 "$conf"
    tool 1 check
    said "$conf: user 65534, neither root nor who runs this"
    chown 100000 "$conf"
    # and it acts as that one in a folder of its
    home=$place/theirs
    database=$home/cubby.db
    keys=$home/keys.json
    settings
    install -d -m 755 -o 165534 -g 165534 "$home"
    tool 0 init --owner 65534
    same "$(stat -c %u "$database" "$keys" | sort -u)" 165534
}
