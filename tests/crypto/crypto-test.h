/* SPDX-License-Identifier: ISC
 *
 * crypto-test: a throw-away home with one key and a real gpg-agent on a socket of ours, for the
 * tests of crypto/ and of the keys role.
 */
#ifndef UNGCUU_CRYPTO_TEST_H
#define UNGCUU_CRYPTO_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"

struct bench { char *folder, *home, *fingerprint, *socket; pid_t agent; GBytes *certificate; };

static inline int
bench_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
	(void)unlink(path);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof addr), ==, 0);
	g_assert_cmpint(listen(fd, 16), ==, 0);
	return fd;
}

/* A gpg-agent in supervised mode: listening before it starts, so nobody waits.  On the extra socket
 * it does less, and that is the one the gateway has. */
static inline pid_t
bench_agent_on(const char *home, const char *standard, const char *extra)
{
	int fds[] = { bench_listen(standard), bench_listen(extra) };
	pid_t pid = fork();

	if (pid == 0) {
		char listen_pid[32];
		const char *const argv[] = { "gpg-agent", "--supervised", "--no-options", "--quiet",
			"--homedir", home, "--disable-scdaemon", "--pinentry-program", "/bin/false",
			"--s2k-count", "65536", NULL };
		const char *const env[] = { "LISTEN_FDS=2", "LISTEN_FDNAMES=std:extra", listen_pid,
			NULL };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(listen_pid, sizeof listen_pid, "LISTEN_PID=%d", (int)getpid());
		for (int i = 0; i < 2; i++)
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
		dup2(fds[0], 3);
		dup2(fds[1], 4);
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 2);
		execve("/usr/bin/gpg-agent", (char *const *)(gpointer)argv,
			(char *const *)(gpointer)env);
		_exit(127);
	}
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static inline pid_t
bench_agent(const char *home, const char *path)
{
	g_autofree char *standard = g_strconcat(path, ".std", NULL);

	return bench_agent_on(home, standard, path);
}

static inline void
bench_agent_kill(struct bench *bench)
{
	if (bench->agent > 0) {
		kill(bench->agent, SIGKILL);
		waitpid(bench->agent, NULL, 0);
	}
	bench->agent = 0;
}

/* The folder lies on tmpfs and is deep: longer than a socket's path may be. */
static inline void
bench_open(struct bench *bench)
{
	g_autofree char *revocation = NULL;
	GError *error = NULL;

	bench->folder = g_strdup("/dev/shm/ungcuu-test-XXXXXX");
	g_assert_nonnull(g_mkdtemp_full(bench->folder, 0700));
	bench->home = g_strdup_printf("%s/%060d/%060d", bench->folder, 1, 2);
	bench->socket = g_build_filename(bench->folder, "agent", NULL);
	g_assert_cmpint(key_generate(bench->home, "Đội thử", "hotline@example.vn", 0,
				&bench->fingerprint, &revocation, &error),
		==, DONE);
	g_assert_nonnull(strstr(revocation, "BEGIN PGP PUBLIC KEY BLOCK"));
	g_assert_cmpint(
		key_export(bench->home, bench->fingerprint, false, &bench->certificate, &error), ==,
		DONE);
	bench->agent = bench_agent(bench->home, bench->socket);
}

static inline void
bench_close(struct bench *bench)
{
	bench_agent_kill(bench);
	home_remove(bench->folder);
	g_free(bench->folder);
	g_free(bench->home);
	g_free(bench->fingerprint);
	g_free(bench->socket);
	g_bytes_unref(bench->certificate);
}

/* Plain gpg in a throw-away home: does `detached` verify over `signed_part`, by this key? */
static inline bool
bench_gpg_verifies(struct bench *bench, GBytes *signed_part, const char *detached)
{
	g_autofree char *home = g_build_filename(bench->folder, "reader", NULL);
	g_autofree char *cert = g_build_filename(bench->folder, "cert", NULL);
	g_autofree char *part = g_build_filename(bench->folder, "part", NULL);
	g_autofree char *sig = g_build_filename(bench->folder, "sig", NULL);
	g_autofree char *status = NULL;
	gsize size;
	const char *bytes = g_bytes_get_data(bench->certificate, &size);

	g_mkdir(home, 0700);
	g_assert_true(g_file_set_contents(cert, bytes, (gssize)size, NULL));
	bytes = g_bytes_get_data(signed_part, &size);
	g_assert_true(g_file_set_contents(part, bytes, (gssize)size, NULL));
	g_assert_true(g_file_set_contents(sig, detached, -1, NULL));
	const char *import[] = { "/usr/bin/gpg", "--homedir", home, "--batch", "--no-autostart",
		"--import", cert, NULL };
	const char *verify[] = { "/usr/bin/gpg", "--homedir", home, "--batch", "--no-autostart",
		"--status-fd", "1", "--verify", sig, part, NULL };
	g_assert_true(g_spawn_sync(NULL, (char **)(gpointer)import, NULL,
		G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, NULL, NULL));
	g_assert_true(g_spawn_sync(NULL, (char **)(gpointer)verify, NULL,
		G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &status, NULL, NULL, NULL));
	home_remove(home);
	g_autofree char *valid = g_strdup_printf("VALIDSIG %s", bench->fingerprint);
	return strstr(status, "GOODSIG") && strstr(status, valid);
}

/* Takes a multipart/signed apart by its known lines; false if it is none. */
static inline bool
bench_split(GBytes *entity, const char *boundary, GBytes **signed_part, char **detached)
{
	gsize size;
	const char *text = g_bytes_get_data(entity, &size);
	g_autofree char *all = g_strndup(text, size);
	g_autofree char *delimiter = g_strdup_printf("\r\n--%s\r\n", boundary);
	g_autofree char *last = g_strdup_printf("\r\n--%s--\r\n", boundary);
	char *first = strstr(all, delimiter);
	char *second = first ? strstr(first + 1, delimiter) : NULL;
	char *armor = second ? strstr(second, "-----BEGIN PGP SIGNATURE-----\r\n") : NULL;
	char *end = armor ? strstr(armor, last) : NULL;

	if (!end || end[strlen(last)] != '\0')
		return false;
	first += strlen(delimiter);
	*signed_part = g_bytes_new(first, (gsize)(second - first));
	*detached = g_strndup(armor, (gsize)(end - armor));
	return true;
}

#endif
