/*
 * statements.c - prints all SQL of the programs and of the tool, as PostgreSQL gets it: one
 * statement a line, behind its number, `programs` or `tool`, and a tab each.
 */
#include <stdio.h>

#include "db/engine/statements.h"
#include "db/tool/statements.h"

int main(void)
{
    for (int i = 0; i < DB_STATEMENT_COUNT; i++) {
        (void)printf("programs\t%d\t%s\n", i, db_statement_sql((enum db_statement)i));
    }
    for (int i = 0; i < ADMIN_STATEMENT_COUNT; i++) {
        (void)printf("tool\t%d\t%s\n", i,
                     admin_statement_sql((enum admin_statement)i, DB_DIALECT_POSTGRESQL));
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
