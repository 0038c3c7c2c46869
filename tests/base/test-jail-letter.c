/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/jail-filter.c and jail_letter(): a forked child of a jailed zygote holds a
 * letter and tries one thing; the row says what must come of it.
 */
#include "jail-child.h"

/* ---- a letter ------------------------------------------------------------------------ */

static int letter_memfd = -1;		/* frozen, "hello" */
static int letter_out = -1;		/* empty, to be written */
static int letter_socket[2];
static pid_t test_pid;			/* somebody else's, of the same uid */

static int try_stat(void) { struct stat s; return result(stat("/", &s)); }
static int try_access(void) { return result(access("/", R_OK)); }
static int try_readlink(void) { char b[9]; return result(readlink("/etc/localtime", b, sizeof b)); }
static int try_memfd(void) { return result(memfd_create("x", 0)); }
static int try_kill(void) { return result(kill(test_pid, 0)); }
static int try_kill_other(void) { return result(syscall(SYS_tgkill, test_pid, test_pid, 0)); }
static int try_setfl(void) { return result(fcntl(letter_memfd, F_SETFL, O_NONBLOCK)); }
static int try_connect(void) { return result(connect(letter_socket[0], NULL, 0)); }
static int try_prctl(void) { return result(prctl(PR_GET_DUMPABLE)); }
static int try_setrlimit(void) { return result(setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 1 })); }
static int try_unlink(void) { return result(unlink("/nonexistent")); }
static int try_dup(void) { return result(dup(0)); }
static int try_ioctl(void) { int n; return result(ioctl(letter_socket[0], FIONREAD, &n)); }

static int
try_abort(void)
{
	abort();	/* what a failed assertion of a library does */
}

static int
try_panic(void)
{
	panic("a broken invariant");
}

static int
try_fatal(void)
{
	fatal(70, "and all that runs at exit");
}

static int
try_alarm(void)
{
	/* as if the time were over; the parent had it blocked and ignored */
	return result(syscall(SYS_tgkill, getpid(), getpid(), SIGALRM));
}

static int
try_code(void)
{
	return result((long)(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
				     -1, 0) == MAP_FAILED
				     ? -1
				     : 0));
}

static int
try_make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int
try_glib_memory(void)
{
	g_free(g_malloc((gsize)1 << 40));
	return 0;
}

static int
try_too_much(void)
{
	g_autofree char *data = g_malloc0(1 << 20);

	for (int i = 0; i < 300; i++)
		if (!write_all(letter_out, data, 1 << 20))
			return errno;
	return 0;
}

/* All that a letter's process does in its good life, but the parsing. */
static int
try_work(void)
{
	static const struct verb verbs[] = {
		{ "parse", 1, 2, "(b)", 64, 1, -1 }, { "parsed", 2, 1, "(us)", 64, 0, 0 },
	};
	struct peer *hub = peer_new(letter_socket[1], 2, 1, "hub", verbs, 2);
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	guint8 digest[DIGEST_SIZE], noise[8];

	if (peer_receive(hub, &frame, 5000, &error) != RECEIVED)
		return 1;
	g_autoptr(GBytes) raw = memfd_map(frame.fds[0], 100, &error);
	if (!raw || g_bytes_get_size(raw) != 5)
		return 2;
	for (gsize n = 1; n < 50000000; n *= 3)	/* by brk, by mmap, grown, given back */
		g_free(g_realloc(g_malloc0(n), 2 * n));
	digest_bytes("x", 1, digest);
	random_bytes(noise, sizeof noise);
	if (!write_all(letter_out, digest, sizeof digest))
		return 3;
	log_event(5, "worked", "bytes=%d", 5);
	(void)clock_now();
	return peer_send(hub, 1, g_variant_new("(us)", 0, ""), NULL, 0, &error) == DONE ? 0 : 4;
}

static const struct letter_row {
	const char *name;
	int (*attempt)(void);
	const char *expected;
} letter_rows[] = {
	{ "work", try_work, "exit 0" },
	{ "open", try_open_readable, "exit 2" }, /* ENOENT */
	{ "stat", try_stat, "exit 2" },
	{ "access", try_access, "exit 2" },
	{ "readlink", try_readlink, "exit 2" },
	{ "socket", try_inet, "signal 31" }, /* SIGSYS */
	{ "unix socket", try_unix, "signal 31" },
	{ "pair", try_pair, "signal 31" },
	{ "connect", try_connect, "signal 31" },
	{ "fork", try_fork, "signal 31" },
	{ "thread", try_thread, "signal 31" },
	{ "clone3", try_clone3, "signal 31" },
	{ "exec", try_exec, "signal 31" },
	{ "memfd", try_memfd, "signal 31" },
	{ "kill", try_kill, "signal 31" },
	{ "kill by tgkill", try_kill_other, "signal 31" },
	{ "fcntl set", try_setfl, "signal 31" },
	{ "prctl", try_prctl, "signal 31" },
	{ "limits", try_setrlimit, "signal 31" },
	{ "unlink", try_unlink, "signal 31" },
	{ "dup", try_dup, "signal 31" },
	{ "ioctl", try_ioctl, "signal 31" },
	{ "ptrace", try_ptrace, "signal 31" },
	{ "executable pages", try_code, "signal 31" },
	{ "made executable", try_make_code, "signal 31" },
	{ "abort", try_abort, "signal 6" },
	{ "panic", try_panic, "signal 6" },
	{ "fatal", try_fatal, "exit 70" },
	{ "alarm", try_alarm, "signal 14" },
	{ "writes", try_too_much, "exit 27" }, /* EFBIG */
	{ "memory", try_memory, "exit 12" },   /* ENOMEM; this and the next: RLIMIT_AS */
	{ "memory of GLib", try_glib_memory, "signal 6" },
};

static int
run_letter(const void *data)
{
	const struct letter_row *row = data;
	sigset_t set;

	/* as little as a test may leave of GTest's ways */
	g_log_set_default_handler(g_log_default_handler, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGALRM, SIG_IGN);
	enter(JAIL_FORK, false);
	jail_letter_prepare();
	pid_t pid = fork();
	if (pid == 0) {
		jail_letter(60, 10, 256 << 20);
		_exit(row->attempt());
	}
	int status = 0;
	waitpid(pid, &status, 0);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return 128 + WTERMSIG(status);
}

static void
test_letter(gconstpointer data)
{
	static const struct verb verbs[] = {
		{ "parse", 1, 2, "(b)", 64, 1, -1 }, { "parsed", 2, 1, "(us)", 64, 0, 0 },
	};
	const struct letter_row *row = data;
	g_autoptr(GBytes) bytes = g_bytes_new_static("hello", 5);
	g_autofree char *expected = g_str_has_prefix(row->expected, "signal ") ?
		g_strdup_printf("exit %d", 128 + atoi(row->expected + 7)) : g_strdup(row->expected);

	if (SANITIZED) {
		g_test_skip("a sanitizer makes system calls of its own");
		return;
	}
	letter_memfd = memfd_from_bytes(bytes);
	letter_out = memfd_new("out");
	g_assert_cmpint(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, letter_socket), ==, 0);
	struct peer *peer = peer_new(letter_socket[0], 1, 2, "letter", verbs, 2);
	g_assert_cmpint(
		peer_send(peer, 0, g_variant_new("(b)", TRUE), &letter_memfd, 1, NULL), ==, DONE);
	g_autofree char *log = NULL, *end = child_run(run_letter, row, &log);
	g_test_message("%s", log);
	g_assert_cmpstr(end, ==, expected);
	if (row->attempt == try_work) {
		g_auto(frame_auto) answer = { 0 };

		g_assert_cmpint(peer_receive(peer, &answer, 0, NULL), ==, RECEIVED);
		g_assert_nonnull(strstr(log, "event=worked bytes=5 role=letter"));
	}
	if (row->attempt == try_panic)
		g_assert_nonnull(strstr(log, "event=backtrace frame="));
	peer_free(peer);
	close(letter_socket[1]);
	close(letter_memfd);
	close(letter_out);
}

static int
run_absent_letter(const void *unused)
{
	struct rlimit cpu, files;
	int signal_number = 0;

	(void)unused;
	enter(JAIL_FORK, true);
	jail_letter_prepare();
	prctl(PR_SET_PDEATHSIG, 0);	/* as fork() leaves it */
	jail_letter(60, 10, 256 << 20);
	getrlimit(RLIMIT_CPU, &cpu);
	getrlimit(RLIMIT_FSIZE, &files);
	prctl(PR_GET_PDEATHSIG, &signal_number);
	if (alarm(0) < 59 || cpu.rlim_cur != 10 || cpu.rlim_max != 11 ||
		files.rlim_max != 256 << 20)
		return 1;
	return signal_number == SIGKILL ? try_inet() : 2;
}

static void
test_absent_letter(void)
{
	g_autofree char *end = child_run(run_absent_letter, NULL, NULL);

	g_assert_cmpstr(end, ==, "exit 0");
}

static int
run_unprepared(const void *unused)
{
	(void)unused;
	enter(JAIL_FORK, false);
	jail_letter(60, 10, 256 << 20);
	return 0;
}

static void
test_unprepared(void)
{
	g_autofree char *end = child_run(run_unprepared, NULL, NULL);

	g_assert_cmpstr(end, ==, "signal 6");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();	/* a broken filter breaks many rows: show all */
	test_pid = getpid();
	make_files();
	for (gsize i = 0; i < G_N_ELEMENTS(letter_rows); i++) {
		g_autofree char *path = g_strconcat("/jail/letter/", letter_rows[i].name, NULL);

		g_test_add_data_func(path, &letter_rows[i], test_letter);
	}
	g_test_add_func("/jail/absent-letter", test_absent_letter);
	g_test_add_func("/jail/unprepared", test_unprepared);
	int status = g_test_run();
	remove_files();
	return status;
}
