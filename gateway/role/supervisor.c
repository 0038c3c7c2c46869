/* SPDX-License-Identifier: ISC
 *
 * supervisor (ungcuud): checks the configuration, holds the store's lock, starts agents and roles,
 * starts them again, ends them all.  Sees the configuration and nothing else: no mail, no database,
 * no socket of a network.  Single-threaded; one poll over signals, roles, agents and helpers.
 */
#define option long_option	/* model.h has its own struct option */
#include <getopt.h>
#undef option

#include "role/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#ifndef SYSCONFDIR
#define SYSCONFDIR "/usr/local/etc"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

#define LOCK_MS		10000
#define STOP_MS		30000

/* ---- options ---------------------------------------------------------------------------- */

struct arguments { const char *file; bool check, debug, once, no_jail, faults; int verbose; };

static const char usage[] =
	"usage: ungcuud [-f FILE] [-n] [-d] [-v] [--once] [--no-jail]\n"
	"  -f, --file FILE  configuration (" SYSCONFDIR "/ungcuu/ungcuu.conf)\n"
	"  -n, --check      check the configuration and exit\n"
	"  -d, --debug      log on standard error instead of syslog\n"
	"  -v, --verbose    say more; twice: all\n"
	"      --once       fetch, work until nothing is due now, submit, exit\n"
	"      --no-jail    for tests: without sandboxes\n"
#ifdef UNGCUU_TEST_HOOKS
	"      --fault list print the fault points\n"
#endif
	"  -h, --help       -V, --version\n";

enum { OPT_ONCE = 256, OPT_NO_JAIL, OPT_FAULT };
static const struct long_option long_options[] = {
	{ "file",    required_argument, NULL, 'f' },
	{ "check",   no_argument,       NULL, 'n' },
	{ "debug",   no_argument,       NULL, 'd' },
	{ "verbose", no_argument,       NULL, 'v' },
	{ "once",    no_argument,       NULL, OPT_ONCE },
	{ "no-jail", no_argument,       NULL, OPT_NO_JAIL },
#ifdef UNGCUU_TEST_HOOKS
	{ "fault",   required_argument, NULL, OPT_FAULT },
#endif
	{ "help",    no_argument,       NULL, 'h' },
	{ "version", no_argument,       NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

G_NORETURN static void
say_and_exit(FILE *to, const char *text, int code)
{
	fputs(text, to);
	exit(fflush(to) == 0 ? code : EX_IOERR);
}

#ifdef UNGCUU_TEST_HOOKS
static void
list_frames(const char *when, const struct verb *verb, unsigned roles)
{
	for (const struct role_row *row = roles_table; row->name; row++)
		if (roles & row->role)
			printf("frame.%s.%s %s\n", when, verb->name, row->name);
}

G_NORETURN static void
list_faults(const char *word)
{
	if (strcmp(word, "list") != 0)
		say_and_exit(stderr, usage, EX_USAGE);
	for (const char *const *name = fault_names(); *name; name++)
		puts(*name);
	for (guint i = 0; i < N_VERBS; i++) {
		list_frames("send.before", &verbs_table[i], verbs_table[i].from);
		list_frames("send.after", &verbs_table[i], verbs_table[i].from);
		list_frames("receive.before", &verbs_table[i], verbs_table[i].to);
		list_frames("receive.after", &verbs_table[i], verbs_table[i].to);
	}
	exit(EX_OK);
}
#endif

static struct arguments
parse(int argc, char **argv)
{
	struct arguments a = { .file = SYSCONFDIR "/ungcuu/ungcuu.conf" };
	int letter;

	while ((letter = getopt_long(argc, argv, "f:ndvhV", long_options, NULL)) != -1)
		switch (letter) {
		case 'f': a.file = optarg; break;
		case 'n': a.check = true; break;
		case 'd': a.debug = true; break;
		case 'v': a.verbose++; break;
		case OPT_ONCE: a.once = true; break;
		case OPT_NO_JAIL: a.no_jail = true; break;
#ifdef UNGCUU_TEST_HOOKS
		case OPT_FAULT: list_faults(optarg);
#endif
		case 'h': say_and_exit(stdout, usage, EX_OK);
		case 'V': say_and_exit(stdout, "ungcuud " PACKAGE_VERSION "\n", EX_OK);
		default: say_and_exit(stderr, usage, EX_USAGE);
		}
	if (optind < argc)
		say_and_exit(stderr, usage, EX_USAGE);
	return a;
}

/* All faults at once, to a person, whatever the log is. */
static struct options *
read_configuration(const char *file)
{
	struct options *options = NULL;
	char **faults = configuration_read(file, &options);

	if (!faults)
		faults = configuration_check(options, true);
	if (!faults)
		return options;
	for (char **fault = faults; *fault; fault++)
		fprintf(stderr, "%s\n", *fault);
	exit(options != NULL && options_text(options, "run.later") ? EX_TEMPFAIL : EX_CONFIG);
}

/* ---- before the first child ------------------------------------------------------------- */

/* Folders the gateway may make itself, each for the role that works in it. */
static const struct { enum role role; const char *option; bool parent; } folders[] = {
	{ ROLE_HUB,    "store.path",      true },
	{ ROLE_HUB,    "store.spool",     false },
	{ ROLE_HUB,    "control.socket",  true },
	{ ROLE_HUB,    "keys.certificates", false },
	{ ROLE_SUBMIT, "submission.path", false },
};

static void
make_folders(const struct options *options)
{
	for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
		const char *path = options_text(options, "%s", folders[i].option);
		g_autoptr(GError) error = NULL;
		gint64 uid, gid;

		if (!path || !*path)
			continue;
		g_autofree char *parent = g_path_get_dirname(path);
		const char *folder = folders[i].parent ? parent : path;
		if (access(folder, F_OK) == 0)
			continue;
		if (role_user(options, folders[i].role, &uid, &gid, &error) != DONE)
			fatal(EX_CONFIG, "%s", error->message);
		if (g_mkdir_with_parents(folder, 0700) != 0 ||
		    (uid >= 0 && lchown(folder, (uid_t)uid, (gid_t)gid) != 0))
			fatal(EX_CANTCREAT, "%s: %s", folder, g_strerror(errno));
	}
}

/* Held by us and, inherited, by the hub: as long as either lives, nobody else writes this store. */
static int
take_lock(const struct options *options)
{
	g_autofree char *path = g_strconcat(options_text(options, "store.path"), ".lock", NULL);
	gint64 due = program_clock() + LOCK_MS, uid = -1, gid = -1;
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fstat(fd, &st) != 0)
		fatal(EX_CANTCREAT, "%s: %s", path, g_strerror(errno));
	/* The folder may be another uid's: nothing of ours is given away under this name. */
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		fatal(EX_CANTCREAT, "%s: not a file of its own", path);
	if (role_user(options, ROLE_HUB, &uid, &gid, NULL) == DONE && uid >= 0 &&
	    fchown(fd, (uid_t)uid, (gid_t)gid) != 0)
		fatal(EX_CANTCREAT, "%s: %s", path, g_strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (program_clock() >= due)
			fatal(EX_TEMPFAIL, "%s: another daemon or a restore holds this store",
				path);
		poll(NULL, 0, 100);
	}
	return fd;
}

/* No filter: gpg, helpers and roles are started from here.  But nothing is ever gained. */
static void
restrict_self(void)
{
	const struct rlimit no_core = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &no_core) != 0 || prctl(PR_SET_DUMPABLE, 0UL) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1UL) != 0)
		fatal(EX_OSERR, "cannot restrict itself: %s", g_strerror(errno));
}

static int
take_signals(void)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	sigset_t set;

	sigemptyset(&set);
	for (guint i = 0; i < G_N_ELEMENTS(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		fatal(EX_OSERR, "signalfd: %s", g_strerror(errno));
	return fd;
}

/* ---- signals ---------------------------------------------------------------------------- */

void
supervisor_end(struct supervisor *sup, int exit_code)
{
	if (sup->ended)
		return;
	sup->ended = true;
	sup->exit_code = exit_code;
}

/* --once promises with 0 that nothing is left: only the hub can say so. */
int
supervisor_default_code(const struct supervisor *sup)
{
	return sup->once ? EXIT_FAILURE : EX_OK;
}

void
supervisor_stop(struct supervisor *sup)
{
	if (sup->finished)
		return;			/* it stops already, and has said with what */
	if (sup->stopping || sup->hub->state != SLOT_UP) {
		/* asked twice, or nothing has begun */
		supervisor_end(sup, supervisor_default_code(sup));
		return;
	}
	log_event(LOG_NOTICE, "stop", "deadline=%d", STOP_MS / 1000);
	sup->stopping = true;
	sup->stop_due = program_clock() + STOP_MS;
	if (peer_send(sup->hub->peer, VERB_STOP, g_variant_new("()"), NULL, 0, NULL) != DONE)
		supervisor_end(sup, EX_SOFTWARE);
}

static struct slot *
slot_of_pid(struct supervisor *sup, pid_t pid)
{
	for (guint i = 0; i < sup->slots->len; i++) {
		struct slot *slot = sup->slots->pdata[i];

		if (slot->pid == pid)
			return slot;
	}
	return sup->hub->pid == pid ? sup->hub : NULL;
}

/* While the zombie keeps its number, the rest of its group is killed; then it is let go. */
static void
on_child(struct supervisor *sup)
{
	siginfo_t info = { 0 };

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
		struct slot *slot = slot_of_pid(sup, info.si_pid);
		int status = 0;

		for (guint i = 0; i < sup->slots->len; i++) {
			struct slot *other = sup->slots->pdata[i];

			if (other->agent.pid == info.si_pid)
				other->agent.pid = -1;	/* its connection tells the rest */
		}
		kill(-info.si_pid, SIGKILL);
		if (waitpid(info.si_pid, &status, 0) != info.si_pid)
			return;
		if (slot && slot->peer)
			set_receive(sup, slot);	/* what it sent before it died still counts */
		if (slot)
			slot_reaped(sup, slot, status);
		else
			helper_reaped(sup, info.si_pid, status);
		info.si_pid = 0;
	}
}

static const struct { int signal; void (*handle)(struct supervisor *); } handlers[] = {
	{ SIGCHLD, on_child },
	{ SIGTERM, supervisor_stop },
	{ SIGINT,  supervisor_stop },
	{ SIGHUP,  set_reload },
	{ SIGUSR1, set_report },
};

static void
on_signal(struct supervisor *sup)
{
	struct signalfd_siginfo info;

	while (!sup->ended && read(sup->signal_fd, &info, sizeof info) == sizeof info)
		for (guint i = 0; i < G_N_ELEMENTS(handlers); i++)
			if (handlers[i].signal == (int)info.ssi_signo)
				handlers[i].handle(sup);
}

/* ---- the loop --------------------------------------------------------------------------- */

static void
watch(GArray *fds, int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	if (fd >= 0)
		g_array_append_val(fds, one);
}

static void
watch_all(struct supervisor *sup, GArray *fds)
{
	g_array_set_size(fds, 0);
	watch(fds, sup->signal_fd);
	for (guint i = 0; i <= sup->slots->len; i++) {
		const struct slot *slot = i < sup->slots->len ? sup->slots->pdata[i] : sup->hub;

		if (slot->peer && (slot->role == ROLE_HUB || slot->state == SLOT_STARTING) &&
		    slot->state != SLOT_ENDING)
			watch(fds, peer_fd(slot->peer));
		watch(fds, slot->agent.watch_fd);
	}
	for (guint i = 0; i < sup->helpers->len; i++)
		watch(fds, helper_fd(sup->helpers->pdata[i]));
}

/* By what is there now: the handler before may have ended this one's owner. */
static void
dispatch(struct supervisor *sup, int fd)
{
	if (fd == sup->signal_fd) {
		on_signal(sup);
		return;
	}
	for (guint i = 0; i <= sup->slots->len; i++) {
		struct slot *slot = i < sup->slots->len ? sup->slots->pdata[i] : sup->hub;

		if (slot->peer && peer_fd(slot->peer) == fd) {
			set_receive(sup, slot);
			return;
		}
		if (slot->agent.watch_fd == fd) {
			set_agent_gone(slot);
			return;
		}
	}
}

static int
wait_ms(struct supervisor *sup)
{
	gint64 next = set_next_due(sup), now = program_clock();

	for (guint i = 0; i < sup->helpers->len; i++)
		if (next < 0 || helper_due(sup->helpers->pdata[i]) < next)
			next = helper_due(sup->helpers->pdata[i]);
	if ((sup->stopping || sup->finished) && (next < 0 || sup->stop_due < next))
		next = sup->stop_due;
	return next < 0 ? -1 : (int)CLAMP(next - now, 0, 3600 * 1000);
}

static void
loop(struct supervisor *sup)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));

	while (!sup->ended) {
		set_start_due(sup);
		if (sup->ended)
			break;
		watch_all(sup, fds);
		struct pollfd *ready = (struct pollfd *)(gpointer)fds->data;
		if (poll(ready, fds->len, wait_ms(sup)) < 0 && errno != EINTR)
			fatal(EX_OSERR, "poll: %s", g_strerror(errno));
		for (guint i = 0; i < fds->len && !sup->ended; i++)
			if (ready[i].revents)
				dispatch(sup, ready[i].fd);
		helper_work(sup);
		if ((sup->stopping || sup->finished) && program_clock() >= sup->stop_due)
			supervisor_end(sup, sup->finished ? sup->finished_code :
				sup->gave_up ? EXIT_FAILURE : EX_SOFTWARE);
	}
	g_array_free(fds, TRUE);
}

static void
release(struct supervisor *sup)
{
	g_ptr_array_unref(sup->helpers);
	g_ptr_array_unref(sup->slots);
	slot_free(sup->hub);
	options_free(sup->options);
	options_free(sup->reload);
	g_free(sup->runtime);
}

int
main(int argc, char **argv)
{
	struct arguments a = parse(argc, argv);
	struct supervisor sup = { .file = a.file, .once = a.once, .signal_fd = -1,
		.last_death = DEATH_UNEXPLAINED, .began = clock_now() };
	g_autoptr(GError) error = NULL;

	umask(077);
	log_open("supervisor", a.debug ? LOG_TO_STDERR : LOG_TO_SYSLOG, a.verbose);
	restrict_self();
	sup.options = read_configuration(a.file);
	if (a.check)
		return EX_OK;
	if (geteuid() != 0 && options_text(sup.options, "process.user"))
		log_event(LOG_WARNING, "users-ignored", "why=\"not started as root\"");
	make_folders(sup.options);
	sup.lock_fd = take_lock(sup.options);
	sup.runtime = runtime_new(options_text(sup.options, "store.path"), &error);
	if (!sup.runtime)
		fatal(EX_OSERR, "%s", error->message);
	sup.signal_fd = take_signals();
	sup.settings = (struct spawn_settings){ .no_jail = a.no_jail, .syslog = !a.debug,
		.verbose = a.verbose, .options = sup.options, .runtime = sup.runtime };
	sup.slots = g_ptr_array_new_with_free_func(slot_free);
	sup.helpers = helper_list_new();
	set_make(&sup);
	log_event(LOG_NOTICE, "start", "version=%s pid=%d once=%d", PACKAGE_VERSION, (int)getpid(),
		a.once);
	loop(&sup);
	set_kill(&sup);
	runtime_remove(sup.runtime);
	log_event(LOG_NOTICE, "end", "code=%d", sup.exit_code);
	release(&sup);
	return sup.exit_code;
}
