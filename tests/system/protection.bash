# protection.bash - what makes a program harder to take over, looked for in a file that was built: of any
# processor, as only headers and tables are read.

# stack_is_data FILE: it asks neither for a stack that can be executed nor for memory that is written and executed.
stack_is_data() {
    local headers
    headers=$(readelf -lW "$1")
    grep -q 'GNU_STACK .* RW ' <<<"$headers" || fail "$1: $(grep GNU_STACK <<<"$headers")"
    ! grep -q ' RWE ' <<<"$headers" || fail "$1: $(grep ' RWE ' <<<"$headers")"
}

# linked_early FILE static|shared: what the linker fills in is read-only afterwards, and there is nothing for later.
linked_early() {
    local headers
    headers=$(readelf -ldrW "$1")
    grep -q 'GNU_RELRO' <<<"$headers" || fail "$1 has no GNU_RELRO"
    if [ "$2" = shared ]; then
        grep -q 'FLAGS_1.* NOW' <<<"$headers" || fail "$1 is bound lazily"
        return
    fi
    ! grep -q 'INTERP' <<<"$headers" || fail "$1 is not static"
    ! grep -q JUMP_SLOT <<<"$headers" || fail "$1 is bound lazily"
}

# has_canaries ARCHIVE LEAST: so many of its pieces look at one. Programs have no names left to tell by.
has_canaries() {
    local count
    count=$(readelf -sW "$1" | grep -c 'UND __stack_chk_fail$' || true)
    [ "$count" -ge "$2" ] || fail "$1: canaries in $count pieces"
}

# sizes_are_checked FILE NAME…: with glibc, of what these functions write; and there are canaries.
sizes_are_checked() {
    local file=$1 names name
    shift
    names=$(readelf --dyn-syms -W "$file")
    for name; do
        grep -q "UND __${name}_chk" <<<"$names" || fail "$file does not call __${name}_chk"
    done
    grep -q 'UND __stack_chk_fail' <<<"$names" || fail "$file has no canaries"
}

# built_from FOLDER: canaries in what programs were linked from, the rooms and the libraries, as built there last
built_from() {
    local archive libraries
    archive=$(ls -t "$1"/obj-[0-9]*/libcubby.a | head -n 1)
    has_canaries "$archive" 60
    libraries=$(ls -dt "$1"/deps/static-*/lib | head -n 1)
    [ "$(ls "$libraries"/*.a | wc -l)" -ge 6 ] || fail "$libraries: $(ls "$libraries")"
    for archive in "$libraries"/*.a; do has_canaries "$archive" 1; done
}
