/*
 * postgresql_driver.c - sends more statements over one connection than it has room for, and prints
 * what the driver says of that.
 *
 *   postgresql_driver DATABASE
 */
#include <stdio.h>

#include "db/engine/postgresql_connection.h"

int main(int count, char **words)
{
    struct db_connection *connection = NULL;
    if (count != 2 || db_postgresql.open(words[1], true, 1000, &connection) != DB_OK) {
        return 2;
    }
    int sent = 0;
    while (postgresql_queue_text(connection, "SELECT 1", EXPECT_NOTHING)) {
        sent++;
    }
    (void)printf("%d: %s\n", sent, db_postgresql.message(connection));
    enum db_class class = postgresql_sync(connection, NULL);
    db_postgresql.close(connection);
    return class == DB_OK ? 0 : 1;
}
