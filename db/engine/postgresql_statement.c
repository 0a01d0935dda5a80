/*
 * postgresql_statement.c - statements for PostgreSQL: what is in their texts, parameters, running
 * them, and their rows. See postgresql.c.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/engine/postgresql_connection.h"

enum { QUEUE_MOST = POSTGRESQL_QUEUE - 12 };

enum { FIRST_ROWS = 16, GROWTH = 4, MOST_ROWS = 1000, PIECE_BYTES = 1024 * 1024 };

struct db_prepared {
    struct db_connection *connection;
    char *before; /* a statement to be run before, in a transaction that writes; NULL: none */
    char *plain;
    char *locking; /* with what only a transaction that writes needs; NULL: as plain */
    bool gives_rows;
    bool many; /* it is read in pieces */
    struct postgresql_query query;
    int64_t integers[POSTGRESQL_PARAMETERS_MAXIMUM]; /* the values of those that are, in the order
                                                        of the network */
    PGresult *rows;                                  /* of a cursor: the present one alone */
    int row;
    int asked;    /* rows of the present piece of a cursor */
    int got;      /* of those */
    size_t bytes; /* that they took */
    struct postgresql_stream stream;
    unsigned cursor; /* its number; 0: none */
    bool own;        /* the transaction is only for the cursor */
    bool ran;
};

/* A copy of SQL with the marks of what only this engine runs replaced by blanks. */
static char *without_marks(const char *sql)
{
    char *copy = strdup(sql);
    for (char *at = copy; at != NULL && (at = strstr(at, "/*&")) != NULL;) {
        memset(at, ' ', 3);
        at = strstr(at, "*/");
        if (at != NULL) {
            memset(at, ' ', 2);
        }
    }
    return copy;
}

/* Takes the statement at the head of *SQL, if it has one. False when memory is out. */
static bool take_head(const char **sql, char **before)
{
    const char *end = strncmp(*sql, "/*&", 3) == 0 ? strstr(*sql, "*/") : NULL;
    if (end == NULL) {
        return true;
    }
    *before = strndup(*sql + 3, (size_t)(end - *sql) - 3);
    *sql = end + 2 + strspn(end + 2, " ");
    return *before != NULL;
}

void postgresql_finalize(struct db_prepared *prepared)
{
    if (prepared != NULL) {
        postgresql_reset(prepared);
        free(prepared->before);
        free(prepared->plain);
        free(prepared->locking);
        free(prepared);
    }
}

enum db_class postgresql_prepare(struct db_connection *connection, const char *sql,
                                 struct db_prepared **out)
{
    struct db_prepared *prepared = calloc(1, sizeof *prepared);
    *out = prepared;
    bool good = prepared != NULL;
    if (good) {
        prepared->connection = connection;
        good = take_head(&sql, &prepared->before);
        prepared->plain = strdup(sql);
        bool marked = strstr(sql, "/*&") != NULL;
        prepared->locking = marked ? without_marks(sql) : NULL;
        good = good && prepared->plain != NULL && (!marked || prepared->locking != NULL);
        bool selects = strncmp(sql, "SELECT", strlen("SELECT")) == 0;
        prepared->gives_rows = selects || strstr(sql, " RETURNING ") != NULL;
        prepared->many =
            selects && strstr(sql, "ORDER BY") != NULL && strstr(sql, "LIMIT 1") == NULL;
    }
    if (!good) {
        postgresql_note(connection, "out of memory");
    }
    return good ? DB_OK : DB_INTERNAL;
}

static bool take_parameter(struct db_prepared *prepared, int number)
{
    if (number < 1 || number > POSTGRESQL_PARAMETERS_MAXIMUM) {
        return false;
    }
    if (number > prepared->query.count) {
        prepared->query.count = number;
    }
    return true;
}

enum db_class postgresql_bind_integer(struct db_prepared *prepared, int number, int64_t value)
{
    if (!take_parameter(prepared, number)) {
        return DB_INTERNAL;
    }
    int at = number - 1;
    uint64_t wire = htobe64((uint64_t)value);
    memcpy(&prepared->integers[at], &wire, sizeof wire);
    prepared->query.types[at] = POSTGRESQL_INT8;
    prepared->query.values[at] = (const char *)&prepared->integers[at];
    prepared->query.sizes[at] = sizeof wire;
    return DB_OK;
}

enum db_class postgresql_bind_text(struct db_prepared *prepared, int number, struct text value)
{
    if (!take_parameter(prepared, number) || value.size > INT32_MAX) {
        return DB_INTERNAL;
    }
    int at = number - 1;
    prepared->query.types[at] = POSTGRESQL_TEXT;
    prepared->query.values[at] = value.at; /* NULL is NULL, as with SQLite */
    prepared->query.sizes[at] = (int)value.size;
    return DB_OK;
}

enum db_class postgresql_bind_null(struct db_prepared *prepared, int number)
{
    if (!take_parameter(prepared, number)) {
        return DB_INTERNAL;
    }
    prepared->query.types[number - 1] = 0;
    prepared->query.values[number - 1] = NULL;
    prepared->query.sizes[number - 1] = 0;
    return DB_OK;
}

/* ---- cursors */

static bool queue_fetch(struct db_prepared *prepared, int rows)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "FETCH %d FROM cubby_%u", rows, prepared->cursor);
    prepared->asked = rows;
    prepared->got = 0;
    prepared->bytes = 0;
    const struct postgresql_query fetch = {.sql = sql};
    return postgresql_queue(prepared->connection, &fetch, EXPECT_STREAM);
}

static bool queue_cursor(struct db_prepared *prepared, const char *sql)
{
    enum { ROOM = 64 };
    size_t size = strlen(sql) + ROOM;
    char *text = malloc(size);
    if (text == NULL) {
        return false;
    }
    prepared->cursor = ++prepared->connection->cursors;
    (void)snprintf(text, size, "DECLARE cubby_%u CURSOR FOR %s", prepared->cursor, sql);
    struct postgresql_query declare = prepared->query;
    declare.sql = text;
    declare.named = false;
    bool good = postgresql_queue(prepared->connection, &declare, EXPECT_NOTHING) &&
                queue_fetch(prepared, FIRST_ROWS);
    free(text);
    return good;
}

/* How many rows the next piece should have: about PIECE_BYTES, judged by the last one. How large
 * they are is not known before: no more than one of them is in memory, but all of them are sent. So
 * a piece is at most GROWTH times as long as the last one, and the rows that are sent in vain, when
 * nobody wants more, are at most so many times those that were wanted. */
static int next_piece(const struct db_prepared *prepared)
{
    size_t most = (size_t)prepared->asked * GROWTH;
    size_t count = PIECE_BYTES / (prepared->bytes / (size_t)prepared->got + 1);
    count = count < most ? count : most;
    return count < 1 ? 1 : count > MOST_ROWS ? MOST_ROWS : (int)count;
}

/* Puts ROW, or that there is none, into the place of the present one. */
static enum db_class take_row(struct db_prepared *prepared, PGresult *row)
{
    prepared->rows = row;
    prepared->row = 0;
    if (PQntuples(row) == 0) {
        return DB_OK;
    }
    if (PQntuples(row) > 1) {
        postgresql_note(prepared->connection, "rows did not come one by one");
        return DB_INTERNAL;
    }
    prepared->got++;
    for (int column = 0; column < PQnfields(row); column++) {
        prepared->bytes += (size_t)PQgetlength(row, 0, column);
    }
    return DB_ROW;
}

static void drop_row(struct db_prepared *prepared)
{
    PQclear(prepared->rows);
    prepared->rows = NULL;
    prepared->row = -1;
}

static enum db_class first_of_piece(struct db_prepared *prepared)
{
    PGresult *row = NULL;
    enum db_class class = postgresql_first_row(prepared->connection, &prepared->stream, &row);
    return class == DB_OK ? take_row(prepared, row) : class;
}

/* After the last row of a piece comes a result without rows, which ends it. */
static enum db_class next_of_cursor(struct db_prepared *prepared)
{
    if (prepared->rows == NULL) {
        return DB_AGAIN; /* it has failed before */
    }
    if (PQntuples(prepared->rows) == 0) {
        return DB_OK; /* it was at its end before */
    }
    PGresult *row = NULL;
    drop_row(prepared);
    enum db_class class = postgresql_next_row(prepared->connection, &prepared->stream, &row);
    if (class == DB_OK && PQntuples(row) == 0 && prepared->got == prepared->asked) {
        PQclear(row);
        int rows = next_piece(prepared);
        postgresql_end_stream(prepared->connection, &prepared->stream);
        class = postgresql_settle(prepared->connection);
        if (class == DB_OK && !queue_fetch(prepared, rows)) {
            class = DB_AGAIN;
        }
        return class == DB_OK ? first_of_piece(prepared) : class;
    }
    return class == DB_OK ? take_row(prepared, row) : class;
}

static void end_cursor(struct db_prepared *prepared)
{
    struct db_connection *connection = prepared->connection;
    char sql[48];
    (void)snprintf(sql, sizeof sql, "CLOSE cubby_%u", prepared->cursor);
    const struct postgresql_query close = {.sql = sql};
    prepared->cursor = 0;
    if (prepared->own) {
        prepared->own = false;
        (void)postgresql_commit(connection);
    } else if ((connection->phase == PHASE_READS || connection->phase == PHASE_WRITES) &&
               postgresql_settle(connection) == DB_OK) {
        (void)postgresql_queue(connection, &close, EXPECT_NOTHING);
    }
}

/* ---- running */

/* Sends a statement that gives no rows without waiting for it; see the head of this file. */
static enum db_class run_without_rows(struct db_connection *connection)
{
    return connection->phase == PHASE_WRITES && connection->queued < QUEUE_MOST
               ? DB_OK
               : postgresql_sync(connection, NULL);
}

static bool queue_statement(struct db_prepared *prepared)
{
    struct db_connection *connection = prepared->connection;
    bool writes = connection->phase == PHASE_WRITES;
    if (writes && prepared->before != NULL &&
        !postgresql_queue_text(connection, prepared->before, EXPECT_NOTHING)) {
        return false;
    }
    const char *sql = writes && prepared->locking != NULL ? prepared->locking : prepared->plain;
    if (prepared->many) {
        return queue_cursor(prepared, sql);
    }
    prepared->query.sql = sql;
    prepared->query.named = true;
    return postgresql_queue(connection, &prepared->query,
                            prepared->gives_rows ? EXPECT_ROWS : EXPECT_NOTHING);
}

static enum db_class run(struct db_prepared *prepared)
{
    struct db_connection *connection = prepared->connection;
    enum db_class class = postgresql_settle(connection);
    if (class != DB_OK) {
        return class;
    }
    if (prepared->many && connection->phase == PHASE_NONE) {
        connection->phase = PHASE_TO_READ;
        prepared->own = true;
    }
    if (!postgresql_queue_start(connection) || !queue_statement(prepared)) {
        return DB_AGAIN;
    }
    prepared->ran = true;
    prepared->row = -1;
    if (prepared->many) {
        return first_of_piece(prepared);
    }
    return prepared->gives_rows ? postgresql_sync(connection, &prepared->rows)
                                : run_without_rows(connection);
}

enum db_class postgresql_step(struct db_prepared *prepared)
{
    if (prepared->ran && prepared->many) {
        return next_of_cursor(prepared);
    }
    enum db_class class = prepared->ran ? DB_OK : run(prepared);
    if (class != DB_OK || prepared->many) {
        return class;
    }
    prepared->row++;
    return prepared->row < PQntuples(prepared->rows) ? DB_ROW : DB_OK;
}

void postgresql_reset(struct db_prepared *prepared)
{
    if (prepared->many) {
        postgresql_end_stream(prepared->connection, &prepared->stream);
    }
    if (prepared->cursor != 0) {
        end_cursor(prepared);
    }
    PQclear(prepared->rows);
    prepared->rows = NULL;
    prepared->ran = false;
    prepared->query.count = 0;
}

/* ---- columns */

static bool is_there(const struct db_prepared *prepared, int column)
{
    return prepared->rows != NULL && prepared->row >= 0 &&
           prepared->row < PQntuples(prepared->rows) &&
           PQgetisnull(prepared->rows, prepared->row, column) == 0;
}

int64_t postgresql_column_integer(struct db_prepared *prepared, int column)
{
    if (!is_there(prepared, column)) {
        return 0;
    }
    const char *text = PQgetvalue(prepared->rows, prepared->row, column);
    return PQftype(prepared->rows, column) == POSTGRESQL_BOOL ? *text == 't'
                                                              : strtoll(text, NULL, 10);
}

struct text postgresql_column_text(struct db_prepared *prepared, int column)
{
    if (!is_there(prepared, column)) {
        return (struct text){.at = NULL, .size = 0};
    }
    return (struct text){.at = PQgetvalue(prepared->rows, prepared->row, column),
                         .size = (size_t)PQgetlength(prepared->rows, prepared->row, column)};
}

bool postgresql_column_is_null(struct db_prepared *prepared, int column)
{
    return !is_there(prepared, column);
}

int postgresql_column_count(struct db_prepared *prepared)
{
    return PQnfields(prepared->rows);
}

const char *postgresql_column_name(struct db_prepared *prepared, int column)
{
    return PQfname(prepared->rows, column);
}

bool postgresql_column_holds_integers(struct db_prepared *prepared, int column)
{
    return PQftype(prepared->rows, column) == POSTGRESQL_INT8;
}
