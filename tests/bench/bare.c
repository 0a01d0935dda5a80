/*
 * bare.c - what a read or a durable update costs at the least with SQLite: a CGI program that does
 * one and nothing else. PATH_INFO names the database; GET reads a row, any other method updates it.
 * Durability and build of SQLite are those of cubby. Never installed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

static int run(const char *path, int flags, const char *sql)
{
    sqlite3 *database = NULL;
    int code = sqlite3_initialize();
    if (code == SQLITE_OK) {
        code = sqlite3_open_v2(path, &database, flags, NULL);
    }
    if (code == SQLITE_OK) {
        (void)sqlite3_busy_timeout(database, 5000);
        code = sqlite3_exec(database, sql, NULL, NULL, NULL);
    }
    return code;
}

static int serve(const char *path, const char *method)
{
    if (path == NULL || method == NULL) {
        return SQLITE_MISUSE;
    }
    if (strcmp(method, "GET") == 0) {
        return run(path, SQLITE_OPEN_READONLY, "SELECT version, value FROM items WHERE rowid = 1");
    }
    return run(path, SQLITE_OPEN_READWRITE,
               "PRAGMA synchronous=EXTRA; BEGIN IMMEDIATE;"
               "UPDATE items SET version = version + 1 WHERE rowid = 1; COMMIT");
}

int main(void)
{
    static const char good[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\n\r\n{}";
    static const char bad[] = "Status: 500 No\r\nContent-Type: application/json\r\n"
                              "Content-Length: 2\r\n\r\n{}";
    int code = serve(getenv("PATH_INFO"), getenv("REQUEST_METHOD"));
    ssize_t sent = code == SQLITE_OK ? write(STDOUT_FILENO, good, sizeof good - 1)
                                     : write(STDOUT_FILENO, bad, sizeof bad - 1);
    return sent > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
