/* SPDX-License-Identifier: ISC
 *
 * charset: bytes of a declared, undeclared or lying charset to UTF-8 by one fixed rule: the
 * declared charset if every byte converts, else strict UTF-8, else the first fallback that reads
 * as Vietnamese, else the first that converts, else Windows-1252 byte by byte.  Converters are
 * opened once and stay open: the child that reads a letter can open no file.  Never fails; never
 * looks at a locale.
 */
#include "mime/internal.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

static const char *const known[] = {
	"utf-8", "us-ascii", "iso-8859-1", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5",
	"iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9", "iso-8859-10", "iso-8859-11",
	"iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16", "windows-1250", "windows-1251",
	"windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
	"windows-1257", "windows-1258", "koi8-r", "koi8-u", "gb2312", "gbk", "gb18030", "big5",
	"big5-hkscs", "euc-tw", "euc-jp", "iso-2022-jp", "iso-2022-jp-2", "shift_jis",
	"windows-31j", "euc-kr", "uhc", "iso-2022-kr", "johab", "viscii", "tcvn5712-1", "tcvn",
	"utf-7", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be", "macintosh",
	"mac-cyrillic", "tis-620", "windows-874", "cp437", "cp850", "cp852", "cp866", "cp949",
	"cp936", "cp932", "iso-ir-6", "cp1258", "cp1252", "cp1251", "cp1250", "latin1", NULL
};

/* Names mail programs use, to the ones iconv knows, or to the superset they mean. */
static const struct { const char *written, *meant; } aliases[] = {
	{ "utf8", "utf-8" }, { "utf-8-sig", "utf-8" }, { "unicode-1-1-utf-8", "utf-8" },
	{ "unicode-1-1-utf-7", "utf-7" }, { "ascii", "us-ascii" }, { "ansi_x3.4-1968", "us-ascii" },
	{ "iso-8859-1", "windows-1252" }, { "iso8859-1", "windows-1252" },
	{ "iso_8859-1", "windows-1252" }, { "latin1", "windows-1252" },
	{ "cp1252", "windows-1252" }, { "x-cp1252", "windows-1252" },
	{ "iso-8859-9", "windows-1254" }, { "cp1258", "windows-1258" },
	{ "cp-1258", "windows-1258" }, { "x-cp1258", "windows-1258" }, { "gb2312", "gb18030" },
	{ "gb_2312-80", "gb18030" }, { "gbk", "gb18030" }, { "ks_c_5601-1987", "uhc" },
	{ "euc-kr", "uhc" }, { "x-sjis", "windows-31j" }, { "shift-jis", "windows-31j" },
	{ "shift_jis", "windows-31j" }, { "csiso2022jp", "iso-2022-jp" }, { "tcvn3", "tcvn5712-1" },
	{ "x-viet-tcvn5712", "tcvn5712-1" }, { "tcvn", "tcvn5712-1" }, { "x-viscii", "viscii" },
	{ "iso-8859-11", "windows-874" }, { "tis-620", "windows-874" },
	{ "x-mac-roman", "macintosh" }, { "cp-850", "cp850" }, { "unicode", "utf-16" },
};
/* Declarations that declare nothing. */
static const char *const nothing[] = {
	"", "unknown-8bit", "x-unknown", "unknown", "default", "none", "binary", "8bit",
	"_autodetect", "us-ascii", NULL
};
/* Windows-1252 for 0x80..0x9f, the last resort. */
static const gunichar cp1252[32] = {
	0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039,
	0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178
};

static GHashTable *converters;		/* name → iconv_t */

void
charset_init(void)
{
	if (converters != NULL)
		return;
	converters = g_hash_table_new(g_str_hash, g_str_equal);
	for (const char *const *name = known; *name != NULL; name++) {
		iconv_t cd = iconv_open("utf-8", *name);
		if (cd == (iconv_t)-1)
			continue;
		char in[] = "abc ", out[64];
		char *from = in, *to = out;
		gsize left = 4, room = sizeof out;
		iconv(cd, &from, &left, &to, &room);
		iconv(cd, NULL, NULL, NULL, NULL);
		g_hash_table_insert(converters, (gpointer)*name, (gpointer)cd);
		/* GMime opens its own by the same name: let it find everything loaded. */
		g_mime_iconv_close(g_mime_iconv_open("utf-8", *name));
	}
	g_mime_charset_iconv_name("utf-8");
}

/* All of it, or NULL. */
static char *
convert(const char *charset, const char *data, gsize size)
{
	iconv_t cd = (iconv_t)g_hash_table_lookup(converters, charset);
	if (cd == NULL)
		return NULL;
	iconv(cd, NULL, NULL, NULL, NULL);
	GString *out = g_string_sized_new(size + size / 2 + 16);
	char *from = (char *)data;
	bool whole = true;
	while (whole && size > 0) {
		char block[4096];
		char *to = block;
		gsize room = sizeof block;
		gsize n = iconv(cd, &from, &size, &to, &room);
		whole = n != (gsize)-1 || errno == E2BIG;
		g_string_append_len(out, block, to - block);
	}
	char rest[64];
	char *to = rest;
	gsize room = sizeof rest;
	if (whole && iconv(cd, NULL, NULL, &to, &room) != (gsize)-1)
		g_string_append_len(out, rest, to - rest);
	return g_string_free(out, !whole);
}

static char *
charset_name(const char *declared)
{
	char *name = g_strstrip(g_ascii_strdown(declared != NULL ? declared : "", -1));
	for (guint i = 0; i < G_N_ELEMENTS(aliases); i++)
		if (strcmp(name, aliases[i].written) == 0) {
			g_free(name);
			return g_strdup(aliases[i].meant);
		}
	return name;
}

static char *
decode_fallback(const char *data, gsize size, const char *const *fallbacks)
{
	char *first = NULL;
	for (; fallbacks != NULL && *fallbacks != NULL; fallbacks++) {
		g_autofree char *name = charset_name(*fallbacks);
		char *text = convert(name, data, size);
		if (text != NULL && text_looks_vietnamese(text)) {
			g_free(first);
			return text;
		}
		if (first == NULL)
			first = text;
		else
			g_free(text);
	}
	return first;
}

static char *
decode_bytes(const char *data, gsize size)
{
	GString *out = g_string_sized_new(size + size / 2);
	for (gsize i = 0; i < size; i++) {
		guint8 c = (guint8)data[i];
		g_string_append_unichar(out, c >= 0x80 && c < 0xa0 ? cp1252[c - 0x80] : c);
	}
	return g_string_free(out, FALSE);
}

/* NUL bytes become U+2400, so that a C string can carry on behind them. */
static char *
without_nul(const char *data, gsize size)
{
	GString *out = g_string_sized_new(size + 16);
	for (gsize i = 0; i < size; i++)
		if (data[i] == '\0')
			g_string_append(out, "\xe2\x90\x80");
		else
			g_string_append_c(out, data[i]);
	return g_string_free(out, FALSE);
}

char *
text_decode(const void *bytes, gsize size, const char *charset, const char *const *fallbacks)
{
	if (size == 0)
		return g_strdup("");
	charset_init();
	g_autofree char *name = charset_name(charset);
	const char *data = bytes;
	if (!g_strv_contains(nothing, name) && strcmp(name, "utf-8") != 0) {
		char *text = convert(name, data, size);
		if (text != NULL && g_utf8_validate(text, -1, NULL))
			return text;
		g_free(text);
	}
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3;
		size -= 3;
	}
	g_autofree char *copy = NULL;
	if (memchr(data, '\0', size) != NULL) {
		copy = without_nul(data, size);
		data = copy;
		size = strlen(copy);
	}
	if (g_utf8_validate_len(data, size, NULL))
		return g_strndup(data, size);
	char *text = decode_fallback(data, size, fallbacks);
	return text != NULL ? text : decode_bytes(data, size);
}
