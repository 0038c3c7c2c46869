/* SPDX-License-Identifier: ISC
 *
 * option-accept: is a text good for a row of the table of settings, and how is it kept?  Times
 * are written "30s", "5m", "72h", "5d" or "forever" (-1), sizes "500KB", "40MB", "1GB" (powers
 * of 1024).  A range is "LOW..HIGH", optionally followed by "|WORD" for words allowed besides;
 * for words "a|b|c"; for texts the name of a form below.  Pure: whether a file, a user or a key
 * exists is asked elsewhere.
 */
#include "model/model.h"

#include <string.h>

struct unit { const char *suffix; gint64 factor; };

static const struct unit time_units[] = {
	{ "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 },
	{ NULL, 0 },
};
static const struct unit size_units[] = {
	{ "KB", 1024 }, { "MB", 1024 * 1024 }, { "GB", 1024 * 1024 * 1024 }, { NULL, 0 },
};
static const struct unit plain_units[] = { { "", 1 }, { NULL, 0 } };

#define CAP_WINDOW (30 * 24 * 3600 * G_GINT64_CONSTANT(1000))	/* ms; the longest of a cap */

/* ---- numbers -------------------------------------------------------------------------- */

static bool
number_parse(const struct unit *units, const char *text, gint64 *out)
{
	char *end;
	guint64 product;
	bool is_negative = *text == '-' && units == plain_units;
	const char *digits = text + is_negative;

	if (!g_ascii_isdigit(*digits) || strspn(digits, "0123456789") > 18)
		return false;
	guint64 number = g_ascii_strtoull(digits, &end, 10);

	if (number == 0 && *end == '\0') {	/* nothing needs no unit */
		*out = 0;
		return true;
	}
	for (const struct unit *u = units; u->suffix != NULL; u++)
		if (strcmp(end, u->suffix) == 0) {
			if (!g_uint64_checked_mul(&product, number, (guint64)u->factor) ||
			    product > G_MAXINT64)
				return false;
			*out = is_negative ? -(gint64)product : (gint64)product;
			return true;
		}
	return false;
}

static bool
is_one_of(const char *text, const char *words)
{
	g_auto(GStrv) list = g_strsplit(words, "|", -1);

	return g_strv_contains((const char *const *)list, text);
}

static char *
accept_number(const struct option *row, const struct unit *units, const char *text, GError **error)
{
	g_auto(GStrv) bounds = g_strsplit(row->range == NULL ? "" : row->range, "..", 2);
	g_autofree char *high = NULL;
	const char *extra = NULL;
	gint64 number, low_number = 0, high_number = G_MAXINT64;

	if (bounds[0] != NULL && bounds[1] != NULL) {
		extra = strchr(bounds[1], '|');
		high = g_strndup(bounds[1], strcspn(bounds[1], "|"));
		if (!number_parse(units, bounds[0], &low_number) ||
		    !number_parse(units, high, &high_number))
			panic("the range of %s cannot be read", row->name);
	}
	if (extra != NULL && is_one_of(text, extra + 1))
		return g_strdup("-1");
	if (!number_parse(units, text, &number)) {
		fail(error, NEVER, "\"%s\" is no %s", text,
		    units == time_units ? "time like \"30s\", \"5m\", \"72h\" or \"5d\"" :
		    units == size_units ? "size like \"500KB\" or \"40MB\"" : "whole number");
		return NULL;
	}
	if (number < low_number || number > high_number) {
		fail(error, NEVER, "%s is not within %s", text, row->range);
		return NULL;
	}
	return g_strdup_printf("%" G_GINT64_FORMAT, number);
}

/* ---- forms of text -------------------------------------------------------------------- */

static bool
is_line(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((guchar)*p < ' ' || *p == 0x7f)
			return false;
	return *text != '\0';
}

static bool
consists_of(const char *text, const char *letters, gsize min, gsize max)
{
	gsize size = strlen(text);

	return size >= min && size <= max && strspn(text, letters) == size;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"

static bool
is_host(const char *text)
{
	return consists_of(text, LOWER UPPER DIGITS ".-:", 1, 253) && *text != '.' &&
	    *text != '-' && strstr(text, "..") == NULL;
}

/* An ordinary mailbox without quotes or comments: people write these, not all of RFC 5322. */
static bool
is_address(const char *text)
{
	const char *at = strrchr(text, '@');

	if (at == NULL || at == text || at - text > 64)
		return false;
	g_autofree char *local = g_strndup(text, (gsize)(at - text));

	return consists_of(local, LOWER UPPER DIGITS ".!#$%&'*+/=?^_`{|}~-", 1, 64) &&
	    *local != '.' && !g_str_has_suffix(local, ".") && strstr(local, "..") == NULL &&
	    is_host(at + 1) && strchr(at + 1, ':') == NULL && !g_str_has_suffix(at + 1, ".") &&
	    strchr(at + 1, '.') != NULL;
}

/* An address with one %t, where the thread code goes. */
static bool
is_reply_address(const char *text)
{
	const char *code = strstr(text, "%t"), *at = strrchr(text, '@');

	return is_address(text) && code != NULL && code < at && strchr(code + 1, '%') == NULL;
}

static bool
is_hotline_id(const char *text)
{
	return consists_of(text, UPPER DIGITS, 1, 12);
}

static bool
is_id(const char *text)
{
	return consists_of(text, LOWER DIGITS ".-", 1, 64) && g_ascii_isalnum(*text);
}

static bool
is_pgp_key(const char *text)
{
	return *text == '\0' || consists_of(text, HEX, 40, 40);
}

static bool
is_certificate(const char *text)
{
	return *text == '\0' || consists_of(text, HEX, 64, 64);
}

static bool
is_any_key(const char *text)
{
	return *text != '\0' && (is_pgp_key(text) || is_certificate(text));
}

static bool
is_date(const char *text)
{
	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	for (guint i = 0; i < 10; i++)
		if (i != 4 && i != 7 && !g_ascii_isdigit(text[i]))
			return false;
	return g_date_valid_dmy((GDateDay)atoi(text + 8), (GDateMonth)atoi(text + 5),
	    (GDateYear)atoi(text));
}

static bool
is_pin(const char *text)
{
	return g_str_has_prefix(text, "sha256/") && strlen(text) == 7 + 44 && text[50] == '=' &&
	    strspn(text + 7, LOWER UPPER DIGITS "+/") == 43;
}

static bool
is_https(const char *text)
{
	return g_str_has_prefix(text, "https://") && text[8] != '\0' && is_line(text) &&
	    strpbrk(text, " \"<>") == NULL;
}

static bool
is_user(const char *text)
{
	return consists_of(text, LOWER DIGITS "_-", 1, 32) && !g_ascii_isdigit(*text) &&
	    *text != '-';
}

/* %i the hotline's id, %y the year, %n or "%06n" the number, which must be there once. */
static bool
is_ticket_format(const char *text)
{
	guint numbers = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '%') {
			p++;
			if (p[0] == '0' && p[1] >= '1' && p[1] <= '9')
				p += 2;
			else if (*p == 'i' || *p == 'y')
				continue;
			if (*p != 'n')
				return false;
			numbers++;
		} else if (strchr(UPPER DIGITS "-", *p) == NULL) {
			return false;
		}
	}
	return numbers == 1 && strlen(text) <= 40;
}

static bool
is_charset(const char *text)
{
	return consists_of(text, LOWER UPPER DIGITS "-_.:", 1, 40);
}

bool
cap_parse(const char *text, struct cap *cap)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 4);
	gint64 most, window = 0;

	if (!number_parse(plain_units, words[0] != NULL ? words[0] : "", &most) || most < 0)
		return false;
	if (words[1] != NULL &&
	    (strcmp(words[1], "per") != 0 || words[2] == NULL || words[3] != NULL ||
	    !number_parse(time_units, words[2], &window) || window <= 0 || window > CAP_WINDOW))
		return false;
	*cap = (struct cap){ (guint64)most, window };
	return most == 0 || window > 0;
}

static bool
is_cap(const char *text)
{
	struct cap cap;

	return cap_parse(text, &cap);
}

/* name in the table's range, test, what a person is told */
static const struct {
	const char *name;
	bool (*test)(const char *);
	const char *what;
} forms[] = {
	{ "line",		is_line,		"one line of text" },
	{ "host",		is_host,		"host name" },
	{ "address",		is_address,		"address like ungcuu@example.vn" },
	{ "reply-address",	is_reply_address,	"address with one %t before the @" },
	{ "hotline-id",		is_hotline_id,		"id of 1 to 12 letters A-Z and digits" },
	{ "id",			is_id,			"id of letters a-z, digits, '.' and '-'" },
	{ "pgp-key",		is_pgp_key,		"fingerprint of 40 hex digits" },
	{ "certificate",	is_certificate,		"SHA-256 fingerprint of 64 hex digits" },
	{ "key",		is_any_key,		"fingerprint of 40 or 64 hex digits" },
	{ "date",		is_date,		"date like 2027-12-31" },
	{ "pin",		is_pin,
		"pin like sha256/ and 44 letters of base64" },
	{ "https",		is_https,		"address that begins with https://" },
	{ "user",		is_user,		"name of a system user" },
	{ "ticket-format",	is_ticket_format,
		"format of A-Z, digits, '-', %i, %y and one %n or %06n" },
	{ "charset",		is_charset,		"name of a charset" },
	{ "cap",		is_cap,			"cap like \"20 per 1d\", or \"0\"" },
	{ "internal",		NULL,			"setting of a configuration file" },
};

/* Kept in capitals, so that two can be compared. */
static bool
is_fingerprint(bool (*test)(const char *))
{
	return test == is_pgp_key || test == is_certificate || test == is_any_key;
}

static char *
accept_form(const struct option *row, const char *text, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
		if (strcmp(row->range, forms[i].name) != 0)
			continue;
		if (forms[i].test == NULL || forms[i].test(text))
			return is_fingerprint(forms[i].test) ? g_ascii_strup(text, -1) :
			    g_strdup(text);
		fail(error, NEVER, "\"%s\" is no %s", text, forms[i].what);
		return NULL;
	}
	if (is_one_of(text, row->range))
		return g_strdup(text);
	fail(error, NEVER, "\"%s\" is none of %s", text, row->range);
	return NULL;
}

char *
option_accept(const struct option *row, const char *text, GError **error)
{
	if (!g_utf8_validate(text, -1, NULL)) {
		fail(error, NEVER, "is not valid UTF-8");
		return NULL;
	}
	if (row->type == OPTION_INT)
		return accept_number(row, plain_units, text, error);
	if (row->type == OPTION_TIME)
		return accept_number(row, time_units, text, error);
	if (row->type == OPTION_SIZE)
		return accept_number(row, size_units, text, error);
	if ((row->type == OPTION_PATH || row->type == OPTION_SECRET_FILE) && !is_line(text)) {
		fail(error, NEVER, "\"%s\" is no path", text);
		return NULL;
	}
	if (row->type == OPTION_BOOL && !is_one_of(text, "true|false")) {
		fail(error, NEVER, "\"%s\" is neither true nor false", text);
		return NULL;
	}
	return row->range == NULL ? g_strdup(text) : accept_form(row, text, error);
}
