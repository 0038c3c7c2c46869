/* SPDX-License-Identifier: ISC
 *
 * spawn: starts one role as a child of this process (ungcuud, ungcuuctl): which program, which
 * descriptors, which folders, whose uid, a fixed environment.  Relies on role/worker.c, which reads
 * these arguments and enters the jail.  Never searches PATH, never passes the caller's environment
 * or descriptors on.
 */
#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef PKGLIBEXECDIR
#define PKGLIBEXECDIR "/usr/local/libexec/ungcuu"
#endif

#ifndef GPG_PROGRAM
#define GPG_PROGRAM "/usr/bin/gpg"
#endif

#define CHILD_FD	3	/* the socket; inherited descriptors follow it */
#define INHERIT_MAX	8

/* ---- whose uid -------------------------------------------------------------------------- */

enum outcome
role_user(const struct options *options, enum role role, gint64 *uid, gint64 *gid, GError **error)
{
	const char *name = NULL;

	*uid = *gid = -1;
	if (role != ROLE_SUPERVISOR)
		name = options_text(options, "process.users.%s", role_row(role)->name);
	if (!name || !*name)
		name = options_text(options, "process.user");
	if (!name || !*name || geteuid() != 0)
		return DONE;
	errno = 0;
	const struct passwd *entry = getpwnam(name);
	if (!entry)
		return fail(error, NEVER, "process.user: no such user: %s", name);
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return DONE;
}

/* ---- which folders ---------------------------------------------------------------------- */

enum place_kind { WHOLE, PARENT, FIXED, ONLINE };
struct place {
	unsigned roles;
	enum place_kind kind;
	const char *right;	/* of struct jail: r: w: x: */
	const char *name;	/* option (%u: the worker's index), or a path */
};
/* WHOLE: the option's path; PARENT: the folder it lies in, where the file may have to be made;
 * ONLINE: FIXED, for a worker that talks to a server. */
#define OUTSIDE	(ROLE_FETCH | ROLE_SUBMIT)
static const struct place places[] = {
	{ ROLE_HUB,    PARENT, "w:", "store.path" },
	{ ROLE_HUB,    WHOLE,  "w:", "store.spool" },
	{ ROLE_HUB,    PARENT, "w:", "store.key_file" },
	{ ROLE_HUB,    PARENT, "w:", "control.socket" },
	{ ROLE_HUB,    WHOLE,  "r:", "keys.certificates" },
	{ ROLE_HUB,    FIXED,  "r:", "/usr/share/zoneinfo" },
	{ ROLE_HUB,    FIXED,  "r:", "/etc/localtime" },
	{ ROLE_HUB,    FIXED,  "r:", "/dev/urandom" },
	/* whose child a client of the control socket is; memory and environment stay closed */
	{ ROLE_HUB,    FIXED,  "r:", "/proc" },
	{ ROLE_FETCH,  WHOLE,  "w:", "mailboxes.%u.path" },
	{ ROLE_FETCH,  WHOLE,  "r:", "mailboxes.%u.ca_file" },
	{ ROLE_SUBMIT, WHOLE,  "w:", "submission.path" },
	{ ROLE_SUBMIT, WHOLE,  "r:", "submission.ca_file" },
	/* the system's CAs; what looking up a host reads, and where a resolver keeps its file */
	{ OUTSIDE,     ONLINE, "r:", "/etc/ssl/certs" },
	{ OUTSIDE,     ONLINE, "r:", "/etc/resolv.conf" },
	{ OUTSIDE,     ONLINE, "r:", "/run/systemd/resolve" },
	{ OUTSIDE,     ONLINE, "r:", "/run/resolvconf" },
	{ OUTSIDE,     ONLINE, "r:", "/run/NetworkManager" },
	{ OUTSIDE,     ONLINE, "r:", "/etc/hosts" },
	{ OUTSIDE,     ONLINE, "r:", "/etc/host.conf" },
	{ OUTSIDE,     ONLINE, "r:", "/etc/nsswitch.conf" },
	{ OUTSIDE,     ONLINE, "r:", "/etc/gai.conf" },
	/* what gpg needs to start and to run (strace); its home is added below */
	{ ROLE_KEYS,   FIXED,  "x:", GPG_PROGRAM },
	{ ROLE_KEYS,   FIXED,  "x:", "/usr/lib" },
	{ ROLE_KEYS,   FIXED,  "r:", "/etc/ld.so.cache" },
	{ ROLE_KEYS,   FIXED,  "w:", "/dev/null" },
};

static void
add_path(GPtrArray *argv, const char *right, const char *path)
{
	char *word = g_strconcat(right, path, NULL);

	if (g_ptr_array_find_with_equal_func(argv, word, g_str_equal, NULL))
		g_free(word);
	else
		g_ptr_array_add(argv, word);
}

static void
add_paths(GPtrArray *argv, const struct options *options, enum role role, guint index,
	bool offline)
{
	for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
		const struct place *place = &places[i];
		const char *path = place->name;

		if (!(place->roles & role) || (place->kind == ONLINE && offline))
			continue;
		if (place->kind == WHOLE || place->kind == PARENT) {
			g_auto(GStrv) around = g_strsplit(place->name, "%u", 2);
			g_autofree char *name = around[1] ?
				g_strdup_printf("%s%u%s", around[0], index, around[1]) :
				g_strdup(place->name);

			path = options_text(options, "%s", name);
		}
		if (!path || !*path)
			continue;
		g_autofree char *parent = g_path_get_dirname(path);
		add_path(argv, place->right, place->kind == PARENT ? parent : path);
	}
}

/* A worker that only moves files about needs no network at all. */
static bool
needs_no_network(const struct options *options, enum role role, guint index)
{
	const char *type = NULL;

	if (role == ROLE_FETCH)
		type = options_text(options, "mailboxes.%u.type", index);
	else if (role == ROLE_SUBMIT)
		type = options_text(options, "submission.type");
	return g_strcmp0(type, "maildir") == 0;
}

/* ---- which program ---------------------------------------------------------------------- */

static char *
own_folder(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

	return self ? g_path_get_dirname(self) : NULL;
}

/* All or none: roles of two builds must never talk to each other. */
static bool
holds_all_programs(const char *folder)
{
	for (const struct role_row *row = roles_table; row->name; row++) {
		g_autofree char *path = g_build_filename(folder, row->program, NULL);

		if (row->role != ROLE_SUPERVISOR && row->role != ROLE_CONTROL &&
		    access(path, X_OK) != 0)
			return false;
	}
	return true;
}

static char *
program_path(enum role role)
{
	g_autofree char *own = own_folder();

	return g_build_filename(own && holds_all_programs(own) ? own : PKGLIBEXECDIR,
		role_row(role)->program, NULL);
}

/* ---- the child -------------------------------------------------------------------------- */

#ifdef UNGCUU_TEST_HOOKS
static int
hooks_fd(void)
{
	gint64 fd = -1;
	const char *text = g_getenv("UNGCUU_HOOKS");

	if (text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT, &fd, NULL))
		return (int)fd;
	return -1;
}
#endif

/* The fixed environment; `hooks` is the descriptor's number in the child, or -1. */
static char **
environment(int hooks)
{
	GPtrArray *out = g_ptr_array_new();

	g_ptr_array_add(out, g_strdup("PATH=/usr/bin:/bin"));
	g_ptr_array_add(out, g_strdup("LC_ALL=C.UTF-8"));
	g_ptr_array_add(out, g_strdup("HOME=/nonexistent"));
	if (hooks >= 0)
		g_ptr_array_add(out, g_strdup_printf("UNGCUU_HOOKS=%d", hooks));
#ifdef __SANITIZE_ADDRESS__
	static const char *const passed[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };

	for (guint i = 0; i < G_N_ELEMENTS(passed); i++)
		if (g_getenv(passed[i]))
			g_ptr_array_add(out,
				g_strdup_printf("%s=%s", passed[i], g_getenv(passed[i])));
#endif
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}

/* Puts fds[0..n) at 3, 4, …; null at 0, 1 and, with a syslog, 2; closes everything else. */
static bool
place_descriptors(int *fds, int n, bool keep_stderr)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Out of the way first, so that no target is still a source. */
	for (int i = 0; i < n; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, CHILD_FD + n)) < 0)
			return false;
	for (int i = 0; i < n; i++)
		if (dup2(fds[i], CHILD_FD + i) < 0)
			return false;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return false;
	if (!keep_stderr && dup2(null, STDERR_FILENO) < 0)
		return false;
	return close_range((unsigned)(CHILD_FD + n), ~0U, 0) == 0;
}

struct image {
	const char *program;
	char **argv, **env;
	int fds[INHERIT_MAX];
	int n;
	bool keep_stderr;
};

G_NORETURN static void
run_image(struct image *image, pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	/* The parent may have died before the request was made: then nobody would ever end us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EX_OSERR);
	if (!place_descriptors(image->fds, image->n, image->keep_stderr))
		_exit(EX_OSERR);
	umask(077);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(image->program, image->argv, image->env);
	_exit(EX_OSERR);
}

/* ---- spawn_role ------------------------------------------------------------------------- */

/* keys: its private home lies in RUNTIME/kINDEX, which only its uid can enter. */
static enum outcome
make_home_folder(const char *runtime, guint index, gint64 uid, gint64 gid, char **out,
	GError **error)
{
	g_autofree char *folder = g_strdup_printf("%s/k%u", runtime, index);

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return fail(error, LATER, "%s: %s", folder, g_strerror(errno));
	if (uid >= 0 && (lchown(folder, (uid_t)uid, (gid_t)gid) != 0 || chmod(runtime, 0711) != 0))
		return fail(error, LATER, "%s: %s", folder, g_strerror(errno));
	*out = g_steal_pointer(&folder);
	return DONE;
}

static enum outcome
arguments_of(const struct spawn_settings *settings, enum role role, guint index, GPtrArray *argv,
	GError **error)
{
	bool offline = needs_no_network(settings->options, role, index);
	gint64 uid, gid;
	enum outcome how = role_user(settings->options, role, &uid, &gid, error);

	if (how != DONE)
		return how;
	g_ptr_array_add(argv, g_strdup(role_row(role)->program));
	g_ptr_array_add(argv, g_strdup_printf("%d", CHILD_FD));
	if (settings->no_jail)
		g_ptr_array_add(argv, g_strdup("--no-jail"));
	if (settings->syslog)
		g_ptr_array_add(argv, g_strdup("--syslog"));
	if (offline)
		g_ptr_array_add(argv, g_strdup("--no-network"));
	g_ptr_array_add(argv, g_strdup("--verbose"));
	g_ptr_array_add(argv, g_strdup_printf("%d", settings->verbose));
	if (uid >= 0) {
		g_ptr_array_add(argv, g_strdup("--uid"));
		g_ptr_array_add(argv, g_strdup_printf("%" G_GINT64_FORMAT, uid));
		g_ptr_array_add(argv, g_strdup("--gid"));
		g_ptr_array_add(argv, g_strdup_printf("%" G_GINT64_FORMAT, gid));
	}
	add_paths(argv, settings->options, role, index, offline);
	if (role == ROLE_KEYS) {
		g_autofree char *home = NULL;

		how = make_home_folder(settings->runtime, index, uid, gid, &home, error);
		if (how != DONE)
			return how;
		add_path(argv, "w:", home);
	}
	return DONE;
}

static void
collect_descriptors(struct image *image, int *hooks, const int *fds)
{
	for (; fds && *fds >= 0; fds++) {
		if (image->n >= INHERIT_MAX - 1)
			panic("spawn: more than %d descriptors to inherit", INHERIT_MAX - 2);
		image->fds[image->n++] = *fds;
	}
#ifdef UNGCUU_TEST_HOOKS
	if (hooks_fd() >= 0) {
		*hooks = CHILD_FD + image->n;
		image->fds[image->n++] = hooks_fd();
	}
#else
	(void)hooks;
#endif
}

enum outcome
spawn_role(const struct spawn_settings *settings, enum role role, guint index, const int *fds,
	struct spawned *out, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *program = program_path(role);
	int pair[2], hooks = -1;
	enum outcome how;

	if (access(program, X_OK) != 0)
		return fail(error, NEVER, "%s: %s", program, g_strerror(errno));
	if ((how = arguments_of(settings, role, index, argv, error)) != DONE)
		return how;
	g_ptr_array_add(argv, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return fail(error, LATER, "socketpair: %s", g_strerror(errno));

	struct image image = { .program = program, .argv = (char **)argv->pdata, .fds = { pair[1] },
		.n = 1, .keep_stderr = !settings->syslog };
	collect_descriptors(&image, &hooks, fds);
	g_auto(GStrv) env = environment(hooks);
	image.env = env;
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		run_image(&image, parent);
	int why = errno;
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return fail(error, LATER, "fork: %s", g_strerror(why));
	}
	setpgid(pid, pid);	/* here too: whoever comes first, a kill of the group reaches it */
	out->role = role;
	out->index = index;
	out->pid = pid;
	out->fd = pair[0];
	return DONE;
}
