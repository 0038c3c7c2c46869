/* SPDX-License-Identifier: ISC
 *
 * imap-name: folder names between the configuration's UTF-8 and the protocol's modified UTF-7
 * (RFC 3501 §5.1.3): printable ASCII stands for itself, "&" is "&-", the rest is base64 of UTF-16
 * with "," for "/" and no padding.  Refuses what a protocol line or a LIST pattern would take for
 * something else.
 */
#include "transport/imap.h"

#include <string.h>

#define NAME_LONGEST	200	/* bytes of UTF-8 */

static bool
is_plain(guchar c)
{
	return c >= ' ' && c < 0x7f;
}

/* ---- to the server ------------------------------------------------------------------------- */

static void
append_shifted(GString *out, const char *text, gsize size)
{
	glong n = 0;
	g_autofree gunichar2 *units = g_utf8_to_utf16(text, (glong) size, NULL, &n, NULL);
	g_autofree guchar *bytes = g_malloc((gsize) n * 2 + 1);
	g_autofree char *code = NULL;

	for (glong i = 0; i < n; i++) {
		bytes[2 * i] = (guchar) (units[i] >> 8);
		bytes[2 * i + 1] = (guchar) (units[i] & 0xff);
	}
	code = g_base64_encode(bytes, (gsize) n * 2);
	g_strdelimit(code, "/", ',');
	code[strcspn(code, "=")] = '\0';
	g_string_append_printf(out, "&%s-", code);
}

char *
imap_name(const char *folder, GError **error)
{
	gsize size = strlen(folder);
	bool is_good = size > 0 && size <= NAME_LONGEST && g_utf8_validate(folder, -1, NULL);
	GString *out;

	for (const char *p = folder; *p != '\0'; p++)
		is_good &= (guchar) *p >= ' ' && *p != 0x7f && *p != '*' && *p != '%';
	if (!is_good) {
		g_autofree char *quoted = log_quote(folder);

		fail(error, NEVER, "no name for an IMAP folder: %s", quoted);
		return NULL;
	}
	if (g_ascii_strcasecmp(folder, "INBOX") == 0)
		return g_strdup("INBOX");
	out = g_string_new(NULL);
	for (const char *p = folder; *p != '\0';) {
		const char *begin = p;

		while (*p != '\0' && !is_plain((guchar) *p))
			p++;
		if (p > begin)
			append_shifted(out, begin, (gsize) (p - begin));
		else if (*p == '&')
			g_string_append(out, "&-"), p++;
		else
			g_string_append_c(out, *p++);
	}
	return g_string_free(out, FALSE);
}

/* ---- from the server ----------------------------------------------------------------------- */

/* What stands between "&" and "-"; NULL if it is no base64 of whole UTF-16. */
static char *
unshift(const char *code, gsize size)
{
	g_autoptr(GString) padded = g_string_new_len(code, (gssize) size);
	g_autofree guchar *bytes = NULL;
	g_autofree gunichar2 *units = NULL;
	gsize n;

	g_strdelimit(padded->str, ",", '/');
	while (padded->len % 4 != 0)
		g_string_append_c(padded, '=');
	bytes = g_base64_decode(padded->str, &n);
	if (n < 2 || n % 2 != 0)
		return NULL;
	units = g_new(gunichar2, n / 2);
	for (gsize i = 0; i < n / 2; i++)
		units[i] = (gunichar2) (bytes[2 * i] << 8 | bytes[2 * i + 1]);
	return g_utf16_to_utf8(units, (glong) (n / 2), NULL, NULL, NULL);
}

char *
imap_name_shown(const char *name)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (const char *p = name; *p != '\0';) {
		const char *close = *p == '&' ? strchr(p, '-') : NULL;
		g_autofree char *text = NULL;

		if (!close) {
			g_string_append_c(out, *p++);
			continue;
		}
		text = close == p + 1 ? g_strdup("&") : unshift(p + 1, (gsize) (close - p - 1));
		if (!text)
			return g_utf8_make_valid(name, -1);
		g_string_append(out, text);
		p = close + 1;
	}
	return g_utf8_make_valid(out->str, (gssize) out->len);
}
