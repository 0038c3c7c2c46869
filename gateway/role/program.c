/* SPDX-License-Identifier: ISC
 *
 * program: starts gpg, gpg-agent and the helpers of the site: an absolute path and arguments, never
 * a shell, never our environment or descriptors, always a process group of its own and a deadline.
 */
#include "role/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static bool
become(gint64 uid, gint64 gid)
{
	if (uid < 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) == 0 &&
		setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) == 0;
}

/* A copy that no descriptor wanted below can overwrite. */
static int
out_of_the_way(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

static bool
place_descriptors(const struct program *program)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = out_of_the_way(program->out >= 0 ? program->out : null);
	int err = program->errors_too ? out : null;

	if (null < 0 || out < 0)
		return false;
	if (program->agent) {
		int std = out_of_the_way(program->sockets[0]);
		int extra = out_of_the_way(program->sockets[1]);

		null = err = out_of_the_way(null);
		if (dup2(std, 3) < 0 || dup2(extra, 4) < 0)
			return false;
	}
	return dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		dup2(err, STDERR_FILENO) >= 0 && close_range(program->agent ? 5 : 3, ~0U, 0) == 0;
}

G_NORETURN static void
run_program(const struct program *program, pid_t parent)
{
	char listen_pid[32];
	const char *env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent", NULL, NULL,
		NULL, NULL };
	sigset_t none;

	setpgid(0, 0);
	FAULT("program.exec");
	/* A change of uid clears the death signal, so it comes after it. */
	if (!become(program->uid, program->gid) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    getppid() != parent || !place_descriptors(program))
		_exit(EX_OSERR);
	if (program->agent) {
		snprintf(listen_pid, sizeof listen_pid, "LISTEN_PID=%d", (int)getpid());
		env[3] = "LISTEN_FDS=2";
		env[4] = "LISTEN_FDNAMES=std:extra";
		env[5] = listen_pid;
	}
	umask(077);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(program->path, (char *const *)(gpointer)program->argv, (char *const *)(gpointer)env);
	_exit(EX_OSERR);
}

pid_t
program_start(const struct program *program)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		run_program(program, parent);
	if (pid > 0)
		setpgid(pid, pid);	/* here too: whoever comes first, a kill finds the group */
	return pid;
}

gint64
program_clock(void)
{
	return g_get_monotonic_time() / 1000;
}

static int
left(gint64 deadline)
{
	return (int)CLAMP(deadline - program_clock(), 0, G_MAXINT);
}

enum outcome
program_reap(pid_t pid, gint64 deadline)
{
	int status = -1;
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };

	while (ended.fd >= 0 && poll(&ended, 1, left(deadline)) < 0 && errno == EINTR)
		;
	if (ended.fd >= 0)
		close(ended.fd);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ended.revents == 0 || !WIFEXITED(status))
		return LATER;
	return WEXITSTATUS(status) == 0 ? DONE : NEVER;
}

/* Until its end, the deadline, or more than max. */
static void
read_all(int fd, GByteArray *text, gsize max, gint64 deadline)
{
	while (text->len <= max) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		guint8 buffer[8192];
		int ready = poll(&readable, 1, left(deadline));

		if (ready == 0 || (ready < 0 && errno != EINTR))
			return;
		ssize_t n = ready > 0 ? read(fd, buffer, sizeof buffer) : -1;
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n > 0)
			g_byte_array_append(text, buffer, (guint)n);
	}
}

enum outcome
program_capture(struct program *program, gint64 ms, gsize max, GBytes **out, GError **error)
{
	gint64 deadline = program_clock() + ms;
	g_autoptr(GByteArray) text = g_byte_array_new();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(error, LATER, "pipe: %s", g_strerror(errno));
	program->out = ends[1];
	pid_t pid = program_start(program);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return fail(error, LATER, "fork: %s", g_strerror(errno));
	}
	read_all(ends[0], text, max, deadline);
	close(ends[0]);
	bool is_whole = text->len <= max;
	enum outcome how = program_reap(pid, is_whole ? deadline : 0);
	if (!is_whole)
		return fail(error, NEVER, "%s wrote more than it may", program->path);
	if (how != DONE)
		return fail(error, how, how == NEVER ? "%s failed" :
			"%s was killed, or did not end in time", program->path);
	*out = g_byte_array_free_to_bytes(g_steal_pointer(&text));
	return DONE;
}
