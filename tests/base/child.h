/* SPDX-License-Identifier: ISC
 *
 * child: runs one function in a forked child and says how it ended, for tests of what a process can
 * do only once: enter a jail, break an invariant, write to stderr.
 */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include "base/base.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* "exit N" or "signal N" of a child in which `run` returned N or which ended earlier; g_free().
 * log: what it wrote to stderr, g_free(); may be NULL. */
static inline char *
child_run(int (*run)(const void *), const void *data, char **log)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC), status = 0;
	pid_t pid = fork();

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		dup2(fd, STDERR_FILENO);
		_exit(run(data));
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	gsize size = (gsize)lseek(fd, 0, SEEK_END);
	g_autofree char *text = g_malloc0(size + 1);
	g_assert_cmpint(pread(fd, text, size, 0), ==, (gssize)size);
	close(fd);
	if (log)
		*log = g_steal_pointer(&text);
	return WIFSIGNALED(status) ? g_strdup_printf("signal %d", WTERMSIG(status)) :
		g_strdup_printf("exit %d", WEXITSTATUS(status));
}

#endif
