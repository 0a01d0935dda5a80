# each.awk - what a snippet has between the lines "@EACH@" and "@END@" is repeated for each of the
# programs (-v programs="data health"), with its name for @PROGRAM@.
$0 == "@EACH@" { block = ""; inside = 1; next }
$0 == "@END@" {
    count = split(programs, names, " ")
    for (i = 1; i <= count; i++) {
        text = block
        gsub(/@PROGRAM@/, names[i], text)
        printf "%s", text
    }
    inside = 0
    next
}
inside { block = block $0 "\n"; next }
{ print }
