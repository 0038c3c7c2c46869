/* SPDX-License-Identifier: ISC
 *
 * What a person may write for a setting, how it is kept, and what is said about anything else.
 */
#include "model/model.h"

#define FPR "0123456789abcdef0123456789abcdef01234567"

/* path, text, value kept or NULL, what is said if refused */
#define NO_CAP(text) "\"" text "\" is no cap like \"20 per 1d\", or \"0\""

static const struct { const char *path, *text, *value, *error; } rows[] = {
	{ "mailboxes.0.poll", "30s", "30000", NULL },
	{ "mailboxes.0.poll", "5m", "300000", NULL },
	{ "mailboxes.0.poll", "1h", "3600000", NULL },
	{ "mailboxes.0.poll", "1d", "86400000", NULL },
	{ "mailboxes.0.poll", "4s", NULL, "4s is not within 5s..1d" },
	{ "mailboxes.0.poll", "2d", NULL, "2d is not within 5s..1d" },
	{ "mailboxes.0.poll", "0", NULL, "0 is not within 5s..1d" },
	{ "mailboxes.0.poll", "30", NULL,
	    "\"30\" is no time like \"30s\", \"5m\", \"72h\" or \"5d\"" },
	{ "mailboxes.0.poll", "30 s", NULL,
	    "\"30 s\" is no time like \"30s\", \"5m\", \"72h\" or \"5d\"" },
	{ "mailboxes.0.poll", "-30s", NULL,
	    "\"-30s\" is no time like \"30s\", \"5m\", \"72h\" or \"5d\"" },
	{ "mailboxes.0.poll", "", NULL, "\"\" is no time like \"30s\", \"5m\", \"72h\" or \"5d\"" },
	{ "mailboxes.0.poll", "forever", NULL,
	    "\"forever\" is no time like \"30s\", \"5m\", \"72h\" or \"5d\"" },
	{ "mailboxes.0.poll", "9999999999999999d", NULL,
	    "\"9999999999999999d\" is no time like \"30s\", \"5m\", \"72h\" or \"5d\"" },
	{ "mailboxes.0.adopt_since", "forever", "-1", NULL },
	{ "mailboxes.0.adopt_since", "0", "0", NULL },
	{ "mailboxes.0.adopt_since", "3651d", NULL, "3651d is not within 0..3650d|forever" },
	{ "policy.max_size", "40MB", "41943040", NULL },
	{ "policy.max_size", "64KB", "65536", NULL },
	{ "policy.max_size", "40MB", "41943040", NULL },
	{ "policy.max_size", "1GB", NULL, "1GB is not within 64KB..40MB" },
	{ "policy.max_size", "63KB", NULL, "63KB is not within 64KB..40MB" },
	{ "policy.max_size", "40mb", NULL, "\"40mb\" is no size like \"500KB\" or \"40MB\"" },
	{ "mailboxes.0.port", "993", "993", NULL },
	{ "mailboxes.0.port", "0", NULL, "0 is not within 1..65535" },
	{ "mailboxes.0.port", "-1", NULL, "-1 is not within 1..65535" },
	{ "mailboxes.0.port", "65536", NULL, "65536 is not within 1..65535" },
	{ "mailboxes.0.type", "maildir", "maildir", NULL },
	{ "mailboxes.0.type", "Maildir", NULL, "\"Maildir\" is none of imap|pop3|maildir" },
	{ "mailboxes.0.type", "imap|pop3", NULL, "\"imap|pop3\" is none of imap|pop3|maildir" },
	{ "mailboxes.0.path", "Maildir", "Maildir", NULL },
	{ "mailboxes.0.path", "", NULL, "\"\" is no path" },
	{ "mailboxes.0.path", "a\nb", NULL, "\"a\nb\" is no path" },
	{ "mailboxes.0.idle", "true", "true", NULL },
	{ "mailboxes.0.idle", "yes", NULL, "\"yes\" is neither true nor false" },
	{ "mailboxes.0.tls_pin", "sha256/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq=",
	    "sha256/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq=", NULL },
	{ "mailboxes.0.tls_pin", "sha1/AA", NULL,
	    "\"sha1/AA\" is no pin like sha256/ and 44 letters of base64" },
	{ "mailboxes.0.name", "main-2", "main-2", NULL },
	{ "mailboxes.0.name", "Main", NULL,
	    "\"Main\" is no id of letters a-z, digits, '.' and '-'" },
	{ "mailboxes.0.name", ".hidden", NULL,
	    "\".hidden\" is no id of letters a-z, digits, '.' and '-'" },
	{ "hotline.id", "NBH", "NBH", NULL },
	{ "hotline.id", "nbh", NULL, "\"nbh\" is no id of 1 to 12 letters A-Z and digits" },
	{ "hotline.id", "", NULL, "\"\" is no id of 1 to 12 letters A-Z and digits" },
	{ "hotline.name.vi", "Đội Ứng cứu", "Đội Ứng cứu", NULL },
	{ "hotline.name.vi", "two\nlines", NULL, "\"two\nlines\" is no one line of text" },
	{ "hotline.name.vi", "\xc4", NULL, "is not valid UTF-8" },
	{ "hotline.advice.vi", "two\nlines", "two\nlines", NULL },
	{ "hotline.address", "ungcuu@example.vn", "ungcuu@example.vn", NULL },
	{ "hotline.address", "ungcuu", NULL, "\"ungcuu\" is no address like ungcuu@example.vn" },
	{ "hotline.address", "a b@example.vn", NULL,
	    "\"a b@example.vn\" is no address like ungcuu@example.vn" },
	{ "hotline.address", "a@localhost", NULL,
	    "\"a@localhost\" is no address like ungcuu@example.vn" },
	{ "hotline.address", "a@b@example.vn", NULL,
	    "\"a@b@example.vn\" is no address like ungcuu@example.vn" },
	{ "hotline.address", "a..b@example.vn", NULL,
	    "\"a..b@example.vn\" is no address like ungcuu@example.vn" },
	{ "hotline.address", "a@example.vn\r\nBcc: x@example.org", NULL,
	    "\"a@example.vn\r\nBcc: x@example.org\" is no address like ungcuu@example.vn" },
	{ "hotline.reply_address", "ungcuu+%t@example.vn", "ungcuu+%t@example.vn", NULL },
	{ "hotline.reply_address", "ungcuu@example.vn", NULL,
	    "\"ungcuu@example.vn\" is no address with one %t before the @" },
	{ "hotline.reply_address", "%t+%t@example.vn", NULL,
	    "\"%t+%t@example.vn\" is no address with one %t before the @" },
	{ "hotline.portal", "https://example.vn/", "https://example.vn/", NULL },
	{ "hotline.portal", "http://example.vn/", NULL,
	    "\"http://example.vn/\" is no address that begins with https://" },
	{ "hotline.key", "", "", NULL },
	{ "hotline.key", FPR, "0123456789ABCDEF0123456789ABCDEF01234567", NULL },
	{ "hotline.key", "01234567", NULL, "\"01234567\" is no fingerprint of 40 hex digits" },
	{ "hotline.smime_key", FPR, NULL,
	    "\"" FPR "\" is no SHA-256 fingerprint of 64 hex digits" },
	{ "responders.0.keys.0", "", NULL, "\"\" is no fingerprint of 40 or 64 hex digits" },
	{ "responders.0.until", "2027-12-31", "2027-12-31", NULL },
	{ "responders.0.until", "2027-02-30", NULL, "\"2027-02-30\" is no date like 2027-12-31" },
	{ "responders.0.until", "31/12/2027", NULL, "\"31/12/2027\" is no date like 2027-12-31" },
	{ "responders.0.roles.0", "lead", "lead", NULL },
	{ "responders.0.roles.0", "boss", NULL, "\"boss\" is none of view|respond|lead|admin" },
	{ "hotline.ticket_format", "%i-%y-%06n", "%i-%y-%06n", NULL },
	{ "hotline.ticket_format", "%n", "%n", NULL },
	{ "hotline.ticket_format", "%i-%y", NULL, "\"%i-%y\" is no format of A-Z, digits, '-', "
	    "%i, %y and one %n or %06n" },
	{ "hotline.ticket_format", "%n%n", NULL, "\"%n%n\" is no format of A-Z, digits, '-', "
	    "%i, %y and one %n or %06n" },
	{ "hotline.ticket_format", "%s-%n", NULL, "\"%s-%n\" is no format of A-Z, digits, '-', "
	    "%i, %y and one %n or %06n" },
	{ "hotline.ticket_format", "%", NULL, "\"%\" is no format of A-Z, digits, '-', "
	    "%i, %y and one %n or %06n" },
	{ "hotline.ticket_format", "%0", NULL, "\"%0\" is no format of A-Z, digits, '-', "
	    "%i, %y and one %n or %06n" },
	{ "process.user", "ungcuu", "ungcuu", NULL },
	{ "process.user", "0", NULL, "\"0\" is no name of a system user" },
	{ "authserv_ids.0", "mx.example.vn", "mx.example.vn", NULL },
	{ "policy.fallback_charsets.0", "viscii", "viscii", NULL },
	{ "policy.fallback_charsets.0", "a b", NULL, "\"a b\" is no name of a charset" },
	{ "policy.cap_address", "20 per 1d", "20 per 1d", NULL },
	{ "policy.cap_total", "0", "0", NULL },
	{ "policy.cap_total", "5 per 30d", "5 per 30d", NULL },
	{ "policy.cap_total", "20", NULL, NO_CAP("20") },
	{ "policy.cap_total", "20 per", NULL, NO_CAP("20 per") },
	{ "policy.cap_total", "20 in 1d", NULL, NO_CAP("20 in 1d") },
	{ "policy.cap_total", "-1 per 1d", NULL, NO_CAP("-1 per 1d") },
	{ "policy.cap_total", "1 per 31d", NULL, NO_CAP("1 per 31d") },
	{ "policy.cap_total", "1 per 0", NULL, NO_CAP("1 per 0") },
	{ "policy.cap_total", "1 per 1d x", NULL, NO_CAP("1 per 1d x") },
	{ "policy.cap_total", "", NULL, NO_CAP("") },
};

static void
test_rows(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct option *row = option_find(rows[i].path);
		g_autoptr(GError) error = NULL;

		g_assert_nonnull(row);
		g_autofree char *value = option_accept(row, rows[i].text, &error);

		g_assert_cmpstr(value, ==, rows[i].value);
		g_assert_cmpstr(error == NULL ? NULL : error->message, ==, rows[i].error);
		if (error != NULL)
			g_assert_error(error, UNGCUU_ERROR, NEVER);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/option-accept/rows", test_rows);
	return g_test_run();
}
