/* SPDX-License-Identifier: ISC
 *
 * jail-child: what the tests of the jails share: files to try them on, entering a jail in a
 * forked child, and attempts made from more than one kind of jail.
 */
#ifndef TEST_JAIL_CHILD_H
#define TEST_JAIL_CHILD_H

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

static char *folder;		/* w: */
static char *readable;		/* r:, a file in another folder */
static char *hidden;		/* a file in no rule */
static gint64 nobody = -1;	/* the uid to become, if we are root */

/* ---- files to try it on -------------------------------------------------------------- */

static inline char *
make_file(const char *below, const char *name)
{
	g_autofree char *top = g_dir_make_tmp("jail-XXXXXX", NULL);
	char *path = g_build_filename(top, name, NULL);

	g_assert_cmpint(chmod(top, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, below, -1, NULL));
	g_assert_cmpint(chmod(path, 0755), ==, 0);
	return path;
}

static inline void
remove_file(const char *path)
{
	g_autofree char *top = g_path_get_dirname(path);

	unlink(path);
	rmdir(top);
}

static inline void
make_files(void)
{
	folder = g_dir_make_tmp("jail-XXXXXX", NULL);
	readable = make_file("text", "readable");
	hidden = make_file("#!/usr/bin/true\n", "hidden");
	if (geteuid() == 0) {
		nobody = 65534;
		g_assert_cmpint(chown(folder, 65534, 65534), ==, 0);
	}
}

static inline void
remove_files(void)
{
	static const char *const names[] = {
		"written", "symlink", "linked", "below/linked", "below" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);

		if (unlink(path) != 0)
			rmdir(path);
	}
	g_assert_cmpint(rmdir(folder), ==, 0);
	remove_file(readable);
	remove_file(hidden);
}

static inline void
enter(unsigned allow, bool absent)
{
	g_autofree char *w = g_strconcat("w:", folder, NULL);
	g_autofree char *r = g_strconcat("r:", readable, NULL);
	const char *const paths[] = {
		w, r, "x:/usr", "x:/lib", "x:/lib64", "r:/nonexistent", NULL,
	};
	struct jail jail = {
		.role = "test", .allow = allow, .paths = paths, .uid = nobody, .gid = nobody,
		.memory = 512 << 20, .cpu_seconds = 30, .absent = absent,
	};

	log_open("test", LOG_TO_STDERR, 0);
	jail_enter(&jail);
}

/* ---- attempts: 0, or the errno of the call that failed ---------------------------------- */

static inline int
result(long value)
{
	return value < 0 ? errno : 0;
}

static inline int try_inet(void) { return result(socket(AF_INET, SOCK_STREAM, 0)); }

static inline int try_unix(void) { return result(socket(AF_UNIX, SOCK_STREAM, 0)); }

static inline int
try_pair(void)
{
	int fds[2];

	return result(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
}

static inline int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid) ? errno : result(waitpid(pid, NULL, 0));
}

static inline int try_clone3(void) { return result(syscall(SYS_clone3, NULL, 0)); }

static inline int try_ptrace(void) { return result(syscall(SYS_ptrace, 0 /* TRACEME */, 0, 0, 0)); }

static inline int
try_exec(void)
{
	static char *const argv[] = { (char *)"true", NULL };

	execv("/usr/bin/true", argv);
	return errno;
}

static inline int try_open_readable(void) { return result(open(readable, O_RDONLY)); }

static inline int
try_memory(void)
{
	void *memory = malloc(1 << 30);

	return memory ? 0 : ENOMEM;
}

static inline gpointer
thread_main(gpointer data)
{
	return data;
}

static inline int
try_thread(void)
{
	g_autoptr(GError) error = NULL;
	GThread *thread = g_thread_try_new("test", thread_main, &error, &error);

	return !thread || g_thread_join(thread) != &error;
}

#endif
