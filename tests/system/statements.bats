#!/usr/bin/env bats
# All SQL of the programs and of the tool, on a real PostgreSQL: each statement is prepared there, and each that
# runs in a call of a user finds its rows by that user's id, so that the tables can be divided among servers by it.

load system.bash
load postgresql.bash

# The statements of calls that do not find their rows by the user's id, and why.
exceptions='
DB_STORE_ID           of the store, not of a user
DB_USER_TAKEN         registration: there is no user yet; names and e-mails are unique among all users
DB_USER_ADD           registration: makes the id
DB_LOGIN_BY_USERNAME  login: the name is all that is known
DB_LOGIN_BY_EMAIL     login: the e-mail is all that is known
DB_USER_EMAIL_TAKEN   another e-mail: unique among all users
DB_THROTTLE_READ      counts of attempts are found by a digest, of an address for example
DB_THROTTLE_COUNT     the same
DB_THROTTLE_GIVE_BACK the same
DB_THROTTLE_CLEAR     the same
DB_THROTTLE_SWEEP     the same: housekeeping
DB_AUDIT_LAST         security events have one order for the whole store
DB_AUDIT_ADD          the same
DB_AUDIT_TRIM         the same: housekeeping
DB_AUDIT_FORGET       the same
'

# Some user's id; the ids of the user's tokens follow low.
user=7
low=$((user << 20))
high=$(((user + 1) << 20))

# divide: the tables again in the schema `divided`, each in pieces, which stand for servers, by the user's id:
# that of tokens holds it. Names can't be unique among the pieces, which is what the exceptions say too.
divide() {
    sql "CREATE SCHEMA divided; SET search_path = divided, public;
        CREATE TABLE users (LIKE public.users INCLUDING DEFAULTS INCLUDING IDENTITY, PRIMARY KEY (id)) PARTITION BY HASH (id);
        CREATE TABLE items (LIKE public.items, PRIMARY KEY (user_id, key), UNIQUE (user_id, version)) PARTITION BY HASH (user_id);
        CREATE TABLE tokens (LIKE public.tokens, PRIMARY KEY (id)) PARTITION BY RANGE (id);
        $(for table in users items; do for i in 0 1 2 3; do
            echo "CREATE TABLE ${table}_$i PARTITION OF $table FOR VALUES WITH (MODULUS 4, REMAINDER $i);"
        done; done)
        CREATE TABLE tokens_0 PARTITION OF tokens FOR VALUES FROM (MINVALUE) TO ($low);
        CREATE TABLE tokens_1 PARTITION OF tokens FOR VALUES FROM ($low) TO ($high);
        CREATE TABLE tokens_2 PARTITION OF tokens FOR VALUES FROM ($high) TO (MAXVALUE);
        INSERT INTO users VALUES ($user, 'x', 'x', 'x', 'x', 'x', 1, 'x', 'x', $user, 1, 1, 1, 0, '', 1, 1, 0, 0, 0);
        INSERT INTO items VALUES ($user, 'x', 1, 1, 1, 1, NULL, '1');
        INSERT INTO tokens VALUES ($user, 'x', 'x', 1, '', 1, NULL, NULL), ($low + 1, 'x', 'x', 1, '', 1, NULL, NULL)"
}

setup_file() {
    server_make
    BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR install_over "$server/socket"
    divide
    # `NAME SQL` of all of them, named as in the headers.
    "$root/build/test-tools/statements" | awk -F'\t' '
        FNR == NR { if (match($0, /^    (DB|ADMIN)_[A-Z_]+/)) { name = substr($0, 5); sub(/,.*/, "", name); names[kind(name), count[kind(name)]++] = name } next }
        function kind(name) { return name ~ /^DB_/ ? "programs" : "tool" }
        { print names[$1, $2] "\t" $3 }' \
        <(cat "$root/db/engine/statements.h" "$root/db/tool/statements.h") - >"$BATS_FILE_TMPDIR/statements"
}
teardown_file() { server_end; }

# texts SQL: what the server gets of it: in a transaction that writes, in one that only reads, and what is run before.
texts() {
    local text=$1
    if [[ $text == '/*&'* ]]; then
        text=${text#'/*&'}
        printf '%s\n' "${text%%'*/'*}"
        text=${text#*'*/'}
    fi
    printf '%s\n' "$text"
    if [[ $text == *'/*&'* ]]; then sed 's#/\*&\([^*]*\)\*/#\1#g' <<<"$text"; fi
}

@test "statements: the table of the programs and that of the tool are whole" {
    same "$(cut -f1 "$BATS_FILE_TMPDIR/statements" | sort | uniq -d)" ''
    same "$(awk -F'\t' '$1 !~ /^(DB|ADMIN)_/ || $2 == ""' "$BATS_FILE_TMPDIR/statements")" ''
    same "$(cut -f1 "$BATS_FILE_TMPDIR/statements")" \
        "$(cat "$root/db/engine/statements.h" "$root/db/tool/statements.h" | grep -oE '^    (DB|ADMIN)_[A-Z_]+' | grep -v STATEMENT_COUNT | tr -d ' ')"
}

@test "statements: PostgreSQL prepares every one, with its locks and without" {
    local name sql text count=0
    while IFS=$'\t' read -r name sql; do
        while IFS= read -r text; do
            count=$((count + 1))
            printf "\\\\echo %s\nPREPARE s%d AS %s;\n" "$name" "$count" "$text"
        done < <(texts "$sql")
    done <"$BATS_FILE_TMPDIR/statements" >"$BATS_TEST_TMPDIR/script"
    run psql -XqAt -v ON_ERROR_STOP=1 -h "$server/socket" -U postgres cubby -f "$BATS_TEST_TMPDIR/script"
    [ "$status" = 0 ] || fail "$(tail -n 3 <<<"$output")"
    same "$(wc -l <<<"$output")" "$(grep -c PREPARE "$BATS_TEST_TMPDIR/script")"
    [ "$(wc -l <<<"$output")" -gt 110 ]
}

# arguments SQL TYPES: one for each parameter: the user's id, or a key; of what something must be above or below
# the ends of the user's tokens, or of some keys.
arguments() {
    local sql=$1 number=0 type list=''
    for type in $2; do
        number=$((number + 1))
        local at=$user below=$low above=$high
        [ "$type" != text ] || at="'x'" below="'w'" above="'y'"
        if [[ $sql =~ \>=?\ \$$number([^0-9]|$) ]]; then
            list+=,$below
        elif [[ $sql =~ \<=?\ \$$number([^0-9]|$) ]]; then
            list+=,$above
        else
            list+=,$at
        fi
    done
    echo "${list:+(${list#,})}"
}

# pieces SQL: of each table that the statement reads or writes, how many of its pieces. One that these rows did not make
# it look at (behind a LIMIT, or a condition that was not met) counts, too, but where its plan leaves out pieces while
# it runs, as their key has to be what a part of the statement has found.
pieces() {
    local types given
    types=$(sql "PREPARE s AS $1; SELECT array_to_string(parameter_types, ' ') FROM pg_prepared_statements") || return
    given=$(arguments "$1" "$types")
    types=${types//integer/bigint}
    sql "SET search_path = divided, public; SET plan_cache_mode = force_custom_plan; PREPARE s${types:+(${types// /,})} AS $1;
        BEGIN; EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, FORMAT json) EXECUTE s$given; ROLLBACK" |
        jq -r '[.. | objects | select((."Relation Name" // "") | test("^(users|items|tokens)_[0-9]$"))
            | select(."Actual Loops" > 0 or ([."Index Cond", ."Recheck Cond", .Filter] | map(. // "") | any(test("\\((user_)?id = \\$[0-9]+\\)")) | not))
            | ."Relation Name"]
            | unique | group_by(sub("_.*"; ""))[] | "\(.[0] | sub("_.*"; "")) \(length)"'
}

# by_user SQL: it finds its rows by the user's id, in one piece of each table; of a new row that is the first column
by_user() {
    local found
    case $1 in
    'INSERT INTO items VALUES ($1,'* | 'INSERT INTO tokens (id, '*' VALUES ($1,'*) return 0 ;;
    INSERT*) return 1 ;;
    esac
    found=$(pieces "$1") || return 2
    [ -n "$found" ] && ! grep -qv ' 1$' <<<"$found"
}

@test "statements: none reads all of a table for each row of another, however many accounts there are" {
    local name sql text count=0 wrong
    {
        # So many that little memory does not hold them.
        echo "BEGIN;
            INSERT INTO users SELECT n, 'u' || n, 'u' || n, 'u' || n, 'u' || n, 'x', 1, 'x', 'x', 1, 1, 1, 1, 0, '', 1, 1, 0, 0, 0 FROM generate_series(1, 20000) n;
            INSERT INTO items SELECT n, 'x', 1, 1, 1, 1, NULL, '1' FROM generate_series(1, 20000) n;
            INSERT INTO tokens SELECT n::bigint * 1048576 + 1, 'x', 'x', 1, '', 1, NULL, NULL FROM generate_series(1, 20000) n;
            ANALYZE users, items, tokens; SET LOCAL work_mem = '64kB'; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off;"
        while IFS=$'\t' read -r name sql; do
            while IFS= read -r text; do
                count=$((count + 1))
                printf "\\\\echo '{\"name\":\"%s\"}'\nPREPARE s%d AS %s;\nEXPLAIN (COSTS off, FORMAT json) EXECUTE s%d%s;\n" "$name" "$count" "$text" "$count" \
                    "$(grep -oE '\$[0-9]+' <<<"$text" | sort -u | sed 's/.*/NULL/' | paste -sd, | sed 's/..*/(&)/')"
            done < <(texts "$sql")
        done < <(cat "$BATS_FILE_TMPDIR/statements"; printf 'found\tSELECT COUNT(*) FROM items WHERE user_id NOT IN (SELECT id FROM users)\n')
    } >"$BATS_TEST_TMPDIR/script"
    run psql -XqAt -v ON_ERROR_STOP=1 -h "$server/socket" -U postgres cubby -f "$BATS_TEST_TMPDIR/script"
    [ "$status" = 0 ] || fail "$(tail -n 3 <<<"$output")"
    wrong=$(jq -rn '[inputs] as $all | range(0; $all | length; 2) | select([$all[. + 1] | .. | objects | select(."Parent Relationship" == "SubPlan")
        | .. | objects | select(."Node Type" == "Seq Scan")] != []) | $all[.].name' <<<"$output" | sort -u)
    same "$wrong" found
}

@test "statements: what skips items does not sort all that are left, however few the server takes for a user's" {
    local name sql types number type list count=0 wrong
    {
        echo "BEGIN; INSERT INTO items SELECT u, 'k' || lpad(n::text, 6, '0'), n, 1, 1, 1, NULL, repeat('x', 100)
                FROM generate_series(1, 300) u, generate_series(1, 300) n ORDER BY md5(u::text || n);
            ANALYZE items; SET LOCAL plan_cache_mode = force_custom_plan;"
        while IFS=$'\t' read -r name sql; do
            [[ $name = DB_* && $sql = *OFFSET* || $name = found ]] || continue
            count=$((count + 1))
            types=$(sql "PREPARE s AS $sql; SELECT array_to_string(parameter_types, ' ') FROM pg_prepared_statements")
            number=0 list=''
            for type in $types; do
                number=$((number + 1))
                case $number$type in 1*) list+=,7 ;; 2text) list+=",''" ;; *text) list+=",'z'" ;; *) list+=,1000 ;; esac
            done
            printf "\\\\echo '{\"name\":\"%s\"}'\nPREPARE s%d(%s) AS %s;\nEXPLAIN (COSTS off, FORMAT json) EXECUTE s%d(%s);\n" \
                "$name" "$count" "${types// /,}" "$sql" "$count" "${list#,}"
        done < <(cat "$BATS_FILE_TMPDIR/statements"; printf 'found\tSELECT key FROM items WHERE user_id = $1 AND key >= $2 ORDER BY key LIMIT 1 OFFSET $3\n')
    } >"$BATS_TEST_TMPDIR/script"
    run psql -XqAt -v ON_ERROR_STOP=1 -h "$server/socket" -U postgres cubby -f "$BATS_TEST_TMPDIR/script"
    [ "$status" = 0 ] || fail "$(tail -n 3 <<<"$output")"
    wrong=$(jq -rn '[inputs] as $all | range(0; $all | length; 2) | select([$all[. + 1] | .. | objects | select(."Node Type" == "Sort")] != []) | $all[.].name' <<<"$output")
    same "$wrong" found
}

@test "statements: every one of a user's call finds its rows by the user's id, but for those that are listed" {
    local name sql text wrong='' count=0 texts=0 result
    while IFS=$'\t' read -r name sql; do
        [[ $name = DB_* ]] || continue
        # Each text of it: with its locks and without, and what is run before. One is enough to need all pieces.
        result=0
        while IFS= read -r text; do
            by_user "$text" <&- && continue
            [ $? = 1 ] || fail "$name can't be explained: $text"
            result=1
            break
        done < <(texts "$sql")
        texts=$((texts + $(texts "$sql" | wc -l)))
        if grep -q "^$name " <<<"$exceptions"; then
            [ "$result" = 1 ] || wrong+="$name is no exception"$'\n'
        else
            count=$((count + 1))
            [ "$result" = 0 ] || wrong+="$name does not find its rows by the user's id: $text"$'\n'
        fi
    done <"$BATS_FILE_TMPDIR/statements"
    same "$wrong" ''
    [ "$count" -ge 34 ]
    # Some have more than one.
    [ "$texts" -gt $((count + $(grep -c . <<<"$exceptions"))) ]
    # Each that is listed exists, and has a reason.
    same "$(grep . <<<"$exceptions" | awk 'NF < 3')" ''
    same "$(grep . <<<"$exceptions" | cut -d' ' -f1 | sort)" \
        "$(grep . <<<"$exceptions" | cut -d' ' -f1 | sort | comm -12 - <(cut -f1 "$BATS_FILE_TMPDIR/statements" | sort))"
}

@test "statements: what that test takes for divided is found" {
    for text in 'SELECT 1 FROM users' 'SELECT 1 FROM items WHERE key = $1' 'DELETE FROM tokens WHERE expires_at <= $1' \
        'SELECT 1 FROM users WHERE username_key = $1' 'SELECT 1 FROM items WHERE user_id <> $1 AND version > $2' \
        'UPDATE items SET value = $1 WHERE user_id IN (SELECT id FROM users WHERE disabled = 0)' 'DELETE FROM tokens WHERE id > $1' \
        'SELECT 1 FROM users LIMIT 1' 'SELECT (SELECT COUNT(*) FROM items) FROM users WHERE id = $1 AND version < 0' \
        'SELECT 1 FROM users WHERE id = $1 AND EXISTS (SELECT 1 FROM items WHERE key = users.username)' \
        'SELECT value FROM items WHERE user_id = (SELECT MAX(id) FROM users)' 'SELECT pg_advisory_xact_lock(1, 2)' \
        'SELECT 1 FROM meta' 'INSERT INTO items SELECT * FROM items'; do
        ! by_user "$text" || fail "$text"
    done
    for text in 'SELECT 1 FROM users WHERE id = $1' 'SELECT value FROM items WHERE user_id = (SELECT id FROM users WHERE id = $1)' \
        'UPDATE items SET value = $1 WHERE user_id = $2' 'DELETE FROM tokens WHERE id = $1'; do
        by_user "$text" || fail "$text"
    done
}
