/*
 * test_fields.c - what is read of header fields: the client's address, and the content type.
 */
#include <string.h>

#include "common/http/address.h"
#include "common/http/media_type.h"
#include "tests/inproc/suites.h"

static void a_client_has_one_address(void **state)
{
    (void)state;
    static const struct {
        const char *remote;
        const char *forwarded;
        const char *proxies;
        const char *address;
    } rows[] = {
        {"192.0.2.1", NULL, "", "192.0.2.1"},
        {"::ffff:192.0.2.1", NULL, "", "192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", NULL, "", "2001:db8:1:2::/64"},
        {"fec0::1", NULL, "", "fec0::/64"},
        {"fe7f::1", NULL, "", "fe7f::/64"},
        /* The hosts of a link share a network: each counts by itself. */
        {"fe80::1", NULL, "", "fe80::1"},
        {"fe80::2", NULL, "", "fe80::2"},
        {"febf:1::2", NULL, "", "febf:1::2"},
        {"fe80::1%eth0", NULL, "", "fe80::1"},
        {"[fe80::1%25eth0]:4711", NULL, "", "fe80::1"},
        {"[fe80::1%eth0]", NULL, "", "fe80::1"},
        {"2001:db8::1%eth0", NULL, "", "2001:db8::/64"},
        {"[2001:db8::1]:", NULL, "", "2001:db8::/64"},
        {"[2001:db8::1]x", NULL, "", "unknown"},
        {"[2001:db8::1]:80x", NULL, "", "unknown"},
        {"[fe80::1%x]%", NULL, "", "unknown"},
        {"[fe80::1%x]80", NULL, "", "unknown"},
        {"fe80::1%", NULL, "", "unknown"},
        {"[fe80::1%]", NULL, "", "unknown"},
        {"[fe80::1%eth0", NULL, "", "unknown"},
        {"[fe80::1]:80%x]", NULL, "", "unknown"},
        {"[fe80::1]%x]", NULL, "", "unknown"},
        {"[[fe80::1]%x]", NULL, "", "unknown"},
        {"fe80::1]%x", NULL, "", "unknown"},
        {"[1.2.3.4:80%x]", NULL, "", "unknown"},
        {"1.2.3.4%x", NULL, "", "unknown"},
        {"::ffff:1.2.3.4%x", NULL, "", "unknown"},
        {"fe80::1%eth0/64", NULL, "", "unknown"},
        {"%eth0", NULL, "", "unknown"},
        {"", NULL, "", "unknown"},
        {NULL, NULL, "", "unknown"},
        /* Who has a zone is no proxy: another link may have the same address. */
        {"fe80::1", "192.0.2.9", "fe80::1", "192.0.2.9"},
        {"fe80::1%eth0", "192.0.2.9", "fe80::1", "fe80::1"},
        {"[fe80::1%25eth0]:80", "192.0.2.9", "fe80::/10", "fe80::1"},
        {"127.0.0.1", "192.0.2.9, fe80::1%eth0", "127.0.0.1 fe80::/10", "fe80::1"},
        {"127.0.0.1", "192.0.2.9, fe80::1", "127.0.0.1 fe80::/10", "192.0.2.9"},
        {"127.0.0.1", "fe80::1%eth0, 127.0.0.2", "127.0.0.0/8 fe80::/10", "fe80::1"},
        {"127.0.0.1", "192.0.2.9, [fe80::1]:80%x]", "127.0.0.1 fe80::/10", "127.0.0.1"},
        /* At a Unix socket, as nginx, lighttpd, Caddy and busybox say it. */
        {"unix:", "192.0.2.9", "unix:", "192.0.2.9"},
        {"/run/web.sock", "192.0.2.9", "10.0.0.1 unix:", "192.0.2.9"},
        {"@", "192.0.2.9", "unix: 10.0.0.1", "192.0.2.9"},
        {"localhost", "192.0.2.9", "\tunix:\t", "192.0.2.9"},
        {"unix:", "192.0.2.9, 10.0.0.1, unix:", "unix: 10.0.0.1", "192.0.2.9"},
        {"10.0.0.1", "192.0.2.9, unix:", "unix: 10.0.0.1", "192.0.2.9"},
        {"unix:", "unix:, 192.0.2.9", "unix:", "192.0.2.9"},
        {"unix:", "unix:", "unix:", "unknown"},
        {"unix:", NULL, "unix:", "unknown"},
        {"unix:", "", "unix:", "unknown"},
        {"unix:", "some@where", "unix:", "unknown"},
        {"unix:", "192.0.2.9", "", "unknown"},
        {"unix:", "192.0.2.9", "10.0.0.0/8 0.0.0.0/0 ::/0", "unknown"},
        {"@", "192.0.2.9", "10.0.0.1", "unknown"},
        {"10.0.0.1", "192.0.2.9, unix:", "10.0.0.1", "10.0.0.1"},
        {"192.0.2.1", "192.0.2.9", "unix:", "192.0.2.1"},
        {"unix:x", "192.0.2.9", "unix:", "unknown"},
        {"localhost.", "192.0.2.9", "unix:", "unknown"},
        {"", "192.0.2.9", "unix:", "unknown"},
        {NULL, "192.0.2.9", "unix:", "unknown"},
        {"fe80::1%", "192.0.2.9", "unix:", "unknown"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_of_client(rows[i].remote, rows[i].forwarded, rows[i].proxies, address);
        if (strcmp(address, rows[i].address) != 0) {
            fail_msg("%s, forwarded %s, proxies %s: %s",
                     rows[i].remote != NULL ? rows[i].remote : "(none)",
                     rows[i].forwarded != NULL ? rows[i].forwarded : "(none)", rows[i].proxies,
                     address);
        }
    }
    assert_false(address_list_valid("10.0.0.0/8 fe80::1%eth0"));
    static const char *const lists[] = {"unix:", " 10.0.0.0/8 unix: ::1", "unix: unix:"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        assert_true(address_list_valid(lists[i]));
    }
    static const char *const faulty[] = {
        "unix", "unix:/run/web.sock", "xunix:", "unix:/32", "unix:,x", "UNIX:", "@"};
    for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++) {
        assert_false(address_list_valid(faulty[i]));
    }
}

static void a_media_type_is_taken_or_the_reason_is_told(void **state)
{
    (void)state;
    static const char malformed[] = "is malformed";
    static const char other[] = "names another charset than UTF-8";
    static const char twice[] = "names a charset twice";
    static const struct {
        const char *field;
        const char *fault; /* NULL: none */
    } rows[] = {
        {"application/json", NULL},
        {" text/plain ;charset=utf-8 ", NULL},
        {"text/plain;charset=UTF8", NULL},
        {"text/plain;CharSet=\"Utf8\"", NULL},
        {"text/plain;charset=\"u\\tf-8\"", NULL},
        {"text/plain;charset=us-ascii", NULL},
        {"text/plain;x=latin1;;", NULL},
        {"text/plain;charset=latin1", other},
        {"text/plain;charset=utf", other},
        {"text/plain;charset=utf88", other},
        {"text/plain;charset=utf_8", other},
        {"text/plain;charset=\"\"", other},
        {"text/plain;charset=\"utf8 \"", other},
        {"text/plain;charset=utf-8-and-many-more-letters", other},
        {"text/plain;charset=utf8;charset=utf8", twice},
        {"text/plain;charset=latin1;charset=utf8", twice},
        {"text/plain;charset=", malformed},
        {"text/plain;charset=latin1 x", malformed},
        {"text/plain;charset=\"utf8", malformed},
        {"text/plain;charset", malformed},
        {"text/plain,", malformed},
        {"text", malformed},
        {"", malformed},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text type;
        const char *fault = media_type_fault(rows[i].field, &type);
        if ((fault == NULL) != (rows[i].fault == NULL) ||
            (fault != NULL && strcmp(fault, rows[i].fault) != 0)) {
            fail_msg("%s: %s", rows[i].field, fault != NULL ? fault : "good");
        }
    }
    struct text type;
    assert_null(media_type_fault("\tText/Plain; charset=utf8", &type));
    assert_true(text_equal(type, text_of("Text/Plain")));
}

const struct CMUnitTest field_tests[] = {
    cmocka_unit_test(a_client_has_one_address),
    cmocka_unit_test(a_media_type_is_taken_or_the_reason_is_told),
};
const size_t field_test_count = sizeof field_tests / sizeof *field_tests;
