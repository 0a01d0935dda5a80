# What makes a program harder to take over, looked for in the files that were built. The boards' and the one
# that is all programs at once: tests/board, multicall.bats.

load system
load protection.bash

programs() { ls "$PROGRAMS"/* "$TOOL"; }
with_glibc() { ls "$root"/build/postgresql/cgi-bin/* "$root"/build/postgresql/bin/cubby; }

@test "protection: no file asks for a stack that can be executed, or for memory that is written and executed" {
    while read -r file; do
        stack_is_data "$file"
    done < <(programs && with_glibc)
}

@test "protection: what the linker fills in is read-only afterwards, and there is nothing for later" {
    while read -r file; do
        linked_early "$file" static
    done < <(programs)
    while read -r file; do
        linked_early "$file" shared
    done < <(with_glibc)
}

@test "protection: programs have canaries, those of the libraries too" {
    built_from "$root/build"
    case $(uname -m) in x86_64) ;; *) return 0 ;; esac # where a canary can be told by its instruction
    while read -r file; do
        # of these the rooms have fewer than 500, SQLite more than 600
        count=$(objdump -d "$file" | grep -c '%fs:0x28')
        [ "$count" -gt 1000 ] || fail "$file looks at a canary in $count places"
    done < <(programs)
}

@test "protection: with glibc sizes are checked (FORTIFY), in programs and in libraries" {
    while read -r file; do
        sizes_are_checked "$file" snprintf vsnprintf memcpy explicit_bzero # memcpy: of the libraries alone
    done < <(with_glibc)
}
