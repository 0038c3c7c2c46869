/* SPDX-License-Identifier: ISC
 *
 * agent: one gpg-agent per keys worker, both its sockets bound here, and the run-time folder they
 * lie in.  The standard socket, over which secret keys could be exported, has a name nobody can
 * guess, for a worker in foreign hands may wait for the next agent, and loses it as soon as our own
 * connection stands; that connection tells when the agent dies.  Relies on the gpg and gpg-agent
 * found at build time.  Refuses to lie anywhere but on tmpfs.
 */
#include "role/role.h"
#include "role/program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef GPG_PROGRAM
#define GPG_PROGRAM		"/usr/bin/gpg"
#define GPG_AGENT_PROGRAM	"/usr/bin/gpg-agent"
#endif
#define GREETING_MS	10000
#define GPG_TRIES	3	/* where gpg was killed: that says nothing about our keys */
#define GPG_MS		20000
#define GPG_OUTPUT_MAX	(4 * 1024 * 1024)	/* bytes; a certificate with many certifications */
#define BASE_MAX	40			/* characters; a socket's path ends at 108 */

/* ---- the run-time folder ------------------------------------------------- */

void
runtime_remove(const char *path)
{
	file_remove_tree(path);
}

static bool
usable_base(const char *path)
{
	struct statfs fs;

	return path && *path == '/' && strlen(path) <= BASE_MAX && statfs(path, &fs) == 0 &&
		fs.f_type == TMPFS_MAGIC && access(path, W_OK | X_OK) == 0;
}

/* Held by its maker for as long as it lives: a folder nobody holds is left over from a kill. */
static int
lock_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
sweep(const char *base, const char *prefix)
{
	g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		g_autofree char *path = g_build_filename(base, name, NULL);
		int fd = lock_folder(path);

		if (fd >= 0) {
			runtime_remove(path);
			close(fd);
		}
	}
}

/* A fresh name each time: the daemon and any number of ungcuuctl never share one. */
char *
runtime_new(const char *store_path, GError **error)
{
	/* A user's own folder cannot be entered by the other uids root may start. */
	const char *const bases[] = { geteuid() == 0 ? "/run" : g_getenv("XDG_RUNTIME_DIR"),
		"/dev/shm" };
	guint8 digest[DIGEST_SIZE];

	digest_bytes(store_path, strlen(store_path), digest);
	g_autofree char *hex = digest_hex(digest);
	g_autofree char *prefix = g_strdup_printf("ungcuu-%.8s-", hex);
	for (guint i = 0; i < G_N_ELEMENTS(bases); i++) {
		if (!usable_base(bases[i]))
			continue;
		sweep(bases[i], prefix);
		for (guint attempt = 0; attempt < 3; attempt++) {
			g_autofree char *path = g_strdup_printf("%s/%sXXXXXX", bases[i], prefix);

			/* Another start may sweep it between these two calls: then once more. */
			if (!g_mkdtemp_full(path, 0700))
				break;
			if (lock_folder(path) >= 0 && access(path, F_OK) == 0)
				return g_steal_pointer(&path);
		}
	}
	fail(error, NEVER, "no writable tmpfs at %s or /dev/shm for private homes",
		bases[0] ? bases[0] : "XDG_RUNTIME_DIR");
	return NULL;
}

/* ---- the agent ----------------------------------------------------------- */

static int
listen_at(const char *path, GError **error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof addr.sun_path) {
		fail(error, NEVER, "%s: too long for a socket", path);
	} else {
		memcpy(addr.sun_path, path, strlen(path) + 1);
		unlink(path);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 &&
		    chmod(path, 0600) == 0 && listen(fd, 64) == 0)
			return fd;
		fail(error, LATER, "%s: %s", path, g_strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The whole line, which may come in pieces. */
static bool
is_greeted(int fd)
{
	gint64 deadline = program_clock() + GREETING_MS;
	char line[256];
	gsize n = 0;

	while (n < sizeof line) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		int left = (int)MAX(deadline - program_clock(), 0);

		if (poll(&readable, 1, left) <= 0 || recv(fd, line + n, 1, 0) != 1)
			return false;
		if (line[n++] == '\n')
			return n >= 3 && memcmp(line, "OK ", 3) == 0;
	}
	return false;
}

/* Our own connection; it stands once the agent has greeted us, so the worker finds it ready. */
static int
watch_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && is_greeted(fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static enum outcome
launch(const char *keys_home, gint64 uid, gint64 gid, const int sockets[2], struct agent *out,
	GError **error)
{
	/* No configuration file of the home or the system changes what these say. */
	const char *const argv[] = { "gpg-agent", "--supervised", "--no-options", "--homedir",
		keys_home, "--batch", "--disable-scdaemon", "--disable-check-own-socket",
		"--pinentry-program", "/bin/false", "--no-allow-loopback-pinentry", NULL };
	const struct program program = { .path = GPG_AGENT_PROGRAM, .argv = argv, .uid = uid,
		.gid = gid, .out = -1, .sockets = { sockets[0], sockets[1] }, .agent = true };

	out->pid = program_start(&program);
	return out->pid > 0 ? DONE : fail(error, LATER, "fork: %s", g_strerror(errno));
}

static enum outcome
make_folder(const char *runtime, const char *folder, gint64 uid, gint64 socket_uid, GError **error)
{
	bool apart = uid >= 0 || socket_uid >= 0;

	if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
	    (apart && (chmod(runtime, 0711) != 0 || chmod(folder, 0711) != 0)))
		return fail(error, LATER, "%s: %s", folder, g_strerror(errno));
	return DONE;
}

enum outcome
agent_start(const char *keys_home, const char *runtime, guint index, gint64 uid, gint64 gid,
	gint64 socket_uid, struct agent *out, GError **error)
{
	g_autofree char *folder = g_strdup_printf("%s/a%u", runtime, index);
	g_autofree char *secret = id_text(id_new());
	g_autofree char *standard = g_build_filename(folder, secret, NULL);
	int sockets[2] = { -1, -1 };

	*out = (struct agent){ .pid = -1, .watch_fd = -1 };
	enum outcome how = make_folder(runtime, folder, uid, socket_uid, error);
	if (how != DONE)
		return how;
	out->socket = g_build_filename(folder, "extra", NULL);
	how = LATER;
	if ((sockets[0] = listen_at(standard, error)) >= 0 &&
	    (sockets[1] = listen_at(out->socket, error)) >= 0)
		how = launch(keys_home, uid, gid, sockets, out, error);
	for (int i = 0; i < 2; i++)
		if (sockets[i] >= 0)
			close(sockets[i]);
	if (how == DONE) {
		out->watch_fd = watch_connect(standard);
		if (out->watch_fd < 0)
			how = fail(error, LATER, "gpg-agent does not answer for %s", keys_home);
		else if (socket_uid >= 0 && lchown(out->socket, (uid_t)socket_uid, (gid_t)-1) != 0)
			how = fail(error, LATER, "%s: %s", out->socket, g_strerror(errno));
	}
	unlink(standard);
	if (how != DONE)
		agent_stop(out);
	return how;
}

void
agent_stop(struct agent *agent)
{
	if (agent->watch_fd >= 0)
		close(agent->watch_fd);
	if (agent->pid > 0) {
		/* It holds nothing that could be lost. */
		kill(-agent->pid, SIGKILL);
		while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (agent->socket) {
		g_autofree char *folder = g_path_get_dirname(agent->socket);

		unlink(agent->socket);
		rmdir(folder);
		g_free(agent->socket);
	}
	*agent = (struct agent){ .pid = -1, .watch_fd = -1 };
}

/* ---- our certificate ----------------------------------------------------- */

static enum outcome
run_gpg(const char *home, const char *const *words, GBytes **out, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	const char *const fixed[] = { "gpg", "--no-options", "--homedir", home, "--batch",
		"--no-tty", "--quiet", "--lock-never", "--no-random-seed-file", "--no-autostart",
		"--disable-dirmngr", "--no-auto-check-trustdb", "--trust-model", "always",
		"--exit-on-status-write-error" };
	struct stat st;

	if (stat(home, &st) != 0)
		return fail(error, NEVER, "%s: %s", home, g_strerror(errno));
	for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
		g_ptr_array_add(argv, (gpointer)fixed[i]);
	for (; *words; words++)
		g_ptr_array_add(argv, (gpointer)*words);
	g_ptr_array_add(argv, NULL);

	/* As the owner of the home: root would leave files there that its owner cannot use. */
	bool other = geteuid() == 0 && st.st_uid != 0;
	struct program program = { .path = GPG_PROGRAM, .argv = (const char *const *)argv->pdata,
		.uid = other ? (gint64)st.st_uid : -1, .gid = other ? (gint64)st.st_gid : -1 };
	enum outcome how = program_capture(&program, GPG_MS, GPG_OUTPUT_MAX, out, error);
	for (guint tries = 1; how == LATER && tries < GPG_TRIES; tries++) {
		g_clear_error(error);
		how = program_capture(&program, GPG_MS, GPG_OUTPUT_MAX, out, error);
	}
	return how;
}

/* gpg's colon lines (doc/DETAILS): field 1 record, 2 validity, 10 keygrip, 12 capabilities.  What
 * has expired signs no more, and decrypts as before. */
static void
secrets_find(const char *home, GBytes *listing, struct own_key *key)
{
	gsize size;
	const char *text = g_bytes_get_data(listing, &size);
	g_autofree char *copy = g_strndup(text, size);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	bool can_sign = false, can_decrypt = false;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) field = g_strsplit(*line, ":", 20);

		if (g_strv_length(field) < 12 && !g_str_has_prefix(*line, "grp:"))
			continue;
		if (strcmp(field[0], "pub") == 0 || strcmp(field[0], "sub") == 0) {
			can_sign = strchr(field[11], 's') && !strpbrk(field[1], "idre");
			can_decrypt = strchr(field[11], 'e') && !strpbrk(field[1], "i");
		} else if (strcmp(field[0], "grp") == 0 && g_strv_length(field) >= 10) {
			g_autofree char *file =
				g_strdup_printf("%s/private-keys-v1.d/%s.key", home, field[9]);
			bool is_there = access(file, F_OK) == 0;

			key->signs |= can_sign && is_there;
			key->decrypts |= can_decrypt && is_there;
		}
	}
}

static bool
is_fingerprint(const char *text)
{
	gsize n = strlen(text);

	return (n == 40 || n == 64) && strspn(text, "0123456789ABCDEFabcdef") == n;
}

void
own_key_clear(struct own_key *key)
{
	g_clear_pointer(&key->certificate, g_bytes_unref);
	g_clear_pointer(&key->minimal, g_bytes_unref);
}

enum outcome
agent_certificate(const char *keys_home, const char *fingerprint, struct own_key *out,
	GError **error)
{
	g_autoptr(GBytes) listing = NULL;

	*out = (struct own_key){ 0 };
	if (!is_fingerprint(fingerprint))
		return fail(error, NEVER, "%s: not a full fingerprint", fingerprint);
	const char *const list[] = { "--with-colons", "--with-keygrip", "--fixed-list-mode",
		"--list-keys", fingerprint, NULL };
	const char *const export[] = { "--export", fingerprint, NULL };
	const char *const minimal[] = { "--export-options", "export-minimal", "--export",
		fingerprint, NULL };
	enum outcome how = run_gpg(keys_home, list, &listing, error);
	if (how == DONE)
		how = run_gpg(keys_home, export, &out->certificate, error);
	if (how == DONE)
		how = run_gpg(keys_home, minimal, &out->minimal, error);
	if (how == DONE && g_bytes_get_size(out->certificate) == 0)
		how = fail(error, NEVER, "%s: no such key in %s", fingerprint, keys_home);
	if (how == DONE)
		secrets_find(keys_home, listing, out);
	else
		own_key_clear(out);
	return how;
}
