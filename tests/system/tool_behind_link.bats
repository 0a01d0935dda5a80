#!/usr/bin/env bats
# A symbolic link in the place of the database: what SQLite puts beside it lies beside the file that the link leads to.

load tool

setup() {
    note_test_alone
    installation
    disk=$BATS_TEST_TMPDIR/disk
    real=$disk/real.db
    mkdir -m 700 "$disk"
    mv "$database" "$real"
    ln -s "$real" "$database"
}

@test "behind a link: init undoes what was cut off, by the journal beside the file" {
    : >"$real"
    sqlite3 "$real" 'PRAGMA cache_size = 1' BEGIN 'CREATE TABLE half (a)' \
        'WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO half SELECT randomblob(3000) FROM n' \
        '.shell kill -9 $PPID' >/dev/null 2>&1 || true
    chmod 600 "$real"*
    [ -s "$real" ] && [ -s "$real-journal" ]
    tool 0 init
    case $output in *"made   $database"*) ;; *) fail 'not made' ;; esac
    [ ! -e "$real-journal" ] || fail 'the journal stays'
    tool 0 check
    same "$(readlink "$database")" "$real"
}

@test "behind a link: migrate leaves no shared memory beside the file on a medium that carries no log" {
    echo 'journal = wal' >>"$conf"
    tool 0 migrate
    new_user ann
    sed -i '/^journal/d' "$conf"
    [ -e "$real-shm" ] && [ -s "$real-wal" ]
    run --separate-stderr "$root/build/test-tools/no_shared_maps" "$TOOL" migrate
    same "$status" 0
    same "$(ls "$disk")" real.db
    tool 0 check
}

@test "behind a link: check names a journal of another user beside the file" {
    is_root || return 0
    : >"$real-journal"
    chown nobody "$real-journal"
    tool 1 check
    said "$real-journal: belongs to another user than $database"
}

@test "behind a link: restore takes no backup whose journal lies beside the file it leads to" {
    for suffix in journal wal; do
        mkdir "$BATS_TEST_TMPDIR/$suffix"
        cp "$real" "$BATS_TEST_TMPDIR/$suffix/b.db"
        echo content >"$BATS_TEST_TMPDIR/$suffix/b.db-$suffix"
        ln -s "$BATS_TEST_TMPDIR/$suffix/b.db" "$BATS_TEST_TMPDIR/$suffix.db"
        before=$(sha256sum "$real")
        tool 1 restore --yes "$BATS_TEST_TMPDIR/$suffix.db"
        said "$BATS_TEST_TMPDIR/$suffix/b.db-$suffix lies beside it"
        same "$(sha256sum "$real")" "$before"
    done
}

@test "behind a link: one that leads to nothing is named, with what it leads to and what to do" {
    tool 0 backup "$BATS_TEST_TMPDIR/copy.db"
    mv "$disk" "$disk.away"
    for words in init check migrate gc stats "restore --yes $BATS_TEST_TMPDIR/copy.db"; do
        # shellcheck disable=SC2086 # words
        tool 1 $words
        said "$database: a symbolic link to $real, where nothing is: mount what it leads to, or remove the link"
        # once
        same "$(grep -c 'where nothing is' <<<"$stderr")" 1
        case $stderr in *'File exists'* | *'"cubby init" makes it'*) fail "$words: $stderr" ;; esac
    done
    same "$(readlink "$database") $(ls "$home")" "$real cubby.db
keys.json"
    # the folder is there, the file is not
    mkdir -m 700 "$disk"
    for words in init "restore --yes $BATS_TEST_TMPDIR/copy.db"; do
        # shellcheck disable=SC2086 # words
        tool 1 $words
        said "$database: a symbolic link to $real, where nothing is"
        same "$(ls -A "$disk")" ''
    done
    rm -r "$disk"
    mv "$disk.away" "$disk"
    # and so with the key file
    mv "$keys" "$disk/keys.json"
    ln -s "$disk/none.json" "$keys"
    for words in init check 'key rotate' 'key list'; do
        # shellcheck disable=SC2086 # words
        tool 1 $words
        said "$keys: a symbolic link to $disk/none.json, where nothing is"
    done
    same "$(ls "$disk" | tr '\n' ' ')" 'keys.json real.db '
}
