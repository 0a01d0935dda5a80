# peers_table.jq - peers.json in Markdown.
def cells: "| " + (map(tostring) | join(" | ")) + " |";
def table($head): [($head | cells), ($head | map("---") | cells)] + map(cells) | .[];
def name: {cgi: "CGI", lighttpd: "stays, lighttpd", nginx: "stays, nginx", flask: "Flask", fastify: "Fastify",
    "empty-lighttpd": "empty, lighttpd", "empty-nginx": "empty, nginx"}[.];
def sides: ["cgi", "lighttpd", "nginx", "flask", "fastify"];
def rate($name): .sides[$name].per_second;
def head: ["connections"] + (sides | map(name)) + ["lighttpd, nginx to the better peer"];
def row: . as $row | [.connections] + (sides | map(. as $side | $row | rate($side))) + ["\(.to_peer.lighttpd), \(.to_peer.nginx)"];

"\(.machine), \(.when); \(.flask), \(.fastify)",
(.rows | group_by(.journal)[] | .[0].journal as $journal |
    "", "Reads a second, journal \($journal):", "",
    (map(select(.call == "read") | . as $row | row + (["empty-lighttpd", "empty-nginx"] | map(. as $side | $row | rate($side)))
        + ["\(.to_empty.lighttpd), \(.to_empty.nginx)"]) | table(head + ["empty, lighttpd", "empty, nginx", "of empty"])),
    "", "Updates a second, journal \($journal):", "",
    (map(select(.call == "update") | row) | table(head)))
