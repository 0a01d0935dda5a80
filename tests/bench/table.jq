# table.jq - results.json for people.
def left(n): tostring | . + (" " * ([n - length, 0] | max));
def right(n): tostring | (" " * ([n - length, 0] | max)) + .;
"\(.machine), \(.when)", "",
"One execution, spawn to exit (microseconds; processor time is the child's)", "",
"\("" | left(14))\("median" | right(8))\("fastest" | right(9))\("cpu" | right(8))\("ratio" | right(8))\("faults" | right(8))\("calls" | right(7))\("peak KiB" | right(10))",
(.executions[] | "\(.program | left(14))\(.median_us | right(8))\(.fastest_us | right(9))\(.cpu_fastest_us | right(8))\(.ratio_fastest | right(8))\(.page_faults | right(8))\(.system_calls // "" | right(7))\(.peak_kib | right(10))"),
"", "Size on disk (bytes): " + (.sizes | map("\(.program) \(.bytes)") | join(", ")), "",
"Through a server, a new connection for every request", "",
"\("server" | left(10))\("call" | left(10))\("conn." | right(6))\("req/s" | right(8))\("from" | right(7))\("to" | right(7))\("/empty" | right(8))\("/bare" | right(7))\("p50 ms" | right(9))\("p99 ms" | right(9))\("errors" | right(8))",
(.http[] | "\(.server | left(10))\(.call | left(10))\(.connections | right(6))\(.per_second | right(8))\(.slowest | right(7))\(.fastest | right(7))\(.to_empty | right(8))\(.to_bare // "" | right(7))\(.p50_us / 1000 | right(9))\(.p99_us / 1000 | right(9))\(.errors | right(8))")
