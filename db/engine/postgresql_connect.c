/*
 * postgresql_connect.c - connecting to a server of PostgreSQL.
 */
#include "db/engine/postgresql_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

/* Whether OPTION has the value that its variable has in the environment, which libpq reads. */
static bool is_of_environment(const PQconninfoOption *option)
{
    const char *value = option->envvar != NULL ? getenv(option->envvar) : NULL;
    return value != NULL && strcmp(value, option->val) == 0;
}

/* The setting must hold no password: other users may read the file, and its value is told in the
 * log. Nor may a service file, which libpq uses whoever may read it. A passfile may, which libpq
 * does not use when others may read it. One of the environment, which nobody else can read, is what
 * libpq would take by itself, too: BUT_OF_ENVIRONMENT leaves it out. */
static bool has_password(const PQconninfoOption *options, bool but_of_environment)
{
    for (; options->keyword != NULL; options++) {
        bool secret = strcmp(options->keyword, "password") == 0 ||
                      strcmp(options->keyword, "sslpassword") == 0;
        if (secret && options->val != NULL && !(but_of_environment && is_of_environment(options))) {
            return true;
        }
    }
    return false;
}

static bool names_service(const PQconninfoOption *options)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, "service") == 0 && options->val != NULL) {
            return true;
        }
    }
    return false;
}

/* Looks for a password among what a service file has added. */
static enum db_class check_service(struct db_connection *connection)
{
    PQconninfoOption *options = connection->by_service ? PQconninfo(connection->handle) : NULL;
    bool secret = options != NULL && has_password(options, true);
    PQconninfoFree(options);
    if (secret) {
        connection->lost = true;
        postgresql_note(connection, "a password stands in the service file; name a file for it "
                                    "there with passfile=");
    }
    return secret ? DB_INTERNAL : DB_OK;
}

/* Notes why no host could be reached: a line for each of them. What libpq guesses about a line is
 * indented behind it. */
static void note_hosts(struct db_connection *connection)
{
    char lines[sizeof connection->problem] = "";
    size_t size = 0;
    for (const char *at = PQerrorMessage(connection->handle); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (length > 0 && *at != '\t' && size < sizeof lines) {
            int added = snprintf(lines + size, sizeof lines - size, "%s%.*s", size > 0 ? "; " : "",
                                 (int)length, at);
            size += added > 0 ? (size_t)added : 0;
        }
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    postgresql_note(connection, lines);
}

/* Defaults come before what the setting says, and before a service file or the environment, which
 * libpq asks only for what is left open. The server is wanted that can be written to,
 * whichever of several that is at present: a copy of it may lack what a client has just written. */
static PGconn *start(const struct db_connection *connection)
{
    enum { COUNT = 9 };
    const char *names[COUNT + POSTGRESQL_HOST_LISTS + 1] = {
        "connect_timeout",      "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval",  "keepalives_count", "fallback_application_name",
        "target_session_attrs", "dbname",           "client_encoding"};
    const char *values[COUNT + POSTGRESQL_HOST_LISTS + 1] = {
        "3", "8000", "10", "5", "3", "cubby", "read-write", connection->database, "UTF8"};
    for (size_t i = 0; i < POSTGRESQL_HOST_LISTS; i++) {
        names[COUNT + i] = postgresql_host_lists[i];
        values[COUNT + i] = postgresql_host_list(connection->database, i);
    }
    return PQconnectdbParams(names, values, 1);
}

/* Whoever cancels the commit of a transaction that waits for the synchronous copies makes it end
 * well for the server, which only warns. Its text is in the server's language; the place it comes
 * from is not. */
static void take_notice(void *self, const PGresult *notice)
{
    struct db_connection *connection = self;
    const char *place = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
    if (place != NULL && strcmp(place, "SyncRepWaitForLSN") == 0) {
        connection->uncopied = true;
    }
}

static enum db_class check_setting(struct db_connection *connection)
{
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse(connection->database, &problem);
    if (options == NULL) {
        postgresql_note(connection, problem != NULL ? problem : "out of memory");
        PQfreemem(problem);
        return DB_INTERNAL;
    }
    bool secret = has_password(options, false);
    connection->by_service = names_service(options) || getenv("PGSERVICE") != NULL;
    PQconninfoFree(options);
    if (secret) {
        postgresql_note(connection, "a password stands in the setting \"database\"; name a file "
                                    "for it with passfile=");
        return DB_INTERNAL;
    }
    return DB_OK;
}

enum db_class postgresql_connect(struct db_connection *connection)
{
    enum db_class class = check_setting(connection);
    if (class != DB_OK) {
        return class;
    }
    if (postgresql_is_quiet(connection->database)) {
        connection->lost = true;
        postgresql_note(connection, "not tried, as no server answered a moment ago");
        return DB_BUSY;
    }
    int64_t since = monotonic_ms();
    connection->schema = -1;
    connection->handle = start(connection);
    if (connection->handle == NULL) {
        connection->lost = true;
        postgresql_note(connection, "out of memory");
        return DB_INTERNAL;
    }
    class = check_service(connection);
    if (class != DB_OK) {
        return class;
    }
    if (PQstatus(connection->handle) != CONNECTION_OK) {
        connection->lost = true;
        note_hosts(connection);
        postgresql_note_failure(connection->database, since);
        return DB_BUSY;
    }
    postgresql_note_leader(connection->database, connection->handle);
    (void)PQsetNoticeReceiver(connection->handle, take_notice, connection);
    if (PQsetnonblocking(connection->handle, 1) != 0 ||
        PQenterPipelineMode(connection->handle) != 1) {
        connection->lost = true;
        postgresql_note(connection, PQerrorMessage(connection->handle));
        return DB_AGAIN;
    }
    return DB_OK;
}
