/*
 * file_kind.c - the marks by which files are known.
 */
#include "db/tool/file_kind.h"

#include <string.h>
#include <unistd.h>

enum { HEAD_SIZE = 512 };

struct mark {
    size_t at;
    const char *bytes;
    size_t size;
    enum file_kind kind;
    const char *what;
};

#define MARK(at, bytes, kind, what)                                                                \
    {                                                                                              \
        (at), (bytes), sizeof(bytes) - 1, (kind), (what)                                           \
    }

/* The first that fits counts. */
static const struct mark marks[] = {
    MARK(0, "SQLite format 3\0", FILE_DATABASE,
         "a database of SQLite; a backup is put back by \"cubby restore\""),
    MARK(0, "{\"type\":\"cubby\",", FILE_EXPORT, "an export, which \"cubby import\" reads"),
    MARK(0, "{\"status\":\"success\",\"data\":{\"format\":\"cubby-account-", FILE_TEXT,
         "the export of one account, which POST /api/me/import reads"),
    MARK(0, "\x1f\x8b", FILE_OTHER, "packed: unpack it first, by gunzip"),
    MARK(0,
         "\xfd"
         "7zXZ",
         FILE_OTHER, "packed: unpack it first, by unxz"),
    MARK(0, "\x28\xb5\x2f\xfd", FILE_OTHER, "packed: unpack it first, by unzstd"),
    MARK(0, "BZh", FILE_OTHER, "packed: unpack it first, by bunzip2"),
    MARK(0, "PK\3\4", FILE_OTHER, "a zip archive: unpack it first"),
    MARK(257, "ustar", FILE_OTHER, "a tar archive: unpack it first"),
    MARK(0, "Salted__", FILE_OTHER, "encrypted: decrypt it first"),
    MARK(0, "age-encryption.org/", FILE_OTHER, "encrypted: decrypt it first"),
    MARK(0, "-----BEGIN PGP MESSAGE", FILE_OTHER, "encrypted: decrypt it first"),
    MARK(0, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", FILE_OTHER,
         "the journal of a database, without it of no use"),
    MARK(0, "\x37\x7f\x06\x82", FILE_OTHER,
         "the write-ahead log of a database, without it of no use"),
    MARK(0, "\x37\x7f\x06\x83", FILE_OTHER,
         "the write-ahead log of a database, without it of no use"),
    MARK(0, "PRAGMA foreign_keys=OFF;", FILE_TEXT,
         "a dump in SQL: sqlite3 NEW.db <FILE makes a database of it"),
};

static bool only_zeros(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Bytes of other characters than ASCII's may be those of UTF-8 or of any other set. */
static bool looks_like_text(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == 0x7f || (bytes[i] < 0x20 && memchr("\t\n\f\r", bytes[i], 4) == NULL)) {
            return false;
        }
    }
    return true;
}

enum file_kind file_kind_of(int file, const char **what)
{
    unsigned char head[HEAD_SIZE];
    ssize_t got = pread(file, head, sizeof head, 0);
    size_t size = got > 0 ? (size_t)got : 0;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const struct mark *mark = &marks[i];
        if (size >= mark->at + mark->size &&
            memcmp(head + mark->at, mark->bytes, mark->size) == 0) {
            *what = mark->what;
            return mark->kind;
        }
    }
    if (size > 0 && looks_like_text(head, size)) {
        *what = memmem(head, size, "\"kty\"", 5) != NULL ? "a file of keys" : "a text";
        return FILE_TEXT;
    }
    *what = got < 0                  ? "unreadable"
            : size == 0              ? "empty"
            : only_zeros(head, size) ? "filled with zeros"
                                     : "of no kind that is known here";
    return FILE_OTHER;
}

static int64_t read_number(const unsigned char *at, size_t size)
{
    int64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

bool file_kind_is_cut(int file, int64_t size, int64_t *whole)
{
    enum { PAGE_SIZE = 16, COUNTER = 24, PAGES = 28, COUNTED_AT = 92, HEAD = 100 };
    unsigned char head[HEAD];
    if (pread(file, head, sizeof head, 0) != (ssize_t)sizeof head) {
        return false;
    }
    int64_t page = read_number(head + PAGE_SIZE, 2);
    *whole = (page == 1 ? 65536 : page) * read_number(head + PAGES, 4);
    /* Old versions of SQLite did not keep the number of pages. */
    return memcmp(head + COUNTER, head + COUNTED_AT, 4) == 0 && size < *whole;
}

int64_t file_kind_schema(int file)
{
    enum { USER_VERSION = 60, SIZE = 4 };
    unsigned char number[SIZE];
    return pread(file, number, SIZE, USER_VERSION) == SIZE ? read_number(number, SIZE) : -1;
}
