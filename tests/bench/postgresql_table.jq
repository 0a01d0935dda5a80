# postgresql_table.jq - postgresql.json in Markdown.
def cells: "| " + (map(tostring) | join(" | ")) + " |";
"\(.machine), \(.when); \(.server); data on \(.storage); \(.flask); \(.connections) connections", "",
(["a second", "cubby, SQLite", "cubby, PostgreSQL", "Flask, PostgreSQL", "cubby over PostgreSQL to Flask"] | cells, (map("---") | cells)),
(.rows[] | [{read: "reads", update: "updates", "update one": "updates of one item"}[.call], .per_second.sqlite, .per_second.postgresql,
    .per_second.flask, .postgresql_to_flask] | cells)
