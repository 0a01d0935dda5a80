# make PIE=1: programs that are at another address each time they start.

load tool
load protection.bash
load loop.bash

setup() {
    note_test_alone
    built=$root/build/pie
    PROGRAMS=$built/cgi-bin TOOL=$built/bin/cubby
}

teardown() { loops_stop; }

@test "pie: the files are position-independent, static, and as hard to take over as the others" {
    for file in "$TOOL" "$PROGRAMS"/*; do
        headers=$(readelf -hldrW "$file")
        grep -q 'Type: *DYN' <<<"$headers" || fail "$file is at a fixed address"
        grep -q 'FLAGS_1.* PIE' <<<"$headers" || fail "$file is no program"
        ! grep -qE 'TEXTREL|NEEDED' <<<"$headers" || fail "$file has its code changed, or needs a library"
        # nothing but its own addresses is filled in when it starts
        same "$(awk '/ R_/ { print $3 }' <<<"$headers" | sort -u | grep -v '_RELATIVE$' || true)" ''
        stack_is_data "$file"
        linked_early "$file" static
    done
    built_from "$built"
}

@test "pie: a whole flow, and another address each time" {
    installation
    new_user ann
    store a/b '{"n":1.0}'
    cgi data GET /a/b
    same "$code" 200
    same "$(jq -c .data.key <<<"$body")" '"a/b"'
    [[ $body == *'"value":{"n":1.0}'* ]] || fail 'another value'
    tool 0 user show ann
    tool 0 check
    addresses=''
    for _ in 1 2 3; do
        loop_start data
        ask data GET /a/b
        same "$code" 200
        addresses+="$(awk -v name="$PROGRAMS/data" '$6 == name { print $1; exit }' "/proc/$loop_data/maps")"$'\n'
        loops_stop
        wait "$loop_data" || true
    done
    same "$(sort -u <<<"$addresses" | grep -c .)" 3
}
