/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/spawn.c.  The test copies itself into a folder under the names of all role
 * programs, so that it is found "beside our own executable"; such a copy only reports what it was
 * given.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "role/role.h"

#define REPORT_MAX 8192

static char *place;

/* ---- the copy: one message with arguments, environment, descriptors --------------------- */

static void
report_descriptors(GString *out)
{
	DIR *dir = opendir("/proc/self/fd");

	for (int fd = 0; fd < 64; fd++)
		if (fd != dirfd(dir) && fcntl(fd, F_GETFD) != -1)
			g_string_append_printf(out, "fd %d\n", fd);
	closedir(dir);
}

static int
report(char **argv)
{
	GString *out = g_string_new(NULL);
	extern char **environ;

	for (char **word = argv; *word; word++)
		g_string_append_printf(out, "arg %s\n", *word);
	for (char **word = environ; *word; word++)
		g_string_append_printf(out, "env %s\n", *word);
	report_descriptors(out);
	g_string_append_printf(out, "group %s\n", getpgrp() == getpid() ? "own" : "shared");
	return send(3, out->str, out->len, 0) == (ssize_t)out->len ? 0 : 1;
}

/* ---- the tests -------------------------------------------------------------------------- */

static void
test_death_of(void)
{
	/* exit code << 8, or a signal number */
	static const struct { int status; enum death death; const char *cause; } rows[] = {
		{ 0, DEATH_ORDERLY, "exit 0" },
		{ 1 << 8, DEATH_UNEXPLAINED, "exit 1" },
		{ 70 << 8, DEATH_COUNTED, "exit 70" },
		{ 71 << 8, DEATH_COUNTED, "exit 71" },
		{ 78 << 8, DEATH_UNEXPLAINED, "exit 78" },
		{ SIGSEGV, DEATH_COUNTED, "signal SEGV" },
		{ SIGABRT, DEATH_COUNTED, "signal ABRT" },
		{ SIGTRAP, DEATH_COUNTED, "signal TRAP" },
		{ SIGSYS, DEATH_COUNTED, "signal SYS" },
		{ SIGXCPU, DEATH_COUNTED, "signal XCPU" },
		{ SIGALRM, DEATH_COUNTED, "signal ALRM" },
		{ SIGBUS, DEATH_COUNTED, "signal BUS" },
		{ SIGXFSZ, DEATH_COUNTED, "signal XFSZ" },
		{ SIGKILL, DEATH_UNEXPLAINED, "signal 9" },
		{ SIGTERM, DEATH_UNEXPLAINED, "signal 15" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *cause = NULL;

		g_assert_cmpint(death_of(rows[i].status, &cause), ==, rows[i].death);
		g_assert_cmpstr(cause, ==, rows[i].cause);
	}
}

static struct options *
options_of_site(void)
{
	struct options *options = options_new();

	options_set(options, "store.path", "/site/db/ungcuu.db");
	options_set(options, "store.spool", "/site/spool");
	options_set(options, "store.key_file", "/site/db/store.key");
	options_set(options, "control.socket", "/site/run/control");
	options_set(options, "mailboxes.0.type", "imap");
	options_set(options, "mailboxes.1.type", "maildir");
	options_set(options, "mailboxes.1.path", "/site/Maildir");
	options_set(options, "submission.type", "maildir");
	options_set(options, "submission.path", "/site/sent");
	return options;
}

/* What a started copy reports; its program is the role's. */
static char *
spawned_report(const struct spawn_settings *settings, enum role role, guint index, const int *fds)
{
	struct spawned spawned = { 0 };
	char text[REPORT_MAX];
	GError *error = NULL;
	int status;

	g_assert_cmpint(spawn_role(settings, role, index, fds, &spawned, &error), ==, DONE);
	g_assert_no_error(error);
	g_assert_cmpint(spawned.role, ==, role);
	g_assert_cmpuint(spawned.index, ==, index);
	ssize_t n = recv(spawned.fd, text, sizeof text, 0);
	g_assert_cmpint(n, >, 0);
	close(spawned.fd);
	g_assert_cmpint(waitpid(spawned.pid, &status, 0), ==, spawned.pid);
	g_assert_cmpint(status, ==, 0);
	return g_strndup(text, (gsize)n);
}

#define COMMON "env PATH=/usr/bin:/bin\nenv LC_ALL=C.UTF-8\nenv HOME=/nonexistent\n"
/* What a worker may read that talks to a server. */
#define ONLINE "arg r:/etc/ssl/certs\narg r:/etc/resolv.conf\narg r:/run/systemd/resolve\n" \
	"arg r:/run/resolvconf\narg r:/run/NetworkManager\narg r:/etc/hosts\n" \
	"arg r:/etc/host.conf\narg r:/etc/nsswitch.conf\narg r:/etc/gai.conf\n"
#define FDS "fd 0\nfd 1\nfd 2\nfd 3\n"

static void
test_what_a_role_gets(void)
{
	static const struct { enum role role; guint index; const char *report; } rows[] = {
		{ ROLE_HUB, 0, "arg ungcuu-hub\narg 3\narg --verbose\narg 2\n"
			"arg w:/site/db\narg w:/site/spool\narg w:/site/run\n"
			"arg r:certificates\n"
			"arg r:/usr/share/zoneinfo\narg r:/etc/localtime\narg r:/dev/urandom\n"
			"arg r:/proc\n"
			COMMON FDS "fd 4\ngroup own\n" },
		{ ROLE_FETCH, 0,
			"arg ungcuu-fetch\narg 3\narg --verbose\narg 2\n" ONLINE COMMON FDS
			"group own\n" },
		{ ROLE_FETCH, 1,
			"arg ungcuu-fetch\narg 3\narg --no-network\narg --verbose\narg 2\n"
			"arg w:/site/Maildir\n" COMMON FDS "group own\n" },
		{ ROLE_MIME, 0,
			"arg ungcuu-mime\narg 3\narg --verbose\narg 2\n" COMMON FDS "group own\n" },
		{ ROLE_SUBMIT, 0,
			"arg ungcuu-submit\narg 3\narg --no-network\narg --verbose\narg 2\n"
			"arg w:/site/sent\n" COMMON FDS "group own\n" },
	};
	/* Builds with a sanitizer pass its settings on, and only those. */
	g_unsetenv("ASAN_OPTIONS");
	g_unsetenv("UBSAN_OPTIONS");
	g_unsetenv("LSAN_OPTIONS");
	struct options *options = options_of_site();
	const struct spawn_settings settings = {
		.verbose = 2, .options = options, .runtime = place
	};
	int lock = open("/dev/null", O_RDWR | O_CLOEXEC), leak = open("/dev/null", O_RDWR);
	const int inherited[] = { lock, -1 };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = spawned_report(&settings, rows[i].role, rows[i].index,
			rows[i].role == ROLE_HUB ? inherited : NULL);

		g_assert_cmpstr(text, ==, rows[i].report);
	}
	close(lock);
	close(leak);
	options_free(options);
}

static void
test_keys_get_a_home(void)
{
	struct options *options = options_of_site();
	const struct spawn_settings settings = {
		.no_jail = true, .syslog = true, .options = options, .runtime = place
	};
	g_autofree char *text = spawned_report(&settings, ROLE_KEYS, 3, NULL);
	g_autofree char *home = g_build_filename(place, "k3", NULL);
	g_autofree char *word = g_strdup_printf("arg w:%s\n", home);
	struct stat st;

	g_assert_true(
		g_str_has_prefix(text, "arg ungcuu-keys\narg 3\narg --no-jail\narg --syslog\n"));
	g_assert_nonnull(strstr(text, word));
	g_assert_cmpint(stat(home, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0700);
	rmdir(home);
	options_free(options);
}

/* One program missing: none of this folder is taken. */
static void
test_all_programs_or_none(void)
{
	struct options *options = options_of_site();
	const struct spawn_settings settings = { .options = options, .runtime = place };
	g_autofree char *mime = g_build_filename(place, "ungcuu-mime", NULL);
	g_autofree char *away = g_build_filename(place, "away", NULL);
	struct spawned spawned;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(rename(mime, away), ==, 0);
	enum outcome how = spawn_role(&settings, ROLE_MIME, 0, NULL, &spawned, &error);
	if (how == DONE) {	/* an installed one */
		close(spawned.fd);
		kill(spawned.pid, SIGKILL);
		waitpid(spawned.pid, NULL, 0);
	} else {
		g_assert_cmpint(how, ==, NEVER);
		g_assert_null(strstr(error->message, place));
	}
	g_assert_cmpint(rename(away, mime), ==, 0);
	options_free(options);
}

static void
test_user(void)
{
	struct options *options = options_new();
	gint64 uid = 5, gid = 5;

	g_assert_cmpint(role_user(options, ROLE_MIME, &uid, &gid, NULL), ==, DONE);
	g_assert_cmpint(uid, ==, -1);
	g_assert_cmpint(gid, ==, -1);
	options_set(options, "process.user", "daemon");
	options_set(options, "process.users.mime", "nobody");
	if (geteuid() == 0) {
		gint64 other, group;

		g_assert_cmpint(role_user(options, ROLE_HUB, &uid, &gid, NULL), ==, DONE);
		g_assert_cmpint(role_user(options, ROLE_MIME, &other, &group, NULL), ==, DONE);
		g_assert_cmpint(uid, >, 0);
		g_assert_cmpint(other, >, 0);
		g_assert_cmpint(uid, !=, other);
		options_set(options, "process.users.keys", "no-such-user-here");
		g_assert_cmpint(role_user(options, ROLE_KEYS, &uid, &gid, NULL), ==, NEVER);
	} else {
		g_assert_cmpint(role_user(options, ROLE_MIME, &uid, &gid, NULL), ==, DONE);
		g_assert_cmpint(uid, ==, -1);
	}
	options_free(options);
}

/* ---- placing the copies ----------------------------------------------------------------- */

static void
put_copy(const char *folder, const char *name, const char *bytes, gsize size)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_assert_true(g_file_set_contents_full(
		path, bytes, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
}

/* Runs itself again from a folder that holds all programs, and cleans up after it. */
static int
run_placed(char **argv)
{
	g_autofree char *folder = g_strdup("/tmp/ungcuu-test-XXXXXX");
	g_autofree char *bytes = NULL;
	gsize size;
	int status = 0;

	g_assert_nonnull(g_mkdtemp(folder));
	g_assert_true(g_file_get_contents("/proc/self/exe", &bytes, &size, NULL));
	put_copy(folder, "driver", bytes, size);
	for (const struct role_row *row = roles_table; row->name; row++)
		if (row->role != ROLE_LETTER)
			put_copy(folder, row->program, bytes, size);
	pid_t pid = fork();
	if (pid == 0) {
		g_autofree char *driver = g_build_filename(folder, "driver", NULL);

		g_setenv("UNGCUU_TEST_PLACE", folder, TRUE);
		execv(driver, argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	for (const struct role_row *row = roles_table; row->name; row++) {
		g_autofree char *path = g_build_filename(folder, row->program, NULL);

		(void)unlink(path);
	}
	g_autofree char *driver = g_build_filename(folder, "driver", NULL);
	(void)unlink(driver);
	(void)rmdir(folder);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int
main(int argc, char **argv)
{
	g_autofree char *name = g_path_get_basename(argv[0]);

	if (g_str_has_prefix(name, "ungcuu"))
		return report(argv);
	place = g_strdup(g_getenv("UNGCUU_TEST_PLACE"));
	if (!place)
		return run_placed(argv);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spawn/death-of", test_death_of);
	g_test_add_func("/spawn/what-a-role-gets", test_what_a_role_gets);
	g_test_add_func("/spawn/keys-get-a-home", test_keys_get_a_home);
	g_test_add_func("/spawn/all-programs-or-none", test_all_programs_or_none);
	g_test_add_func("/spawn/user", test_user);
	return g_test_run();
}
