#!/usr/bin/env bats
# Whose files they are: root runs the tool on what belongs to the programs' user, who can go on with
# all of it; and others than these two get nowhere.

load tool

setup() {
    note_test_alone
    # Root's own folder for results, which the programs' user can't enter.
    closed=$BATS_TEST_TMPDIR/closed
    mkdir -m 700 "$closed"
    chmod 711 "$BATS_TEST_TMPDIR"
    home=$(mktemp -d "${TMPDIR:-/tmp}/cubby-owner.XXXXXX")
    chmod 755 "$home"
    conf=$home/cubby.conf
    database=$home/data/cubby.db
    keys=$home/data/keys.json
    printf '%s\n' "database = $database" "keys = $keys" 'password_cost = 1' "log = $home/data/log" 'audit_rows = 10' >"$conf"
    chmod 644 "$conf"
    cp "$TOOL" "$home/cubby"
    mkdir "$home/programs"
    cp "$PROGRAMS"/* "$home/programs"
    chmod 755 "$home/cubby" "$home/programs" "$home/programs"/*
    PROGRAMS=$home/programs
    export CUBBY_CONF=$conf
    owner=$(id -un)
    other=()
    if [ "$(id -u)" = 0 ]; then
        owner=www-data
        other=(setpriv --reuid nobody --regid nogroup --clear-groups)
        "$TOOL" init --owner www-data >/dev/null
        as_owner=(setpriv --reuid www-data --regid www-data --clear-groups)
    else
        "$TOOL" init >/dev/null
        as_owner=(env)
    fi
}

teardown() { rm -rf "$home"; }

# A program as the web server runs it.
program() {
    local name=$1
    shift
    printf '#!/bin/sh\nexec %s %s/real-%s "$@"\n' "${as_owner[*]}" "$home/programs" "$name"
}

wrap() {
    local name
    for name in register token data keys me reset; do
        mv "$home/programs/$name" "$home/programs/real-$name"
        program "$name" >"$home/programs/$name"
        chmod 755 "$home/programs/$name"
    done
}

# All of the data folder belongs to its owner alone.
all_owned() {
    same "$(find "$home/data" ! -user "$owner")" ''
    same "$(find "$home/data" -type f -perm /077)" ''
}

@test "owner: whatever root does, everything stays the programs' user's" {
    wrap
    new_user ann
    store k 1
    store short 1
    tool 0 backup "$closed/copy.db"
    tool 0 export "$closed/lines"
    tool 0 key rotate
    tool 0 key retire "$("$TOOL" key list --json | jq -r '.[1].kid')" --yes
    tool 0 user disable ann
    tool 0 user enable ann
    tool 0 user reset-code ann
    tool 0 gc --compact --recount
    tool 0 migrate
    tool 0 stats
    tool 0 user list
    all_owned
    tool 0 restore "$closed/copy.db" --yes
    all_owned
    rm "$database"
    tool 0 restore "$closed/copy.db" --yes
    all_owned
    rm "$database"
    run "${as_owner[@]}" "$home/cubby" init
    tool 0 import "$closed/lines"
    all_owned
    same "$(find "$closed" -type f ! -user "$(id -un)")" ''
    tool 0 check
    login ann
    same "$code" 200
    store later 1
    same "$code" 201
    read_value k
    same "$code" 200
    grep -q '"event":"import"' "$home/data/log"
}

@test "owner: a write that was cut off is undone without a file of root's" {
    wrap
    new_user ann
    store k 1
    # a journal with a page of before, as a process leaves it that is killed while it writes
    sqlite3 "$database" 'PRAGMA cache_size = 1; BEGIN; UPDATE users SET full_name = hex(zeroblob(20000)); UPDATE users SET full_name = hex(zeroblob(30000));' \
        '.shell cp '"$database $home/cut.db; cp $database-journal $home/cut.db-journal" 'ROLLBACK' >/dev/null
    [ -s "$home/cut.db-journal" ]
    cat "$home/cut.db" >"$database"
    cp "$home/cut.db-journal" "$database-journal"
    [ "$(id -u)" != 0 ] || chown www-data: "$database-journal"
    chmod 600 "$database-journal"
    tool 0 backup "$closed/copy.db"
    same "$(sqlite3 "$closed/copy.db" 'SELECT full_name FROM users')" 'Test User'
    all_owned
    tool 0 check
    read_value k
    same "$code" 200
}

@test "owner: check and all else as the programs' user, and nothing as somebody else" {
    wrap
    new_user ann
    for words in check stats 'user list' 'key list' 'key rotate' gc migrate config; do
        # shellcheck disable=SC2086 # words
        run "${as_owner[@]}" "$home/cubby" $words
        same "$status" 0
    done
    all_owned
    [ "${#other[@]}" != 0 ] || chmod 000 "$home/data"
    for words in check stats 'user list' 'key list' 'key rotate' gc migrate init 'user disable ann' 'backup copy' \
        'export' 'import' 'restore --yes /dev/null'; do
        # shellcheck disable=SC2086 # words
        run "${other[@]}" "$home/cubby" $words </dev/null
        same "$status" 1
        [ -n "$output" ] || fail "no word for $words"
    done
    chmod 700 "$home/data"
    run "${as_owner[@]}" "$home/cubby" check
    same "$status" 0
    all_owned
}

@test "owner: keys that can't be read are not to be replaced by new ones" {
    local mode
    for mode in '000 data' '666 data' '000 data/keys.json'; do
        set -- "$home/${mode#* }" "${mode% *}"
        before=$(stat -c %a "$1")
        chmod "$2" "$1"
        tool 1 check
        ! grep -q 'cubby init' <<<"$stderr" || fail "$stderr"
        [ "$(id -u)" != 0 ] || said "$keys: the keys can't be read (Permission denied); let its owner read it"
        run "${as_owner[@]}" "$home/cubby" check
        same "$status" 1
        ! grep -q 'cubby init' <<<"$output" || fail "$output"
        chmod "$before" "$1"
    done
    tool 0 check
}

# folders: those that check warns of
folders() { "$TOOL" check --json | jq -r '.warnings[] | select(.problem | startswith("the programs may use all")) | .where'; }

@test "owner: check warns of folders below that of the database, which programs may use" {
    same "$(folders)" ''
    mkdir -m 755 "$home/data/copies"
    same "$(folders)" "$home/data/copies"
    tool 0 check
    said "$home/data/copies: the programs may use all that is in this folder"
    [ "$(id -u)" != 0 ] || {
        # not of one of root's alone, as the lost+found of a disk
        chmod 700 "$home/data/copies"
        same "$(folders)" ''
    }
    rmdir "$home/data/copies"
    ln -s "$home" "$home/data/elsewhere" # the sandbox follows no link out of the folder
    same "$(folders)" ''
}
