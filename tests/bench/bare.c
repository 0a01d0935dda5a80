/*
 * bare.c - what a durable update costs at the least: a CGI program that does one with SQLite, and
 * nothing else. PATH_INFO names the database; the statement, the durability and the build of SQLite
 * are those of cubby. Never installed.
 */
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

static int update(const char *path)
{
    sqlite3 *database = NULL;
    int code = sqlite3_initialize();
    if (code == SQLITE_OK) {
        code = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL);
    }
    if (code == SQLITE_OK) {
        (void)sqlite3_busy_timeout(database, 5000);
        code = sqlite3_exec(database,
                            "PRAGMA synchronous=EXTRA; BEGIN IMMEDIATE;"
                            "UPDATE items SET version = version + 1 WHERE id = 1; COMMIT",
                            NULL, NULL, NULL);
    }
    return code;
}

int main(void)
{
    static const char good[] = "Status: 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\n\r\n{}";
    static const char bad[] = "Status: 500 No\r\nContent-Type: application/json\r\n"
                              "Content-Length: 2\r\n\r\n{}";
    const char *path = getenv("PATH_INFO");
    int code = path != NULL ? update(path) : SQLITE_CANTOPEN;
    ssize_t sent = code == SQLITE_OK ? write(STDOUT_FILENO, good, sizeof good - 1)
                                     : write(STDOUT_FILENO, bad, sizeof bad - 1);
    return sent > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
