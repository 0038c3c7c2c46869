/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/agent.c with the real gpg-agent: what its socket allows, that nothing of it
 * stays, and what is said about the key in a home.
 */
#include <sys/stat.h>

#include "../crypto/crypto-test.h"
#include "role/role.h"

static struct bench bench;

static void
test_runtime(void)
{
	g_autofree char *one = runtime_new("/a/store", NULL), *two = runtime_new("/a/store", NULL);
	g_autofree char *inside = NULL;
	struct stat st;

	g_assert_nonnull(one);
	g_assert_nonnull(two);
	/* Two at once never share one, and do not sweep each other. */
	g_assert_cmpstr(one, !=, two);
	g_assert_true(g_file_test(one, G_FILE_TEST_IS_DIR));
	g_assert_cmpuint(strlen(one), <, 70);
	g_assert_cmpint(stat(one, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0700);
	inside = g_build_filename(one, "k0", NULL);
	g_mkdir(inside, 0700);
	runtime_remove(one);
	runtime_remove(two);
	g_assert_false(g_file_test(one, G_FILE_TEST_EXISTS));
}

/* One that was killed leaves its folder; the next one of the same store removes it. */
static void
test_runtime_sweeps(void)
{
	int ends[2];
	char path[256] = "";

	g_assert_cmpint(pipe(ends), ==, 0);
	pid_t pid = fork();
	if (pid == 0) {
		g_autofree char *left = runtime_new("/a/killed/store", NULL);

		_exit(write(ends[1], left, strlen(left)) > 0 ? 0 : 1);
	}
	waitpid(pid, NULL, 0);
	g_assert_cmpint(read(ends[0], path, sizeof path - 1), >, 0);
	g_assert_true(g_file_test(path, G_FILE_TEST_IS_DIR));
	g_autofree char *other = runtime_new("/another/store", NULL);
	g_assert_true(g_file_test(path, G_FILE_TEST_IS_DIR));
	g_autofree char *next = runtime_new("/a/killed/store", NULL);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	runtime_remove(next);
	runtime_remove(other);
	close(ends[0]);
	close(ends[1]);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
ask(int fd, const char *question, char *answer, gsize size)
{
	if (question)
		g_assert_cmpint(
			send(fd, question, strlen(question), 0), ==, (gssize)strlen(question));
	gsize n = 0;
	do {	/* a line may come in pieces */
		ssize_t more = recv(fd, answer + n, size - 1 - n, 0);
		g_assert_cmpint(more, >, 0);
		n += (gsize)more;
	} while (answer[n - 1] != '\n');
	answer[n] = '\0';
}

static void
test_agent(void)
{
	/* What the extra socket refuses; without scdaemon GnuPG 2.4 says so before Forbidden. */
	static const struct { const char *question, *refusal; } refused[] = {
		{ "KEYWRAP_KEY --export\n", "Forbidden" },
		{ "EXPORT_KEY 0123456789012345678901234567890123456789\n", "Forbidden" },
		{ "KILLAGENT\n", "Forbidden" },
		{ "SCD SERIALNO\n", "ERR " },
	};
	g_autofree char *runtime = runtime_new("/agent/store", NULL);
	struct agent agent;
	char answer[512];
	struct stat st;

	g_assert_cmpint(agent_start(bench.home, runtime, 7, -1, -1, -1, &agent, NULL), ==, DONE);
	g_autofree char *folder = g_path_get_dirname(agent.socket);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	g_assert_cmpstr(g_dir_read_name(dir), ==, "extra");
	g_assert_null(g_dir_read_name(dir));	/* the standard one has lost its path */
	g_assert_cmpint(stat(folder, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0700);
	int fd = connect_to(agent.socket);
	g_assert_cmpint(fd, >=, 0);
	ask(fd, NULL, answer, sizeof answer);
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		ask(fd, refused[i].question, answer, sizeof answer);
		g_test_message("%s%s", refused[i].question, answer);
		g_assert_true(g_str_has_prefix(answer, "ERR "));
		g_assert_nonnull(strstr(answer, refused[i].refusal));
	}
	close(fd);
	/* Its death is seen on the watch connection. */
	kill(agent.pid, SIGKILL);
	g_assert_cmpint(recv(agent.watch_fd, answer, sizeof answer, 0), <=, 0);
	agent_stop(&agent);
	g_assert_cmpint(agent.pid, ==, -1);
	g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
	runtime_remove(runtime);
}

static void
test_agent_refuses(void)
{
	g_autofree char *runtime = g_strdup_printf("%s/%0100d", bench.folder, 0);
	g_autoptr(GError) error = NULL;
	struct agent agent;

	g_mkdir(runtime, 0700);
	g_assert_cmpint(agent_start(bench.home, runtime, 0, -1, -1, -1, &agent, &error), !=, DONE);
	g_assert_nonnull(error);
	g_assert_cmpint(agent.pid, ==, -1);
	g_assert_null(agent.socket);
}

static void
test_certificate(void)
{
	g_autofree char *keys = g_build_filename(bench.home, "private-keys-v1.d", NULL);
	g_autofree char *away = g_build_filename(bench.home, "away", NULL);
	g_auto(own_key_auto) own = { 0 }, again = { 0 };

	g_assert_cmpint(agent_certificate(bench.home, bench.fingerprint, &own, NULL), ==, DONE);
	g_assert_true(own.signs && own.decrypts);
	g_assert_true(g_bytes_equal(own.certificate, bench.certificate));
	g_assert_cmpuint(g_bytes_get_size(own.minimal), >, 0);
	g_assert_cmpint(rename(keys, away), ==, 0);
	g_assert_cmpint(agent_certificate(bench.home, bench.fingerprint, &again, NULL), ==, DONE);
	g_assert_false(again.signs || again.decrypts);
	g_assert_cmpint(rename(away, keys), ==, 0);
}

static void
test_certificate_refuses(void)
{
	const struct { const char *home, *fingerprint; } rows[] = {
		{ bench.home, "0000000000000000000000000000000000000000" },
		{ bench.home, "hotline@example.vn" },
		{ bench.home, "" },
		{ bench.home, "--version" },
		{ "/no/such/home", bench.fingerprint },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		struct own_key own = { .signs = true };

		g_assert_cmpint(agent_certificate(rows[i].home, rows[i].fingerprint, &own, &error),
			==, NEVER);
		g_assert_null(own.certificate);
		g_assert_false(own.signs);
		g_assert_nonnull(error);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	crypto_init();
	bench_open(&bench);
	g_test_add_func("/agent/runtime", test_runtime);
	g_test_add_func("/agent/runtime-sweeps", test_runtime_sweeps);
	g_test_add_func("/agent/agent", test_agent);
	g_test_add_func("/agent/agent-refuses", test_agent_refuses);
	g_test_add_func("/agent/certificate", test_certificate);
	g_test_add_func("/agent/certificate-refuses", test_certificate_refuses);
	int failed = g_test_run();
	bench_close(&bench);
	return failed;
}
