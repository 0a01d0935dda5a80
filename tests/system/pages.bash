# pages.bash - the blocks of commands and answers in the README and in the pages of www/docs.

# blocks PAGE: each fenced block of the page as `HEADING|KIND|LINE`, LINE the number of the fence.
blocks() {
    awk '
        /^```/ && inside { inside = 0; next }
        /^```/ { inside = 1; print heading "|" substr($0, 4) "|" NR; next }
        !inside && /^#+ / { heading = $0; sub(/^#+ /, "", heading) }' "$root/$1"
}

# typed PAGE HEADING [KIND]: what stands in the blocks of that kind (console) under the heading.
typed() {
    awk -v wanted="$2" -v kind="${3:-console}" '
        /^```/ && inside { inside = 0; on = 0; next }
        /^```/ { inside = 1; on = heading == wanted && substr($0, 4) == kind; next }
        !inside && /^#+ / { heading = $0; sub(/^#+ /, "", heading) }
        on' "$root/$1"
}

# commands PAGE HEADING: of a block of console the commands alone, without prompt and comment.
commands() { typed "$1" "$2" | sed -nE -e 's/ +# .*//' -e 's/^[$#] //p'; }
