/*
 * copy.c - copy: takes a whole store from one database to another, of the same engine or not.
 *
 * The source is read in one transaction, so that it is the state of one moment. The target is
 * filled in one too, its tables included, and compared with the source before that is committed: a
 * copy that ends early, however it ends, leaves the target as it was, but for one thing: a server
 * keeps the largest id that an account had outside of transactions. That is set at the very end. A
 * file that is made has its name when all is in it.
 * Both are read row by row in
 * the order of their keys. Every column of every table goes along, without a look at what it means;
 * export and import choose instead.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/engine/schema.h"
#include "db/tool/admin.h"
#include "db/tool/drafts.h"
#include "db/tool/files.h"
#include "db/tool/medium.h"

enum { TABLE_COUNT = 5 };

struct copy_table {
    const char *name;
    enum admin_statement read;
    enum admin_statement write;
    int columns; /* that WRITE takes */
};

static const struct copy_table tables[TABLE_COUNT] = {
    {"meta", ADMIN_COPY_META_READ, ADMIN_COPY_META_WRITE, 2},
    {"users", ADMIN_COPY_USERS_READ, ADMIN_COPY_USERS_WRITE, 22},
    {"items", ADMIN_COPY_ITEMS_READ, ADMIN_COPY_ITEMS_WRITE, 8},
    {"tokens", ADMIN_COPY_TOKENS_READ, ADMIN_COPY_TOKENS_WRITE, 8},
    {"throttle", ADMIN_COPY_THROTTLE_READ, ADMIN_COPY_THROTTLE_WRITE, 3},
};

/* One end of the copy. */
struct side {
    const char *database;
    const struct db_driver *driver;
    const struct db_maintenance *maintenance;
    struct db_connection *connection;
    struct db_prepared *rows; /* of the table at hand */
    bool more;                /* they have one: the present row */
};

struct copy {
    struct tool *tool;
    struct side from;
    struct side to;
    const char *made; /* the file that becomes the target, which is a draft until then; or NULL */
    int64_t counts[TABLE_COUNT];
};

/* The functions of admin.h work on SIDE from here on. */
static void turn_to(struct copy *copy, struct side *side)
{
    copy->tool->config.database = side->database;
    admin_choose_engine(&copy->tool->config);
    side->driver = admin_driver;
    side->maintenance = admin_maintenance;
}

static int fail_at(struct copy *copy, struct side *side, enum db_class class, const char *doing)
{
    turn_to(copy, side);
    return admin_fail(copy->tool, side->connection, side->database, class, doing);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static enum db_class next_row(struct side *side)
{
    enum db_class class = side->driver->step(side->rows);
    side->more = class == DB_ROW;
    return class == DB_ROW ? DB_OK : class;
}

/* Reads the first row of TABLE. */
static int first_row(struct copy *copy, struct side *side, const struct copy_table *table)
{
    enum db_class class = side->driver->prepare(
        side->connection, admin_statement_sql(table->read, side->driver->dialect), &side->rows);
    if (class == DB_OK) {
        class = next_row(side);
    }
    if (class != DB_OK) {
        return fail_at(copy, side, class, table->name);
    }
    int columns = side->maintenance->column_count(side->rows);
    return columns == table->columns
               ? TOOL_DONE
               : tool_fail(copy->tool, "%s: table %s has %d columns, not %d", side->database,
                           table->name, columns, table->columns);
}

static void end_rows(struct side *side)
{
    if (side->rows != NULL) {
        side->driver->finalize(side->rows);
        side->rows = NULL;
    }
}

/* Binds the present row of FROM to WRITER, a statement of TO. */
static enum db_class bind_row(const struct side *from, const struct side *to,
                              struct db_prepared *writer, int columns)
{
    enum db_class class = DB_OK;
    to->driver->reset(writer);
    for (int i = 0; class == DB_OK && i < columns; i++) {
        if (from->driver->column_is_null(from->rows, i)) {
            class = to->driver->bind_null(writer, i + 1);
        } else if (from->maintenance->column_holds_integers(from->rows, i)) {
            class = to->driver->bind_integer(writer, i + 1,
                                             from->driver->column_integer(from->rows, i));
        } else {
            struct text text = from->driver->column_text(from->rows, i);
            class = text.at != NULL ? to->driver->bind_text(writer, i + 1, text) : DB_INTERNAL;
        }
    }
    return class;
}

/* Writes all rows of the table that the source is at. */
static int write_rows(struct copy *copy, size_t number, struct db_prepared *writer)
{
    struct side *from = &copy->from;
    struct side *to = &copy->to;
    while (from->more) {
        enum db_class class = bind_row(from, to, writer, tables[number].columns);
        if (class == DB_OK) {
            class = to->driver->step(writer);
        }
        if (class != DB_OK) {
            return fail_at(copy, to, class, tables[number].name);
        }
        copy->counts[number]++;
        tool_progress(copy->tool, tables[number].name, copy->counts[number], 0);
        class = next_row(from);
        if (class != DB_OK) {
            return fail_at(copy, from, class, tables[number].name);
        }
    }
    return TOOL_DONE;
}

static int copy_table(struct copy *copy, size_t number)
{
    const struct copy_table *table = &tables[number];
    struct side *to = &copy->to;
    struct db_prepared *writer = NULL;
    int status = first_row(copy, &copy->from, table);
    if (status == TOOL_DONE) {
        enum db_class class = to->driver->prepare(
            to->connection, admin_statement_sql(table->write, to->driver->dialect), &writer);
        status = class == DB_OK ? write_rows(copy, number, writer)
                                : fail_at(copy, to, class, table->name);
    }
    if (writer != NULL) {
        to->driver->finalize(writer);
    }
    end_rows(&copy->from);
    return status;
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* The number of a column in which the present rows differ; -1: they are equal. */
static int differing_column(const struct side *from, const struct side *to, int columns)
{
    for (int i = 0; i < columns; i++) {
        bool null = from->driver->column_is_null(from->rows, i);
        bool same = null == to->driver->column_is_null(to->rows, i) &&
                    strcmp(from->maintenance->column_name(from->rows, i),
                           to->maintenance->column_name(to->rows, i)) == 0;
        if (same && !null && from->maintenance->column_holds_integers(from->rows, i)) {
            same = to->maintenance->column_holds_integers(to->rows, i) &&
                   from->driver->column_integer(from->rows, i) ==
                       to->driver->column_integer(to->rows, i);
        } else if (same && !null) {
            same = text_equal(from->driver->column_text(from->rows, i),
                              to->driver->column_text(to->rows, i));
        }
        if (!same) {
            return i;
        }
    }
    return -1;
}

/* Compares the rows of table NUMBER, at the first of which both sides are. */
static int compare_rows(struct copy *copy, size_t number)
{
    const struct copy_table *table = &tables[number];
    struct side *from = &copy->from;
    struct side *to = &copy->to;
    int64_t row = 0;
    while (from->more && to->more) {
        row++;
        int column = differing_column(from, to, table->columns);
        if (column >= 0) {
            return tool_fail(copy->tool, "row %" PRId64 " of table %s differs in column %s", row,
                             table->name, from->maintenance->column_name(from->rows, column));
        }
        tool_progress(copy->tool, "comparing", row, 0);
        enum db_class class = next_row(from);
        if (class != DB_OK) {
            return fail_at(copy, from, class, "comparing");
        }
        class = next_row(to);
        if (class != DB_OK) {
            return fail_at(copy, to, class, "comparing");
        }
    }
    return !from->more && !to->more && row == copy->counts[number]
               ? TOOL_DONE
               : tool_fail(copy->tool, "table %s has not as many rows as it should", table->name);
}

static int compare_table(struct copy *copy, size_t number)
{
    int status = first_row(copy, &copy->from, &tables[number]);
    if (status == TOOL_DONE) {
        status = first_row(copy, &copy->to, &tables[number]);
    }
    if (status == TOOL_DONE) {
        status = compare_rows(copy, number);
    }
    end_rows(&copy->from);
    end_rows(&copy->to);
    return status;
}

/* ---- what no table holds: the largest id that an account ever had --------------------------- */

static int run_at(struct copy *copy, struct side *side, enum admin_statement statement,
                  const struct db_value *values, size_t count, int64_t *number)
{
    turn_to(copy, side);
    enum db_class class = admin_run(side->connection, statement, values, count, number);
    return class == DB_OK ? TOOL_DONE : fail_at(copy, side, class, "copying");
}

static int copy_last_user(struct copy *copy)
{
    int64_t last = 0;
    int64_t arrived = 0;
    int status = run_at(copy, &copy->from, ADMIN_LAST_USER_READ, NULL, 0, &last);
    const struct db_value values[] = {db_integer(last)};
    if (status == TOOL_DONE && last > 0) {
        status = run_at(copy, &copy->to, ADMIN_LAST_USER_START, NULL, 0, NULL);
    }
    if (status == TOOL_DONE && last > 0) {
        status = run_at(copy, &copy->to, ADMIN_LAST_USER_WRITE, values, 1, NULL);
    }
    if (status == TOOL_DONE) {
        status = run_at(copy, &copy->to, ADMIN_LAST_USER_READ, NULL, 0, &arrived);
    }
    /* An empty target may have given away more ids than the source, and gives none of them again.
     */
    return status == TOOL_DONE && arrived < last
               ? tool_fail(copy->tool, "the last id of an account is below %" PRId64, last)
               : status;
}

/* ---- the target ----------------------------------------------------------------------------- */

/* The name of the store of SIDE, on the tool's arena. */
static int read_store_id(struct copy *copy, struct side *side, const char **out)
{
    struct db_prepared *prepared = NULL;
    turn_to(copy, side);
    enum db_class class = admin_prepare(side->connection, ADMIN_STORE_ID, NULL, 0, &prepared);
    if (class == DB_OK) {
        class = admin_driver->step(prepared);
    }
    struct text id = class == DB_ROW ? admin_driver->column_text(prepared, 0) : text_of("");
    *out = id.at != NULL ? arena_copy(&copy->tool->arena, id.at, id.size) : NULL;
    if (prepared != NULL) {
        admin_driver->finalize(prepared);
    }
    if (class != DB_OK && class != DB_ROW) {
        return fail_at(copy, side, class, "reading");
    }
    return *out != NULL ? TOOL_DONE : tool_out_of_memory(copy->tool);
}

/* Refuses a target that holds more than "cubby init" makes. */
static int need_empty(struct copy *copy)
{
    const char *from = NULL;
    const char *to = NULL;
    int64_t in_the_way = 0;
    int status = read_store_id(copy, &copy->from, &from);
    if (status == TOOL_DONE) {
        status = read_store_id(copy, &copy->to, &to);
    }
    if (status == TOOL_DONE && strcmp(from, to) == 0) {
        return tool_fail(copy->tool, "%s is the source itself, or holds a copy of it already",
                         copy->to.database);
    }
    if (status == TOOL_DONE) {
        status = run_at(copy, &copy->to, ADMIN_COPY_IN_THE_WAY, NULL, 0, &in_the_way);
    }
    if (status == TOOL_DONE && in_the_way != 0) {
        return tool_fail(copy->tool, "%s is not empty; copy only fills an empty database",
                         copy->to.database);
    }
    return status == TOOL_DONE ? run_at(copy, &copy->to, ADMIN_COPY_META_EMPTY, NULL, 0, NULL)
                               : status;
}

/* In the target's transaction: makes the tables, unless it has them. */
static int make_tables(struct copy *copy)
{
    struct side *to = &copy->to;
    int64_t number = 0;
    turn_to(copy, to);
    enum db_class class = admin_driver->schema_number(to->connection, &number);
    if (class == DB_OK && number != 0 && number != schema_number) {
        return admin_fail_schema(copy->tool, to->database, number);
    }
    if (class == DB_OK) {
        class = schema_migrate_within(admin_driver, to->connection, &number);
    }
    return class == DB_OK ? need_empty(copy) : fail_at(copy, to, class, "making the tables");
}

static int fill(struct copy *copy)
{
    int status = make_tables(copy);
    for (size_t i = 0; i < TABLE_COUNT && status == TOOL_DONE; i++) {
        status = copy_table(copy, i);
    }
    for (size_t i = 0; i < TABLE_COUNT && status == TOOL_DONE; i++) {
        status = compare_table(copy, i);
    }
    return status == TOOL_DONE ? copy_last_user(copy) : status;
}

/* Both transactions. */
static int transfer(struct copy *copy)
{
    struct side *from = &copy->from;
    struct side *to = &copy->to;
    enum db_class class = from->driver->begin_read(from->connection);
    if (class != DB_OK) {
        return fail_at(copy, from, class, "reading");
    }
    class = to->driver->begin(to->connection);
    int status = class == DB_OK ? fill(copy) : fail_at(copy, to, class, "starting to write");
    if (status == TOOL_DONE) {
        tool_step(copy->tool, "writing it all to the disk");
        class = to->driver->commit(to->connection);
        status = class == DB_OK ? TOOL_DONE : fail_at(copy, to, class, "committing");
    }
    if (status != TOOL_DONE) {
        (void)to->driver->rollback(to->connection);
    }
    (void)from->driver->rollback(from->connection);
    return status;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int check_database(struct copy *copy, const char *option, const char *database)
{
    const char *fault = config_database_fault(database);
    return fault == NULL ? TOOL_DONE : tool_misuse(copy->tool, "%s %s", option, fault);
}

static int choose_sides(struct copy *copy)
{
    const char *from = tool_option(copy->tool, "--from");
    const char *to = tool_option(copy->tool, "--to");
    if (from == NULL && to == NULL) {
        return tool_misuse(copy->tool, "--to DATABASE or --from DATABASE is missing");
    }
    copy->from.database = from != NULL ? from : copy->tool->config.database;
    copy->to.database = to != NULL ? to : copy->tool->config.database;
    int status = check_database(copy, "--from", copy->from.database);
    if (status == TOOL_DONE) {
        status = check_database(copy, "--to", copy->to.database);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    struct stat one;
    struct stat other;
    bool same = strcmp(copy->from.database, copy->to.database) == 0 ||
                (stat(copy->from.database, &one) == 0 && stat(copy->to.database, &other) == 0 &&
                 one.st_dev == other.st_dev && one.st_ino == other.st_ino);
    return same ? tool_fail(copy->tool, "source and target are the same: %s", copy->to.database)
                : TOOL_DONE;
}

/* Has a draft of the file be the target, unless there is a file. */
static int make_file(struct copy *copy)
{
    struct tool *tool = copy->tool;
    const char *path = copy->to.database;
    struct stat there;
    if (!config_is_path(path) || lstat(path, &there) == 0) {
        return TOOL_DONE;
    }
    if (errno != ENOENT) {
        return tool_fail(tool, "%s: %s", path, strerror(errno));
    }
    const char *draft = arena_printf(&tool->arena, "%s.new-%ld", path, (long)getpid());
    if (draft == NULL) {
        return tool_out_of_memory(tool);
    }
    int status = draft_make(tool, draft);
    if (status == TOOL_DONE) {
        copy->made = path;
        copy->to.database = draft;
        turn_to(copy, &copy->to);
    }
    return status;
}

/* What was made gets its name, if STATUS is that all went well, or is deleted. */
static int end_file(struct copy *copy, int status)
{
    if (copy->made != NULL) {
        copy->to.database = copy->made;
        status = status == TOOL_DONE ? draft_place(copy->tool, copy->made, false) : status;
        draft_drop();
    } else if (status == TOOL_DONE && config_is_path(copy->to.database)) {
        status = file_sync_directory(copy->tool, copy->to.database);
    }
    return status;
}

static int open_source(struct copy *copy)
{
    struct side *from = &copy->from;
    turn_to(copy, from);
    /* Writable, since a killed writer may have left a transaction to roll back. */
    int status = admin_open_any(copy->tool, from->database, true, &from->connection);
    if (status == TOOL_DONE) {
        status = admin_need_schema(copy->tool, from->database, &from->connection);
    }
    return status == TOOL_DONE ? admin_verify_schema(copy->tool, from->database, from->connection)
                               : status;
}

static int open_target(struct copy *copy)
{
    struct side *to = &copy->to;
    int64_t number = 0;
    turn_to(copy, to);
    int status = medium_check_journal(copy->tool);
    if (status == TOOL_DONE) {
        status = make_file(copy);
    }
    if (status == TOOL_DONE) {
        status = admin_open_any(copy->tool, to->database, true, &to->connection);
    }
    if (status != TOOL_DONE) {
        return status;
    }
    enum db_class class = admin_driver->schema_number(to->connection, &number);
    if (class != DB_OK) {
        return fail_at(copy, to, class, "opening");
    }
    return number == schema_number ? admin_verify_schema(copy->tool, to->database, to->connection)
                                   : TOOL_DONE;
}

/* Gives the target the journal of the settings: outside of the transaction, as it must be. */
static int set_journal(struct copy *copy)
{
    struct side *to = &copy->to;
    bool ahead = strcmp(copy->tool->config.journal, "wal") == 0;
    enum db_class class = to->driver->set_journal(to->connection, ahead);
    return class == DB_OK ? TOOL_DONE : fail_at(copy, to, class, "setting its journal");
}

static void close_side(struct side *side)
{
    if (side->driver != NULL) {
        side->driver->close(side->connection);
    }
}

/* ---- the command ---------------------------------------------------------------------------- */

static int tell(struct copy *copy)
{
    struct tool *tool = copy->tool;
    cJSON *object = cJSON_CreateObject();
    json_add(object, "from", json_new_string(copy->from.database));
    json_add(object, "to", json_new_string(copy->to.database));
    for (size_t i = 1; i < TABLE_COUNT; i++) {
        json_add(object, tables[i].name, json_new_integer(&tool->scratch, copy->counts[i]));
    }
    json_add(object, "verified", cJSON_CreateTrue());
    return tool_result(tool, object,
                       "copied %" PRId64 " users, %" PRId64 " items, %" PRId64
                       " tokens, and compared them; now set database = %s",
                       copy->counts[1], copy->counts[2], copy->counts[3], copy->to.database);
}

/* Root, who stays root where the key file is root's, uses no file that another user could have put
 * there. */
static int refuse_others(const struct copy *copy)
{
    const char *const sides[] = {copy->from.database, copy->to.database};
    struct tool *tool = copy->tool;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        if (geteuid() == 0 && config_is_path(sides[i]) && !file_has_roots_folder(sides[i])) {
            return tool_fail(
                tool,
                "%s: lies in a folder of another user than the key file, or one that all "
                "or a group may write to",
                sides[i]);
        }
    }
    return TOOL_DONE;
}

static int run_copy(struct tool *tool)
{
    struct copy copy = {.tool = tool};
    const char *database = tool->config.database;
    int status = choose_sides(&copy);
    if (status == TOOL_DONE) {
        status = file_become_owner(tool, tool->config.beside);
    }
    if (status == TOOL_DONE) {
        status = refuse_others(&copy);
    }
    if (status == TOOL_DONE) {
        status = open_source(&copy);
    }
    if (status == TOOL_DONE) {
        status = open_target(&copy);
    }
    if (status == TOOL_DONE) {
        status = transfer(&copy);
    }
    if (status == TOOL_DONE) {
        status = set_journal(&copy);
    }
    close_side(&copy.to);
    close_side(&copy.from);
    status = end_file(&copy, status);
    file_become_self();
    tool->config.database = database;
    admin_choose_engine(&tool->config);
    if (status == TOOL_DONE) {
        tool_audit(tool, "copy", 0, "%s", copy.to.database);
        status = tell(&copy);
    }
    return status;
}

static const struct tool_option options[] = {
    {"--to", "DATABASE", "copy to this database, written as in the settings"},
    {"--from", "DATABASE", "copy from this one instead of that of the settings"},
};

static const struct tool_command commands[] = {
    {.name = "copy",
     .words = "",
     .summary = "take the whole store to another database, of SQLite or PostgreSQL",
     .text =
         "Copies everything from the database of the settings to the one named by --to, or\n"
         "from the one named by --from to that of the settings: the path of a file, or what\n"
         "names a server. Ids, passwords, versions, tokens, deletions and the name of the store\n"
         "stay as they are, so that clients notice nothing. The target must be empty; its tables\n"
         "are made if there are none. Every row is read back and compared. It is all copied or\n"
         "nothing, however it ends; at most the next account of a server leaves out some ids.\n"
         "What is written to the source meanwhile is not copied: stop the web server first. The\n"
         "key file stays where it is. Root acts as its owner, who must be able to write to the\n"
         "folder of a file that is made.\n",
     .options = options,
     .option_count = sizeof options / sizeof *options,
     .flags = COMMAND_JSON | COMMAND_PROGRESS,
     .run = run_copy},
};

const struct tool_group tool_copy_commands = {commands, sizeof commands / sizeof *commands};
