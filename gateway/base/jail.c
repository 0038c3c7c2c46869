/* SPDX-License-Identifier: ISC
 *
 * jail: what a process gives up before it works: ids, cores, new privileges, the network, the file
 * system outside its own folders (Landlock, raw system calls), the system calls it needs not
 * (jail-filter.c).  Relies on being called in main() while there is one thread.  Refuses to go on
 * (fatal) without a required layer; a kernel without an optional one is reported in the log.
 */
#include "base/base.h"
#include "base/jail-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define OPEN_FILES	256

static bool is_absent;		/* --no-jail: a letter has its limits, but no filter either */

/* ---- small parts --------------------------------------------------------------------- */

/* The folder of a process's threads has two links and one more for each of them. */
static void
assert_one_thread(void)
{
	struct stat status;

	if (stat("/proc/self/task", &status) != 0)
		fatal(EX_OSERR, "jail: /proc/self/task: %s", g_strerror(errno));
	if (status.st_nlink != 3)
		panic("jail: entered with %u threads", (guint)status.st_nlink - 2);
}

static void
missing(const char *feature, const char *why)
{
	log_event(LOG_WARNING, "jail-missing", "feature=%s why=\"%s\"", feature, why);
}

static void
limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit now;

	if (getrlimit(resource, &now) != 0)
		fatal(EX_OSERR, "jail: getrlimit: %s", g_strerror(errno));
	now.rlim_max = MIN(hard, now.rlim_max);
	now.rlim_cur = MIN(soft, now.rlim_max);
	if (setrlimit(resource, &now) != 0)
		fatal(EX_OSERR, "jail: limit %d: %s", resource, g_strerror(errno));
}

static void
limit_memory(gsize memory)
{
#ifdef __SANITIZE_ADDRESS__
	(void)memory;		/* the sanitizer's shadow alone is larger than any limit */
#else
	if (memory > 0)
		limit(RLIMIT_AS, memory, memory);
#endif
}

/* XCPU at the soft limit, and a KILL a second later for a process that blocks it. */
static void
limit_cpu(guint seconds)
{
	if (seconds > 0)
		limit(RLIMIT_CPU, seconds, (rlim_t)seconds + 1);
}

static void
control(int option, unsigned long value, const char *what)
{
	if (prctl(option, value, 0UL, 0UL, 0UL) != 0)
		fatal(EX_OSERR, "jail: %s: %s", what, g_strerror(errno));
}

/* ---- ids and network ----------------------------------------------------------------- */

static void
drop_ids(gint64 uid, gint64 gid)
{
	if (uid < 0 && gid < 0)
		return;
	if (uid < 0 || gid < 0)
		panic("jail: a uid without a gid");
	uid_t u = (uid_t)uid;
	gid_t g = (gid_t)gid;
	if (geteuid() != 0 && getuid() == u && geteuid() == u && getegid() == g)
		return;
	if (setgroups(0, NULL) != 0 || setresgid(g, g, g) != 0 || setresuid(u, u, u) != 0)
		fatal(EX_OSERR, "jail: cannot become uid %" G_GINT64_FORMAT ": %s", uid,
			g_strerror(errno));
	if (u != 0 && setresuid(0, 0, 0) == 0)
		fatal(EX_OSERR, "jail: became uid %" G_GINT64_FORMAT " and could come back", uid);
}

/* As root only: a user namespace would do it for others, but it shows other uids to SO_PEERCRED and
 * to everything that checks the owner of a file.  The filter's address families are the layer that
 * is required. */
static void
leave_network(void)
{
	if (geteuid() != 0)
		missing("netns", "not started as root");
	else if (unshare(CLONE_NEWNET) != 0)
		missing("netns", g_strerror(errno));
}

/* ---- Landlock ------------------------------------------------------------------------ */

/* Newer than the headers of Debian 12. */
#define FS_TRUNCATE	(1ULL << 14)
#define FS_IOCTL_DEV	(1ULL << 15)

#define FS_READ		(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                 \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                     \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                       \
		LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_EXECUTE	(FS_READ | LANDLOCK_ACCESS_FS_EXECUTE)
/* A rule on a plain file with any right of a folder in its mask is EINVAL. */
#define FS_OF_FILE	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static const struct { char letter; guint64 rights; } path_rights[] = {
	{ 'r', FS_READ }, { 'w', FS_WRITE }, { 'x', FS_EXECUTE },
};

/* The version of Landlock this kernel speaks; 0: none. */
static long
landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? version : 0;
}

/* Every right over files that this version governs: what is not granted below is refused. */
static guint64
rights_of_version(long version)
{
	static const guint64 last[] = { 0, LANDLOCK_ACCESS_FS_MAKE_SYM, LANDLOCK_ACCESS_FS_REFER,
		FS_TRUNCATE, FS_TRUNCATE, FS_IOCTL_DEV };

	return (last[MIN((gsize)version, G_N_ELEMENTS(last) - 1)] << 1) - 1;
}

static guint64
rights_of_path(const char *path)
{
	for (gsize i = 0; i < G_N_ELEMENTS(path_rights); i++)
		if (path[0] == path_rights[i].letter && path[1] == ':' && path[2] == '/')
			return path_rights[i].rights;
	panic("jail: not a path with its right: %s", path);
}

static void
landlock_allow(int ruleset, guint64 handled, const char *path)
{
	guint64 rights = rights_of_path(path) & handled;
	struct stat status;
	int fd = open(path + 2, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0) {
		g_autofree char *name = log_quote(path);

		log_event(errno == ENOENT ? LOG_INFO : LOG_WARNING, "jail-path",
			"path=%s why=\"%s\"", name, g_strerror(errno));
	} else {
		struct landlock_path_beneath_attr rule = {
			.allowed_access = S_ISDIR(status.st_mode) ? rights : rights & FS_OF_FILE,
			.parent_fd = fd,
		};

		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) !=
			0)
			fatal(EX_OSERR, "jail: landlock rule %s: %s", path, g_strerror(errno));
	}
	if (fd >= 0)
		close(fd);
}

static void
leave_files(const char *const *paths)
{
	long version = landlock_version();

	if (version == 0) {
		missing("landlock", g_strerror(errno));
		return;
	}
	struct landlock_ruleset_attr attr = { .handled_access_fs = rights_of_version(version) };
	int ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	if (ruleset < 0)
		fatal(EX_OSERR, "jail: landlock: %s", g_strerror(errno));
	for (; paths && *paths; paths++)
		landlock_allow(ruleset, attr.handled_access_fs, *paths);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		fatal(EX_OSERR, "jail: landlock: %s", g_strerror(errno));
	close(ruleset);
}

/* ---- entering ------------------------------------------------------------------------ */

void
jail_enter(const struct jail *jail)
{
	rlim_t files = jail->open_files ? jail->open_files : OPEN_FILES;

	assert_one_thread();
	is_absent = jail->absent;
	if (!jail->absent && !(jail->allow & JAIL_INET))
		leave_network();
	drop_ids(jail->uid, jail->gid);
	limit(RLIMIT_CORE, 0, 0);
	/* A change of ids undoes both of these: after it. */
	control(PR_SET_DUMPABLE, 0, "dumpable");
	control(PR_SET_PDEATHSIG, SIGKILL, "pdeathsig");
	if (jail->absent) {
		log_event(LOG_WARNING, "jail-absent", "program=%s", jail->role);
		return;
	}
	limit(RLIMIT_NOFILE, files, files);
	limit_memory(jail->memory);
	limit_cpu(jail->cpu_seconds);
	control(PR_SET_NO_NEW_PRIVS, 1, "no-new-privs");
	leave_files(jail->paths);
	filter_enter(jail->allow);
}

void
jail_letter_prepare(void)
{
	if (!is_absent)
		filter_letter_prepare();
}

/* A child starts with its parent's blocked signals and handlers: back to what ends a process. */
static void
restore_signal(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	(void)signal(number, SIG_DFL);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void
jail_letter(guint wall_seconds, guint cpu_seconds, gsize memory)
{
	control(PR_SET_PDEATHSIG, SIGKILL, "pdeathsig");	/* not inherited by fork() */
	restore_signal(SIGALRM);
	restore_signal(SIGXCPU);
	restore_signal(SIGTERM);
	restore_signal(SIGABRT);
	/* What a letter may write into its memfds: those count against no address space. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (memory > 0)
		limit(RLIMIT_FSIZE, memory, memory);
	limit_memory(memory);
	limit_cpu(cpu_seconds);
	alarm(wall_seconds);
	log_freeze("letter");
	if (!is_absent)
		filter_letter_enter();
}

/* ---- what this kernel can do --------------------------------------------------------- */

/* Making a network namespace takes CAP_SYS_ADMIN. */
static bool
may_leave_network(void)
{
	g_autofree char *status = NULL;

	if (access("/proc/self/ns/net", F_OK) != 0 ||
	    !g_file_get_contents("/proc/self/status", &status, NULL, NULL))
		return false;
	const char *line = strstr(status, "\nCapEff:");
	return line && (g_ascii_strtoull(line + strlen("\nCapEff:"), NULL, 16) & (1ULL << 21));
}

static bool
may_kill_by_filter(void)
{
	guint32 action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

const struct jail_feature *
jail_features(void)
{
	static struct jail_feature features[7];
	long version = landlock_version();
	guint n = 0;

	features[n++] = (struct jail_feature){ "no-new-privs",
		prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) >= 0 };
	features[n++] = (struct jail_feature){ "seccomp", may_kill_by_filter() };
	features[n++] = (struct jail_feature){ "landlock", version >= 1 };
	features[n++] = (struct jail_feature){ "landlock-refer", version >= 2 };
	features[n++] = (struct jail_feature){ "landlock-truncate", version >= 3 };
	features[n++] = (struct jail_feature){ "netns", may_leave_network() };
	features[n] = (struct jail_feature){ NULL, false };
	return features;
}
