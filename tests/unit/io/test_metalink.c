/* SPDX-License-Identifier: MIT */
#include "base/str.h"
#include "base/util.h"
#include "io/metalink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MD5         "900150983cd24fb0d6963f7d28e17f72"
#define MD5_D       "4911e516e5aa21d327512e0c8b197616"
#define SHA256      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_D    "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"
#define SHA1        "a9993e364706816aba3e25717850c26c9cd0d89d"

#define V4(...)     "<metalink xmlns='urn:ietf:params:xml:ns:metalink'>" __VA_ARGS__ "</metalink>"
#define FILE_4(...) V4("<file name='f'>" __VA_ARGS__ "<url>http://a.example/</url></file>")
#define V3(...)                                                                                    \
    "<metalink version='3.0' xmlns='http://www.metalinker.org/'><files>" __VA_ARGS__               \
    "</files></metalink>"
#define FILE_3(...)                                                                                \
    V3("<file name='f'>" __VA_ARGS__ "<resources><url>http://a.example/</url></resources></file>")

static const char version_4[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\" xmlns:x=\"urn:other\">\n"
    "  <published>2009-05-15T12:23:23Z</published>\n"
    "  <x:file name=\"not this\"><x:url>http://other.example/</x:url></x:file>\n"
    "  <file name=\"example.ext\">\n"
    "    <size> 14471447 </size>\n"
    "    <identity>Example</identity>\n"
    "    <hash "
    "type=\"sha-256\">ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad</hash>\n"
    "    <hash type=\"sha3-256\">00</hash>\n"
    "    <hash type=\"md5\">900150983cd24fb0d6963f7d28e17f72</hash>\n"
    "    <pieces length=\"7235724\" "
    "type=\"sha-1\"><hash>a9993e364706816aba3e25717850c26c9cd0d89d</"
    "hash><hash>cb4cc28df0fdbe0ecf9d9662e294b118092a5735</hash></pieces>\n"
    "    <pieces length=\"7235724\" "
    "type=\"sha-256\"><hash>ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad</"
    "hash>\n"
    "      <hash>a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9</hash></pieces>\n"
    "    <url location=\"de\" priority=\"2\">ftp://ftp.example.com/example.ext</url>\n"
    "    <url priority=\"1\"> http://example.com/a?b&amp;c=<!-- x -->d </url>\n"
    "    <url>https://last.example/example.ext</url>\n"
    "    <x:url priority=\"1\">http://other.example/</x:url>\n"
    "    <metaurl mediatype=\"torrent\">http://example.com/example.ext.torrent</metaurl>\n"
    "  </file>\n"
    "  <file name=\"dir/&#xE4;.iso\"><url>http://example.com/2</url></file>\n"
    "</metalink>\n";

static const char version_3[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\" generator=\"x\">\n"
    "  <publisher><name>x</name></publisher>\n"
    "  <files>\n"
    "    <file name=\"f.iso\">\n"
    "      <size>250</size>\n"
    "      <verification>\n"
    "        <hash type=\"sha1\">a9993e364706816aba3e25717850c26c9cd0d89d</hash>\n"
    "        <hash "
    "type=\"sha512\">"
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feeb"
    "bd454d4423643ce80e2a9ac94fa54ca49f</hash>\n"
    "        <pieces length=\"100\" type=\"sha1\">\n"
    "          <hash piece=\"1\">356a192b7913b04c54574d18c28d46e6395428ab</hash>\n"
    "          <hash piece=\"2\">da4b9237bacccdf19c0760cab7aec4a8359010b0</hash>\n"
    "          <hash piece=\"0\">b6589fc6ab0dc82cf12099d1c2d40ab994e8410c</hash>\n"
    "        </pieces>\n"
    "        <signature type=\"pgp\" file=\"f.sig\">x</signature>\n"
    "      </verification>\n"
    "      <resources maxconnections=\"5\">\n"
    "        <url type=\"http\" preference=\"10\">http://a.example/f.iso</url>\n"
    "        <url type=\"bittorrent\" preference=\"100\">http://a.example/f.torrent</url>\n"
    "        <url type=\"ftp\" location=\"de\" preference=\"100\">ftp://b.example/f.iso</url>\n"
    "        <url preference=\"50\">https://c.example/f.iso</url>\n"
    "        <url type=\"rsync\">rsync://d.example/f.iso</url>\n"
    "        <url type=\"http\">http://e.example/f.iso</url>\n"
    "      </resources>\n"
    "    </file>\n"
    "  </files>\n"
    "</metalink>\n";

static struct metalink *parse(const char *text)
{
    struct metalink *m = NULL;
    struct ddm_error err;
    if (metalink_parse(&m, text, strlen(text), &err) < 0)
        fail_msg("%s", err.message);
    assert_non_null(m);
    return m;
}

static void assert_wrong(const char *text, const char *message)
{
    struct metalink *m = NULL;
    struct ddm_error err = { 0 };
    assert_int_equal(metalink_parse(&m, text, strlen(text), &err), -DDM_E_USAGE);
    assert_null(m);
    assert_string_equal(err.message, message);
}

/* "URL URL …" */
static const char *urls(const struct metalink_file *file)
{
    static char out[2000];
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < file->url_count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", i ? " " : "", file->urls[i]);
    assert_null(file->urls[file->url_count]);
    return out;
}

static void test_version_4(void **state)
{
    struct metalink *m = parse(version_4);
    assert_int_equal(m->count, 2);
    const struct metalink_file *f = &m->files[0];
    assert_string_equal(f->name, "example.ext");
    assert_true(f->size == 14471447);
    assert_int_equal(f->hash_count, 2);
    assert_string_equal(f->hashes[0].algorithm, "sha-256");
    assert_string_equal(f->hashes[1].algorithm, "md5");
    assert_string_equal(f->hashes[1].hex, MD5);
    assert_string_equal(urls(f), "http://example.com/a?b&c=d ftp://ftp.example.com/example.ext "
                                 "https://last.example/example.ext");
    assert_string_equal(f->piece_algorithm, "sha-256");
    assert_true(f->piece_length == 7235724);
    assert_int_equal(f->piece_count, 2);
    assert_string_equal(f->pieces[0], f->hashes[0].hex);
    assert_int_equal(strlen(f->pieces[1]), 64);
    assert_null(f->pieces[2]);
    f = &m->files[1];
    assert_string_equal(f->name, "dir/\xc3\xa4.iso");
    assert_true(f->size == 0 && f->hash_count == 0 && f->piece_count == 0);
    assert_string_equal(f->piece_algorithm, "");
    metalink_free(m);
}

static void test_version_3(void **state)
{
    struct metalink *m = parse(version_3);
    assert_int_equal(m->count, 1);
    const struct metalink_file *f = &m->files[0];
    assert_string_equal(f->name, "f.iso");
    assert_true(f->size == 250);
    assert_int_equal(f->hash_count, 2);
    assert_string_equal(f->hashes[0].algorithm, "sha-512");
    assert_string_equal(f->hashes[1].algorithm, "sha-1");
    assert_string_equal(f->hashes[1].hex, SHA1);
    assert_string_equal(urls(f), "ftp://b.example/f.iso https://c.example/f.iso "
                                 "http://a.example/f.iso http://e.example/f.iso");
    assert_string_equal(f->piece_algorithm, "sha-1");
    assert_int_equal(f->piece_count, 3);
    assert_string_equal(f->pieces[0], "b6589fc6ab0dc82cf12099d1c2d40ab994e8410c");
    assert_string_equal(f->pieces[1], "356a192b7913b04c54574d18c28d46e6395428ab");
    assert_string_equal(f->pieces[2], "da4b9237bacccdf19c0760cab7aec4a8359010b0");
    assert_null(f->pieces[3]);
    metalink_free(m);
    m = parse(
        "<metalink version='3.0'><files><file name='f'><resources><url>http://a.example/</url>"
        "</resources></file></files></metalink>");
    assert_int_equal(m->count, 1);
    metalink_free(m);
}

static void test_documents_that_are_none(void **state)
{
    assert_wrong("", "line 1: no element found");
    assert_wrong("<html>\n</html>", "line 1: no Metalink");
    assert_wrong("<metalink><file name='f'><url>http://a/</url></file></metalink>",
                 "line 1: no Metalink");
    assert_wrong("<metalink xmlns='urn:x'/>", "line 1: no Metalink");
    assert_wrong(V4("\n<file name='f'>\n<url>http://a/</ur>\n"), "line 3: mismatched tag");
    assert_wrong(V4("<file name='\xff'/>"), "line 1: not well-formed (invalid token)");
    assert_wrong(V4("&x;"), "line 1: undefined entity");
    assert_wrong(V4("<file name='f'/>"),
                 "the Metalink names no file with a URL that can be fetched");
    assert_wrong(V4("<file name='f'><url>file:///etc/x</url><url>a.example/f</url></file>"),
                 "the Metalink names no file with a URL that can be fetched");
    assert_wrong(V3("<file name='f'><url>http://a/</url></file>"),
                 "the Metalink names no file with a URL that can be fetched");
}

static void test_no_dtd(void **state)
{
    assert_wrong("<?xml version='1.0'?>\n<!DOCTYPE metalink [<!ENTITY a 'aa'>]>\n" FILE_4(),
                 "line 2: a DTD, which no Metalink needs");
    assert_wrong("<!DOCTYPE metalink SYSTEM 'http://a.example/x'>" FILE_4(),
                 "line 1: a DTD, which no Metalink needs");
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } cases[] = {
        { FILE_4("<size>18446744073709551615</size>"), UINT64_MAX },
        { FILE_4("<size>18446744073709551616</size>"), 0 },
        { FILE_4("<size>-1</size>"), 0 },
        { FILE_4("<size>1e3</size>"), 0 },
        { FILE_4("<size></size>"), 0 },
        { FILE_4("<size>5</size><size>5</size>"), 5 },
        { FILE_4("<size>5</size><size>6</size><size>5</size>"), 0 },
        { FILE_4("<size>5</size><size>6</size><size>6</size>"), 0 },
        { FILE_4("<size>1<b>2</b>3</size>"), 13 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct metalink *m = parse(cases[i].text);
        if (m->files[0].size != cases[i].size)
            fail_msg("%s", cases[i].text);
        metalink_free(m);
    }
}

static void test_hashes(void **state)
{
    struct metalink *m =
        parse(FILE_4("<hash type='md5'>" MD5 "</hash><hash type='MD5'>\n" MD5 "</hash>"
                     "<hash>" SHA1 "</hash><hash type='sha-1'>" MD5 "</hash>"));
    assert_int_equal(m->files[0].hash_count, 1);
    metalink_free(m);
    m = parse(FILE_4("<hash type='md5'>" MD5 "</hash><hash type='md5'>" MD5_D "</hash>"
                     "<hash type='md5'>" MD5 "</hash><hash type='sha-1'>" SHA1 "</hash>"
                     "<hash type='sha-256'>" SHA256 "</hash><hash type='sha-256'>" SHA256_D
                     "</hash>"
                     "<hash type='sha-256'>" SHA256_D "</hash>"));
    assert_int_equal(m->files[0].hash_count, 1);
    assert_string_equal(m->files[0].hashes[0].algorithm, "sha-1");
    metalink_free(m);
}

static void test_piece_lists_that_are_dropped(void **state)
{
#define PIECE "<hash>" MD5 "</hash>"
    static const char *const dropped[] = {
        FILE_4("<size>201</size><pieces length='100' type='md5'>" PIECE PIECE "</pieces>"),
        FILE_4("<pieces length='100' type='md5'>" PIECE PIECE PIECE "</pieces><size>200</size>"),
        FILE_4("<pieces length='0' type='md5'>" PIECE "</pieces>"),
        FILE_4("<pieces length='-1' type='md5'>" PIECE "</pieces>"),
        FILE_4("<pieces type='md5'>" PIECE "</pieces>"),
        FILE_4("<pieces length='100'>" PIECE "</pieces>"),
        FILE_4("<pieces length='100' type='sha-384'>" PIECE "</pieces>"),
        FILE_4("<pieces length='100' type='md5'></pieces>"),
        FILE_4("<pieces length='100' type='md5'>" PIECE "<hash>" SHA1 "</hash></pieces>"),
        FILE_3("<verification><pieces length='100' type='md5'><hash piece='0'>" MD5
               "</hash><hash piece='0'>" MD5 "</hash></pieces></verification>"),
        FILE_3("<verification><pieces length='100' type='md5'><hash piece='0'>" MD5
               "</hash><hash piece='2'>" MD5 "</hash></pieces></verification>"),
        FILE_3(
            "<verification><pieces length='100' type='md5'><hash piece='18446744073709551615'>" MD5
            "</hash></pieces></verification>"),
        FILE_3("<verification><pieces length='100' type='md5'><hash piece='-0'>" MD5
               "</hash></pieces></verification>"),
        FILE_3("<verification><pieces length='100' type='md5'>"
               "<hash piece='0000000000000000000000000000'>" MD5 "</hash></pieces></verification>"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
        struct metalink *m = parse(dropped[i]);
        if (m->files[0].piece_count != 0 || m->files[0].piece_algorithm[0] || m->files[0].pieces)
            fail_msg("%s", dropped[i]);
        metalink_free(m);
    }
    static const char *const kept[] = {
        FILE_4("<size>101</size><pieces length='100' type='md5'>" PIECE PIECE "</pieces>"),
        FILE_4("<size>200</size><pieces length='100' type='md5'>" PIECE PIECE "</pieces>"),
        FILE_4("<pieces length='100' type='md5'>" PIECE PIECE "</pieces>"),
        FILE_3("<verification><pieces length='100' type='md5'>" PIECE PIECE
               "</pieces></verification>"),
        /* A weaker list that fits goes before a stronger one that does not. */
        FILE_4("<size>200</size><pieces length='100' type='sha-1'><hash>" SHA1 "</hash></pieces>"
               "<pieces length='100' type='md5'>" PIECE PIECE "</pieces>"),
        FILE_4("<pieces length='100' type='md5'>" PIECE PIECE "</pieces>"
               "<pieces length='50' type='md5'>" PIECE PIECE PIECE PIECE "</pieces>"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        struct metalink *m = parse(kept[i]);
        if (m->files[0].piece_count != 2 || strcmp(m->files[0].piece_algorithm, "md5") != 0)
            fail_msg("%s", kept[i]);
        metalink_free(m);
    }
}

static void test_urls(void **state)
{
    struct metalink *m =
        parse(V4("<file name='f'>"
                 "<url priority='3'>http://c/</url><url priority='2'>http://b/</url>"
                 "<url priority='3'>http://d/</url><url priority='0'>http://y/</url>"
                 "<url priority='x'>http://z/</url><url priority='9'>http://a/</url>"
                 "<url priority='1'>http://a/</url><url priority='9'>http://b/</url>"
                 "<url priority='1'>javascript:x</url></file>"));
    assert_string_equal(urls(&m->files[0]),
                        "http://a/ http://b/ http://c/ http://d/ http://y/ http://z/");
    metalink_free(m);
}

static void test_the_best_hundred_urls(void **state)
{
    char text[20000] = "<metalink xmlns='urn:ietf:params:xml:ns:metalink'><file name='f'>";
    size_t n = strlen(text);
    for (unsigned i = 0; i < 250; i++) /* each priority from 1 to 250 once */
        n += (size_t)snprintf(text + n, sizeof text - n, "<url priority='%u'>http://h%u/</url>",
                              (i * 7) % 250 + 1, (i * 7) % 250 + 1);
    snprintf(text + n, sizeof text - n, "</file></metalink>");
    struct metalink *m = parse(text);
    assert_int_equal(m->files[0].url_count, 100);
    for (unsigned i = 0; i < 100; i++) {
        char wanted[30];
        snprintf(wanted, sizeof wanted, "http://h%u/", i + 1);
        assert_string_equal(m->files[0].urls[i], wanted);
    }
    metalink_free(m);
}

/* A text of `count` times `piece`; the caller frees. */
static char *repeated(const char *before, const char *piece, size_t count, const char *after)
{
    size_t size = strlen(before) + count * strlen(piece) + strlen(after) + 1, n = strlen(piece);
    char *text = malloc(size);
    assert_non_null(text);
    char *p = stpcpy(text, before);
    for (size_t i = 0; i < count; i++, p += n)
        memcpy(p, piece, n);
    strcpy(p, after);
    return text;
}

static void test_limits(void **state)
{
    const char *file = "<file name='f'><url>http://a/</url></file>";
    const char *head = "<metalink xmlns='urn:ietf:params:xml:ns:metalink'>", *tail = "</metalink>";
    _cleanup_free_ char *most = repeated(head, file, METALINK_MAX_FILES, tail);
    struct metalink *m = parse(most);
    assert_int_equal(m->count, METALINK_MAX_FILES);
    metalink_free(m);
    _cleanup_free_ char *more = repeated(head, file, METALINK_MAX_FILES + 1, tail);
    assert_wrong(more, "line 1: too many files");
    _cleanup_free_ char *deep = repeated(head, "<a>", 100, tail);
    assert_wrong(deep, "line 1: nested too deep");
    _cleanup_free_ char *large = repeated(head, "        ", METALINK_MAX_SIZE / 8, tail);
    assert_wrong(large, "the Metalink is larger than 16 MiB");
    _cleanup_free_ char *url = repeated(
        "<metalink xmlns='urn:ietf:params:xml:ns:metalink'><file name='f'><url>http://c/&amp;", "x",
        METALINK_URL_SIZE, "</url><url>http://b/</url></file></metalink>");
    m = parse(url);
    assert_string_equal(urls(&m->files[0]), "http://b/");
    metalink_free(m);
}

static void test_names(void **state)
{
    struct metalink *m = parse(V4("<file><url>http://a/</url></file>"
                                  "<file name='../&lt;&#10;'><url>http://a/</url></file>"));
    assert_string_equal(m->files[0].name, "");
    assert_string_equal(m->files[1].name, "../<\n");
    metalink_free(m);
    assert_null(metalink_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_4),
        cmocka_unit_test(test_version_3),
        cmocka_unit_test(test_documents_that_are_none),
        cmocka_unit_test(test_no_dtd),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_piece_lists_that_are_dropped),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_the_best_hundred_urls),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
