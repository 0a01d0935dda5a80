# What makes a program harder to take over, looked for in the files that were built.

load system

programs() { ls "$PROGRAMS"/* "$TOOL"; }

@test "protection: no file asks for a stack that can be executed, or for memory that is written and executed" {
    while read -r file; do
        headers=$(readelf -lW "$file")
        grep -q 'GNU_STACK .* RW ' <<<"$headers" || fail "$file: $(grep GNU_STACK <<<"$headers")"
        ! grep -q ' RWE ' <<<"$headers" || fail "$file: $(grep ' RWE ' <<<"$headers")"
    done < <(programs)
}

@test "protection: what the linker fills in is read-only afterwards, and there is nothing for later" {
    while read -r file; do
        readelf -lW "$file" | grep -q 'GNU_RELRO' || fail "$file has no GNU_RELRO"
        ! readelf -lW "$file" | grep -q 'INTERP' || fail "$file is not static"
        ! readelf -rW "$file" | grep -q JUMP_SLOT || fail "$file is bound lazily"
    done < <(programs)
}

@test "protection: programs have canaries, those of the libraries too" {
    case $(uname -m) in x86_64) ;; *) return 0 ;; esac # where a canary can be told by its instruction
    while read -r file; do
        # the rooms alone have fewer than 500
        count=$(objdump -d "$file" | grep -c '%fs:0x28')
        [ "$count" -gt 700 ] || fail "$file looks at a canary in $count places"
    done < <(programs)
}
