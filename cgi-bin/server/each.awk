# each.awk - what a snippet has between the lines "@EACH@" and "@END@" is repeated for each of the
# programs (-v programs="data health"), with its name for @PROGRAM@. A line with @NUMBER@ is repeated
# for each of its processes (-v processes="data=3", 1 for those not named).
BEGIN {
    count = split(processes, pairs, " ")
    for (i = 1; i <= count; i++) {
        split(pairs[i], pair, "=")
        processes_of[pair[1]] = pair[2]
    }
}
function numbered(line, name,    most, all, one, number) {
    if (line !~ /@NUMBER@/) return line "\n"
    most = name in processes_of ? processes_of[name] : 1
    for (number = 1; number <= most; number++) {
        one = line
        gsub(/@NUMBER@/, number, one)
        all = all one "\n"
    }
    return all
}
$0 == "@EACH@" { inside = 1; lines = 0; next }
$0 == "@END@" {
    count = split(programs, names, " ")
    for (i = 1; i <= count; i++) {
        for (j = 1; j <= lines; j++) {
            text = numbered(block[j], names[i])
            gsub(/@PROGRAM@/, names[i], text)
            printf "%s", text
        }
    }
    inside = 0
    next
}
inside { block[++lines] = $0; next }
{ print }
