/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/jail.c and jail-filter.c: one forked child enters a jail and tries one
 * thing; the row says what must come of it.  Rows of a kernel feature that is not there are
 * reported as skipped.
 */
#include "jail-child.h"

#include <sys/personality.h>

#define HIGH (1ULL << 32)	/* above what the kernel looks at in an int */
#define EVERYTHING (JAIL_FORK | JAIL_EXEC | JAIL_UNIX | JAIL_INET)
#define PROGRAM (JAIL_FORK | JAIL_EXEC)

static bool
landlock_is_there(void)
{
	const struct jail_feature *feature = jail_features();

	while (strcmp(feature->name, "landlock") != 0)
		feature++;
	return feature->there;
}

/* ---- what a role may do -------------------------------------------------------------- */

static int try_inet6(void) { return result(socket(AF_INET6, SOCK_DGRAM, 0)); }
static int try_netlink(void) { return result(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int try_packet(void) { return result(socket(AF_PACKET, SOCK_RAW, 0)); }
static int try_vsock(void) { return result(socket(AF_VSOCK, SOCK_STREAM, 0)); }
static int try_no_family(void) { return result(socket(AF_UNSPEC, SOCK_STREAM, 0)); }
static int try_negative(void) { return result(socket(-1, SOCK_STREAM, 0)); }
static int
try_high_inet(void)
{
	return result(syscall(SYS_socket, HIGH | AF_INET, SOCK_STREAM, 0));
}
static int
try_high_netlink(void)
{
	return result(syscall(SYS_socket, HIGH | AF_NETLINK, SOCK_RAW, 0));
}

static int
try_namespace(void)
{
	return result(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int try_unshare(void) { return result(unshare(CLONE_NEWUSER)); }
static int try_setns(void) { return result(setns(-1, 0)); }
static int
try_vm_read(void)
{
	return result(syscall(SYS_process_vm_readv, getpid(), 0, 0, 0, 0, 0));
}
static int try_mount(void) { return result(syscall(SYS_mount, NULL, NULL, NULL, 0, 0)); }
static int try_chroot(void) { return result(chroot("/")); }
static int try_bpf(void) { return result(syscall(SYS_bpf, 0, 0, 0)); }
static int try_perf(void) { return result(syscall(SYS_perf_event_open, 0, 0, 0, 0, 0)); }
static int try_uring(void) { return result(syscall(SYS_io_uring_setup, 1, 0)); }
static int try_keyctl(void) { return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }
static int try_userfaultfd(void) { return result(syscall(SYS_userfaultfd, 0)); }
static int try_handle(void) { return result(syscall(SYS_open_by_handle_at, -1, NULL, 0)); }
static int try_module(void) { return result(syscall(SYS_init_module, NULL, 0, "")); }
static int try_reboot(void) { return result(syscall(SYS_reboot, 0, 0, 0, 0)); }
static int try_personality(void) { return result(personality(ADDR_NO_RANDOMIZE)); }
static int try_typing(void) { return result(ioctl(0, TIOCSTI, "x")); }
static int try_high_typing(void) { return result(syscall(SYS_ioctl, 0, HIGH | TIOCSTI, "x")); }

static int
try_exec_hidden(void)
{
	char *const argv[] = { hidden, NULL };

	execv(hidden, argv);
	return errno;
}

static int try_open_hidden(void) { return result(open(hidden, O_RDONLY)); }
static int try_write_readable(void) { return result(open(readable, O_WRONLY)); }
static int try_list_root(void) { return result(open("/", O_RDONLY | O_DIRECTORY)); }

static int
try_write(void)
{
	g_autofree char *path = g_build_filename(folder, "written", NULL);

	return (int)file_write_durable(path, "x", 1, 0600, NULL);
}

static int
try_symlink(void)
{
	g_autofree char *path = g_build_filename(folder, "symlink", NULL);

	return result(symlink("/etc", path)) != 0 ? EPERM : 0;	/* by filter or by Landlock */
}

/* What store/blob.c does, as an ordinary user, not dumpable, into the folder and into one below
 * it. */
static int
try_link(void)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0 || prctl(PR_GET_DUMPABLE) != 0)
		return 1;
	if (file_link(fd, dir, "linked") != 0 || mkdirat(dir, "below", 0700) != 0)
		return errno;
	int below = openat(dir, "below", O_RDONLY | O_DIRECTORY);
	fd = openat(dir, ".", O_TMPFILE | O_RDWR, 0600);
	return result(file_link(fd, below, "linked"));
}

/* What jail_enter() promises without being asked. */
static int
try_state(void)
{
	struct rlimit core, files, cpu;
	int signal_number = 0;

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CPU, &cpu);
	prctl(PR_GET_PDEATHSIG, &signal_number);
	if (core.rlim_max != 0 || files.rlim_max != 256 || cpu.rlim_cur != 30 || cpu.rlim_max != 31)
		return 1;
	if (prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 2;
	if (signal_number != SIGKILL)
		return 3;
	if (nobody >= 0 && (getuid() != nobody || geteuid() != nobody || getegid() != nobody ||
	    getgroups(0, NULL) != 0))
		return 4;
	return 0;
}

static int
try_root(void)
{
	return nobody < 0 || setuid(0) < 0 ? 0 : 1;
}

enum { LANDLOCK = 1, USER = 2, LIMITS = 4 };
static const struct row {
	const char *name;
	unsigned allow;
	int (*attempt)(void);
	int expected;		/* errno, 0: it works */
	unsigned when; /* LANDLOCK: only with it; USER: as an ordinary user also if we are root,
				 * who must be refused by the jail where a user is refused anyway;
				 * LIMITS: not under a sanitizer, whose shadow is larger than any */
} rows[] = {
	{ "inet",                        0,          try_inet,         EAFNOSUPPORT, 0 },
	{ "inet, unix allowed",          JAIL_UNIX,  try_inet,         EAFNOSUPPORT, 0 },
	{ "inet, programs",              PROGRAM | JAIL_UNIX, try_inet, EAFNOSUPPORT, 0 },
	{ "inet, allowed",               JAIL_INET,  try_inet,         0, 0 },
	{ "inet6, allowed",              JAIL_INET,  try_inet6,        0, 0 },
	{ "inet, allowed with programs", EVERYTHING, try_inet,         0, 0 },
	{ "inet6",                       0,          try_inet6,        EAFNOSUPPORT, 0 },
	{ "unix",                        0,          try_unix,         EAFNOSUPPORT, 0 },
	{ "unix, inet allowed",          JAIL_INET,  try_unix,         EAFNOSUPPORT, 0 },
	{ "unix, allowed",               JAIL_UNIX,  try_unix,         0, 0 },
	{ "pair",                        0,          try_pair,         EAFNOSUPPORT, 0 },
	{ "pair, programs",              PROGRAM,    try_pair,         EAFNOSUPPORT, 0 },
	{ "pair, allowed",               JAIL_UNIX,  try_pair,         0, 0 },
	{ "netlink",                     EVERYTHING, try_netlink,      EAFNOSUPPORT, 0 },
	{ "packet",                      EVERYTHING, try_packet,       EAFNOSUPPORT, 0 },
	{ "vsock",                       EVERYTHING, try_vsock,        EAFNOSUPPORT, 0 },
	{ "no family",                   EVERYTHING, try_no_family,    EAFNOSUPPORT, 0 },
	{ "negative family",             EVERYTHING, try_negative,     EAFNOSUPPORT, 0 },
	{ "inet, high half",             PROGRAM,    try_high_inet,    EAFNOSUPPORT, 0 },
	{ "netlink, high half",          EVERYTHING, try_high_netlink, EAFNOSUPPORT, 0 },
	{ "fork",                        JAIL_UNIX,  try_fork,         EPERM, 0 },
	{ "fork, allowed",               JAIL_FORK,  try_fork,         0, 0 },
	{ "fork, programs",              PROGRAM,    try_fork,         0, 0 },
	{ "thread",                      0,          try_thread,       0, 0 },
	{ "thread, fork allowed",        JAIL_FORK,  try_thread,       0, 0 },
	{ "namespace",                   0,          try_namespace,    EPERM, 0 },
	{ "namespace, fork allowed",     JAIL_FORK,  try_namespace,    EPERM, 0 },
	{ "namespace, programs",         EVERYTHING, try_namespace,    EPERM, 0 },
	{ "clone3",                      JAIL_FORK,  try_clone3,       ENOSYS, 0 },
	{ "clone3, programs",            EVERYTHING, try_clone3,       ENOSYS, 0 },
	{ "unshare",                     0,          try_unshare,      EPERM, 0 },
	{ "unshare, programs",           EVERYTHING, try_unshare,      EPERM, 0 },
	{ "setns, programs",             EVERYTHING, try_setns,        EPERM, 0 },
	{ "ptrace",                      0,          try_ptrace,       EPERM, 0 },
	{ "ptrace, programs",            EVERYTHING, try_ptrace,       EPERM, 0 },
	{ "another's memory, programs",  EVERYTHING, try_vm_read,      EPERM, 0 },
	{ "mount, programs",             EVERYTHING, try_mount,        EPERM, 0 },
	{ "chroot, programs",            EVERYTHING, try_chroot,       EPERM, 0 },
	{ "bpf, programs",               EVERYTHING, try_bpf,          EPERM, 0 },
	{ "perf, programs",              EVERYTHING, try_perf,         EPERM, 0 },
	{ "io_uring",                    0,          try_uring,        EPERM, 0 },
	{ "io_uring, programs",          EVERYTHING, try_uring,        EPERM, 0 },
	{ "kernel keys, programs",       EVERYTHING, try_keyctl,       EPERM, 0 },
	{ "userfaultfd, programs",       EVERYTHING, try_userfaultfd,  EPERM, 0 },
	{ "file handles, programs",      EVERYTHING, try_handle,       EPERM, 0 },
	{ "module, programs",            EVERYTHING, try_module,       EPERM, 0 },
	{ "reboot, programs",            EVERYTHING, try_reboot,       EPERM, 0 },
	{ "personality",                 0,          try_personality,  EPERM, 0 },
	{ "personality, programs",       EVERYTHING, try_personality,  EPERM, 0 },
	{ "typing",                      0,          try_typing,       EPERM, 0 },
	{ "typing, programs",            EVERYTHING, try_typing,       EPERM, 0 },
	{ "typing, high half",           EVERYTHING, try_high_typing,  EPERM, 0 },
	{ "exec",                        JAIL_FORK,  try_exec,         EPERM, 0 },
	{ "exec, allowed",               EVERYTHING, try_exec,         0, 0 },
	{ "exec of what is hidden",      EVERYTHING, try_exec_hidden,  EACCES, LANDLOCK },
	{ "open of what is hidden",      0,          try_open_hidden,  EACCES, LANDLOCK },
	{ "open of what is hidden, programs", EVERYTHING, try_open_hidden, EACCES, LANDLOCK },
	{ "open of what may be read",    0,          try_open_readable, 0, 0 },
	{ "write of what may be read",   0,          try_write_readable, EACCES, LANDLOCK },
	{ "list of the root",            0,          try_list_root,    EACCES, LANDLOCK },
	{ "write",                       0,          try_write,        0, USER },
	{ "symbolic link",               0,          try_symlink,      EPERM, LANDLOCK },
	{ "symbolic link, programs",     EVERYTHING, try_symlink,      EPERM, LANDLOCK },
	{ "link of a nameless file",     JAIL_UNIX,  try_link,         0, USER },
	{ "state",                       0,          try_state,        0, USER },
	{ "state, ids as they were",     0,          try_state,        0, 0 },
	{ "state, programs",             EVERYTHING, try_state,        0, USER },
	{ "root again",                  0,          try_root,         0, USER },
	{ "root again, programs",        EVERYTHING, try_root,         0, USER },
	{ "memory",                      0,          try_memory,       ENOMEM, LIMITS },
};

static int
run_row(const void *data)
{
	const struct row *row = data;

	if (!(row->when & USER))
		nobody = -1;
	enter(row->allow, false);
	return row->attempt();
}

static void
test_row(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *expected = g_strdup_printf("exit %d", row->expected);

	if ((row->when & LANDLOCK) && !landlock_is_there()) {
		g_test_skip("this kernel has no Landlock");
		return;
	}
	if ((row->when & LIMITS) && SANITIZED) {
		g_test_skip("a sanitizer is not limited");
		return;
	}
	g_autofree char *end = child_run(run_row, row, NULL);
	g_assert_cmpstr(end, ==, expected);
}

/* ---- the rest ------------------------------------------------------------------------ */

static gpointer
thread_waits(gpointer data)
{
	for (;;)
		pause();
	return data;
}

static int
run_threaded(const void *unused)
{
	(void)unused;
	g_thread_unref(g_thread_new("test", thread_waits, NULL));
	enter(0, false);
	return 0;
}

static void
test_threaded(void)
{
	g_autofree char *log = NULL, *end = child_run(run_threaded, NULL, &log);

	g_assert_cmpstr(end, ==, "signal 6");
	g_assert_nonnull(strstr(log, "entered with 2 threads"));
}

static int
run_absent(const void *unused)
{
	struct rlimit core;
	int signal_number = 0;

	(void)unused;
	enter(0, true);
	getrlimit(RLIMIT_CORE, &core);
	prctl(PR_GET_PDEATHSIG, &signal_number);
	if (try_inet() != 0 || try_fork() != 0 || try_open_hidden() != 0)
		return 1;
	if (core.rlim_max != 0 || signal_number != SIGKILL || prctl(PR_GET_DUMPABLE) != 0)
		return 2;
	return nobody >= 0 && getuid() != nobody ? 3 : 0;
}

/* --no-jail: the tests of the jail would see its absence. */
static void
test_absent(void)
{
	g_autofree char *log = NULL, *end = child_run(run_absent, NULL, &log);

	g_assert_cmpstr(end, ==, "exit 0");
	g_assert_nonnull(strstr(log, "event=jail-absent"));
}

static char *
network_of(void)
{
	return g_file_read_link("/proc/self/ns/net", NULL);
}

static int
run_network(const void *data)
{
	g_autofree char *before = network_of();

	/* as root: looking at one's own namespace is a matter of ptrace once not dumpable */
	nobody = -1;
	enter(*(const unsigned *)data, false);
	g_autofree char *after = network_of();
	return before && after ? g_strcmp0(before, after) != 0 : 2;
}

/* As root an empty network, unless the role needs it; as another user a loud line. */
static void
test_network(void)
{
	const unsigned none = 0, inet = JAIL_INET;
	g_autofree char *log = NULL, *alone = child_run(run_network, &none, &log);
	g_autofree char *kept = child_run(run_network, &inet, NULL);

	g_assert_cmpstr(kept, ==, "exit 0");
	if (strstr(log, "event=jail-missing feature=netns"))
		g_test_skip("may not make a network namespace here");
	else
		g_assert_cmpstr(alone, ==, "exit 1");
}

static void
test_features(void)
{
	static const char *const names[] = {
		"no-new-privs", "seccomp", "landlock", "landlock-refer", "landlock-truncate",
		"netns", NULL,
	};
	const struct jail_feature *feature = jail_features();

	for (guint i = 0; names[i]; i++, feature++) {
		g_assert_cmpstr(feature->name, ==, names[i]);
		g_test_message("%s: %s", feature->name, feature->there ? "yes" : "no");
	}
	g_assert_null(feature->name);
	g_assert_true(jail_features()[0].there && jail_features()[1].there);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();	/* a broken filter breaks many rows: show all */
	make_files();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/jail/role/", rows[i].name, NULL);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/jail/threaded", test_threaded);
	g_test_add_func("/jail/absent", test_absent);
	g_test_add_func("/jail/network", test_network);
	g_test_add_func("/jail/features", test_features);
	int status = g_test_run();
	remove_files();
	return status;
}
