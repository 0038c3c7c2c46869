/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/supervisor-helper.c: each request of the hub for a program of the site is
 * answered once, with its exit status and at most 16 KB of text.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "role/supervisor.h"

static struct supervisor sup;
static struct peer *hub;

static void
set_up(void)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	sup.hub = g_new0(struct slot, 1);
	sup.hub->peer = role_peer(pair[0], ROLE_SUPERVISOR, ROLE_HUB, "hub");
	hub = role_peer(pair[1], ROLE_HUB, ROLE_SUPERVISOR, "supervisor");
	sup.helpers = helper_list_new();
}

/* The loop of the supervisor, as far as it concerns one helper. */
static void
run_helpers(void)
{
	while (sup.helpers->len > 0) {
		int fd = helper_fd(sup.helpers->pdata[0]), status;
		struct pollfd readable = { .fd = fd, .events = POLLIN };

		if (fd >= 0)
			poll(&readable, 1, 10000);
		helper_work(&sup);
		if (sup.helpers->len == 0 || helper_fd(sup.helpers->pdata[0]) >= 0)
			continue;
		pid_t pid = waitpid(-1, &status, 0);
		g_assert_cmpint(pid, >, 0);
		helper_reaped(&sup, pid, status);
	}
}

static char *
ask(const char *name, const char *const *arguments, guint32 *status)
{
	g_auto(frame_auto) request = { 0 }, answer = { 0 };
	const char *asked;
	g_autofree const char **words = NULL;
	guint32 id = 0;
	char *text;

	g_assert_cmpint(peer_send(hub, VERB_HELPER, g_variant_new("(us^as)", 7, name, arguments),
		NULL, 0, NULL), ==, DONE);
	g_assert_cmpint(peer_receive(sup.hub->peer, &request, 1000, NULL), ==, RECEIVED);
	g_variant_get(request.body, "(u&s^a&s)", &id, &asked, &words);
	helper_start(&sup, id, asked, words);
	run_helpers();
	g_assert_cmpint(peer_receive(hub, &answer, 1000, NULL), ==, RECEIVED);
	g_assert_cmpint(answer.verb, ==, VERB_HELPED);
	g_variant_get(answer.body, "(uus)", &id, status, &text);
	g_assert_cmpuint(id, ==, 7);
	return text;
}

static void
check(const char *const *command, const char *argument, guint32 expected, const char *output)
{
	const char *const arguments[] = { argument, NULL };
	guint32 status = 0;

	sup.options = options_new();
	for (guint i = 0; command[i]; i++) {
		g_autofree char *path = g_strdup_printf("alarm.command.%u", i);

		options_set(sup.options, path, command[i]);
	}
	g_autofree char *text = ask("alarm", arguments, &status);
	g_assert_cmpuint(status, ==, expected);
	if (output)
		g_assert_cmpstr(text, ==, output);
	else
		g_assert_cmpuint(strlen(text), ==, 16384);
	options_free(sup.options);
}

static void
test_rows(void)
{
	static const struct {
		const char *command[4];
		guint32 status;
		const char *output;
	} rows[] = {
		{ { "/bin/echo", "late", NULL }, 0, "late T-1; $(id)\n" },
		{ { "/bin/false", NULL }, 1, "" },
		/* both outputs are taken, the argument is one word */
		{ { "/bin/sh", "-c", "echo \"$0\"; echo err >&2; exit 2", NULL }, 2,
			"T-1; $(id)\nerr\n" },
		{ { "/no/such/helper", NULL }, 71, "" },
		{ { NULL }, 127, "not configured" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		check(rows[i].command, "T-1; $(id)", rows[i].status, rows[i].output);
	const char *const much[] = { "/usr/bin/seq", NULL };
	check(much, "100000", 0, NULL);
}

static void
test_unknown_name(void)
{
	const char *const none[] = { NULL };
	guint32 status;

	sup.options = options_new();
	options_set(sup.options, "alarm.command.0", "/bin/true");
	g_autofree char *text = ask("alarm.command", none, &status);
	g_assert_cmpuint(status, ==, 127);
	options_free(sup.options);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	set_up();
	g_test_add_func("/helper/rows", test_rows);
	g_test_add_func("/helper/unknown-name", test_unknown_name);
	return g_test_run();
}
