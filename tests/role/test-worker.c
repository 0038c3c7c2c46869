/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/worker.c: a worker of ours in a child process, a fake hub at the other
 * end.  How it ends is the contract: 0 when the hub is gone or SIGTERM came, 70 on a broken rule,
 * 78 on a bad slice.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "role/role.h"

static bool
configure(const struct options *options, GError **error)
{
	if (g_strcmp0(options_text(options, "submission.path"), "/bad") != 0)
		return true;
	fail(error, NEVER, "bad");
	return false;
}

static void
serve(struct peer *hub, struct frame *frame)
{
	g_assert_cmpint(frame->verb, ==, VERB_CHECK);
	const char *const lines[] = { "ok: here:", NULL };
	g_assert_cmpint(peer_send(hub, VERB_CHECKED, g_variant_new("(^as)", lines), NULL, 0, NULL),
		==, DONE);
}

/* A worker under --no-jail; our end of its socket as the hub's. */
static pid_t
start(int *fd)
{
	static const struct worker worker = {
		.role = ROLE_SUBMIT, .configure = configure, .serve = serve
	};
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	pid_t pid = fork();
	if (pid == 0) {
		char number[16];
		char *argv[] = { "worker", number, "--no-jail", "--verbose", "0", NULL };

		close(pair[0]);
		dup2(open("/dev/null", O_WRONLY), 2);
		g_snprintf(number, sizeof number, "%d", pair[1]);
		_exit(worker_main(&worker, 5, argv));
	}
	close(pair[1]);
	*fd = pair[0];
	return pid;
}

static int
end_of(pid_t pid)
{
	int status;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct peer *
start_hub(pid_t *pid)
{
	int fd;

	*pid = start(&fd);
	return role_peer(fd, ROLE_HUB, ROLE_SUBMIT, "submit");
}

/* It hangs up by itself, without an answer; and so ends. */
static void
expect_refusal(struct peer *hub, pid_t pid, int exit_code)
{
	g_auto(frame_auto) frame = { 0 };

	g_assert_cmpint(peer_receive(hub, &frame, 10000, NULL), ==, PEER_GONE);
	peer_free(hub);
	g_assert_cmpint(end_of(pid), ==, exit_code);
}

static void
send_slice(struct peer *hub, const char *path)
{
	struct options *options = options_new();

	options_set(options, "submission.path", path);
	struct options *slice = options_slice(options, ROLE_SUBMIT);
	g_assert_true(role_send_slice(hub, slice, NULL));
	options_free(slice);
	options_free(options);
}

static void
expect(struct peer *hub, int verb)
{
	g_auto(frame_auto) frame = { 0 };

	g_assert_cmpint(peer_receive(hub, &frame, 10000, NULL), ==, RECEIVED);
	g_assert_cmpint(frame.verb, ==, verb);
}

static void
test_serves(void)
{
	pid_t pid;
	struct peer *hub = start_hub(&pid);

	send_slice(hub, "/good");
	expect(hub, VERB_READY);
	for (int i = 0; i < 2; i++) {
		g_assert_cmpint(
			peer_send(hub, VERB_CHECK, g_variant_new("()"), NULL, 0, NULL), ==, DONE);
		expect(hub, VERB_CHECKED);
	}
	peer_free(hub);
	g_assert_cmpint(end_of(pid), ==, 0);
}

static void
test_ends_on_sigterm(void)
{
	pid_t pid;
	struct peer *hub = start_hub(&pid);

	send_slice(hub, "/good");
	expect(hub, VERB_READY);
	kill(pid, SIGTERM);
	g_assert_cmpint(end_of(pid), ==, 0);
	peer_free(hub);
}

static void
test_bad_slice(void)
{
	pid_t pid;
	struct peer *hub = start_hub(&pid);

	send_slice(hub, "/bad");
	expect_refusal(hub, pid, 78);
}

static void
test_out_of_turn(void)
{
	pid_t pid;
	struct peer *hub = start_hub(&pid);

	g_assert_cmpint(peer_send(hub, VERB_CHECK, g_variant_new("()"), NULL, 0, NULL), ==, DONE);
	expect_refusal(hub, pid, 70);
}

/* A slice whose memfd is not frozen, not of the size announced, or not what it should be. */
static void
test_forged_slices(void)
{
	static const struct { const char *bytes; guint64 size; bool frozen; } rows[] = {
		{ "", 0, false }, { "garbage", 7, true }, { "garbage", 8, true }, { "", 1, true },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		pid_t pid;
		struct peer *hub = start_hub(&pid);
		int fd = memfd_new("slice");

		g_assert_true(write_all(fd, rows[i].bytes, strlen(rows[i].bytes)));
		if (rows[i].frozen)
			g_assert_cmpint(memfd_freeze(fd, NULL), ==, DONE);
		g_assert_cmpint(peer_send(hub, VERB_SLICE, g_variant_new("(t)", rows[i].size), &fd,
					1, NULL),
			==, DONE);
		close(fd);
		expect_refusal(hub, pid, 70);
	}
}

static void
test_junk(void)
{
	static const char *const rows[] = { "x", "\xff\xff\xff\xff", "no frame at all" };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		int fd;
		pid_t pid = start(&fd);

		g_assert_cmpint(send(fd, rows[i], strlen(rows[i]), MSG_NOSIGNAL), >, 0);
		g_assert_cmpint(end_of(pid), ==, 70);
		close(fd);
	}
}

static void
test_arguments(void)
{
	static const char *const rows[][4] = {
		{ "worker", NULL }, { "worker", "x", NULL }, { "worker", "-1", NULL },
		{ "worker", "3", "--unknown", NULL }, { "worker", "3", "--uid", NULL },
		{ "worker", "3", "--uid", "root" },
	};
	static const struct worker worker = { .role = ROLE_SUBMIT, .serve = serve };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			char *argv[5] = { NULL };
			int argc = 0;

			while (argc < 4 && rows[i][argc]) {
				argv[argc] = (char *)(gpointer)rows[i][argc];
				argc++;
			}
			dup2(open("/dev/null", O_WRONLY), 2);
			_exit(worker_main(&worker, argc, argv));
		}
		g_assert_cmpint(end_of(pid), ==, 64);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/serves", test_serves);
	g_test_add_func("/worker/ends-on-sigterm", test_ends_on_sigterm);
	g_test_add_func("/worker/bad-slice", test_bad_slice);
	g_test_add_func("/worker/out-of-turn", test_out_of_turn);
	g_test_add_func("/worker/forged-slices", test_forged_slices);
	g_test_add_func("/worker/junk", test_junk);
	g_test_add_func("/worker/arguments", test_arguments);
	return g_test_run();
}
