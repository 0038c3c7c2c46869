/* SPDX-License-Identifier: ISC
 *
 * No string of ours is a second command to a server: whatever goes into a protocol line and holds
 * CR, LF or another control character is refused before a connection is made.  A server listens,
 * and must not be called.  (Folder names: test-imap-name.c.)
 */
#include "transport/smtp.h"
#include "transport/source.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const controls[] = { "\r", "\n", "\r\nA1 LOGOUT", "\001", "\177", "\t" };

static int listener;
static guint port;
static const char *token;

static const char *
get_token(bool was_refused, GError **error)
{
	(void) was_refused;
	(void) error;
	return token;
}

static void
set_up(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(listener, (struct sockaddr *) &address, size), ==, 0);
	g_assert_cmpint(listen(listener, 8), ==, 0);
	g_assert_cmpint(getsockname(listener, (struct sockaddr *) &address, &size), ==, 0);
	port = ntohs(address.sin_port);
}

static bool
was_called(void)
{
	struct pollfd caller = { .fd = listener, .events = POLLIN };

	return poll(&caller, 1, 0) > 0;
}

/* Which text of the settings has the control character; the last four are those of one mail. */
enum which { HOST, USER, PASSWORD, TOKEN, DONE_FOLDER, FROM, TO, NAME };
static const struct { enum which which; const char *name, *good; bool imap, smtp; } texts[] = {
	{ HOST,        "host",        "127.0.0.1", true,  true },
	{ USER,        "user",        "user",      true,  true },
	{ PASSWORD,    "password",    "secret",    true,  true },
	{ TOKEN,       "token",       "token",     true,  true },
	{ DONE_FOLDER, "done folder", "Done",      true,  false },
	{ FROM,        "from",        "a@b.example", false, true },
	{ TO,          "to",          "c@d.example", false, true },
};

static const char *values[NAME];

static struct server_settings
server(enum which which)
{
	token = values[TOKEN];
	return (struct server_settings) { .host = values[HOST], .port = port,
		.tls = "none-loopback-only", .user = values[USER],
		.password = which == TOKEN ? NULL : values[PASSWORD], .token = get_token,
		.patience = 1 };
}

static enum outcome
try_imap(enum which which, GError **error)
{
	const struct source_settings settings = { .type = "imap",
		.done_folder = values[DONE_FOLDER], .server = server(which) };
	struct source *source;
	enum outcome how = source_open(&settings, &source, error);

	source_close(source);
	return how;
}

static enum outcome
try_smtp(enum which which, GError **error)
{
	const struct server_settings settings = server(which);
	struct smtp *smtp = smtp_new(&settings, 1);
	const struct parcel parcel = { "name", values[FROM], values[TO] };
	g_autoptr(GBytes) mail = g_bytes_new_static("A: b\r\n\r\nc\r\n", 11);
	guint code;
	enum outcome how = smtp_send(smtp, &parcel, mail, &code, error);

	smtp_free(smtp);
	return how;
}

static void
try_one(guint row, const char *control, enum outcome (*try)(enum which, GError **))
{
	g_autofree char *bad = g_strdup_printf("%.1s%s%s", texts[row].good, control,
		texts[row].good + 1);
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		values[texts[i].which] = texts[i].good;
	values[texts[row].which] = bad;
	g_test_message("%s %s", texts[row].name, bad);
	g_assert_cmpint(try(texts[row].which, &error), !=, DONE);
	g_assert_nonnull(error);
	g_test_message("%s", error->message);
	g_assert_null(strstr(error->message, control));
	g_assert_false(was_called());
}

static void
test_refused(void)
{
	for (guint row = 0; row < G_N_ELEMENTS(texts); row++)
		for (guint i = 0; i < G_N_ELEMENTS(controls); i++) {
			if (texts[row].imap)
				try_one(row, controls[i], try_imap);
			if (texts[row].smtp)
				try_one(row, controls[i], try_smtp);
		}
}

/* The same without a control character does call: the test above would see it. */
static void
test_called(void)
{
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
		values[texts[i].which] = texts[i].good;
	g_assert_cmpint(try_imap(TOKEN, &error), ==, LATER);
	g_assert_true(was_called());
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	set_up();
	g_test_add_func("/strings/refused", test_refused);
	g_test_add_func("/strings/called", test_called);
	return g_test_run();
}
