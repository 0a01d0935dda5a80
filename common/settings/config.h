/*
 * config.h - the settings of an installation: one file of `name = value` lines.
 *
 * The file is named by the environment variable CUBBY_CONF, else it is the compiled-in
 * CUBBY_SYSCONFDIR/cubby.conf, which may be absent: every setting has a default. Unknown names, bad
 * values and repeated names are refused with file and line.
 */
#ifndef CUBBY_COMMON_SETTINGS_CONFIG_H
#define CUBBY_COMMON_SETTINGS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"

enum { WAITS_MAXIMUM = 1024 }; /* the highest max_waits */

/* Strings live on the arena given to config_load, or are constants. */
struct config {
    const char *database;          /* path of the database file, or what names a server */
    const char *beside;            /* where processes keep what they share, and long bodies: paths
                                      start with this. Not a setting: the database file, or, when
                                      that is a server, the key file */
    const char *keys;              /* path of the JWKS file */
    const char *log;               /* path of the log file; "": standard error */
    const char *password_method;   /* yescrypt, bcrypt, sha512crypt, scrypt */
    const char *cors_origins;      /* origins separated by blanks, or *; "": none */
    int64_t password_cost;         /* in the method's own unit; 0: the method's default */
    const char *refused_passwords; /* path of the list of passwords nobody may choose; "": none */
    int64_t token_lifetime;        /* seconds */
    int64_t session_lifetime; /* seconds since the password, then no token is renewed; 0: no end */
    int64_t max_value_bytes;
    int64_t max_body_bytes;
    int64_t max_user_keys;  /* items of one user; 0: no limit */
    int64_t max_user_bytes; /* sum of the values of one user; 0: no limit */
    int64_t tombstones;     /* deletions kept for the changes feed, per user */
    int64_t max_import_bytes;
    const char *journal;         /* journal mode of databases the tool creates: rollback, wal */
    int64_t busy_timeout;        /* milliseconds to wait for another writer */
    int64_t body_timeout;        /* seconds a client may take to send its body */
    int64_t login_limit_account; /* wrong passwords within login_window; 0: no limit, as below */
    int64_t login_limit_address;
    int64_t login_window;        /* seconds */
    int64_t register_limit;      /* registrations from one address within register_window */
    int64_t register_window;     /* seconds */
    int64_t max_hashes;          /* password hashes at once, over all processes; 0: no limit */
    int64_t max_waits;           /* calls of one user that wait for changes at once; 0: no limit */
    int64_t audit_rows;          /* security events kept in the database; 0: in the log only */
    int64_t loop_requests;       /* after which a process that serves many ends; 0: no limit */
    int64_t loop_lifetime;       /* seconds after which it does; 0: no limit */
    const char *sandbox;         /* how far programs confine themselves: on, all, off */
    const char *trusted_proxies; /* whose X-Forwarded-For is believed (address.h) */
};

/* The default of every setting. */
void config_defaults(struct config *config);

/* Where config_load looks when PATH is NULL. */
const char *config_default_path(void);

/* Defaults, then the file at PATH; NULL means the default path, and then the file may be missing.
 * On error returns ERR_INTERNAL, with file and line in CAUSE. */
enum error_code config_load(struct arena *arena, const char *path, struct config *config,
                            struct cause *cause);

/* Whether DATABASE, the value of that setting, is the path of a file; otherwise it names a server.
 */
bool config_is_path(const char *database);

/* What is wrong with VALUE as that of the setting `database`, behind its name; NULL: nothing. */
const char *config_database_fault(const char *value);

/* Calls CALLBACK with the name of each setting and its value as text, and as a number when it is
 * one (else NULL), in the order of the sample file. */
void config_each(const struct config *config,
                 void (*callback)(void *self, const char *name, const char *value,
                                  const int64_t *number),
                 void *self);

#endif
