/* SPDX-License-Identifier: ISC
 *
 * worker: the one main loop of fetch, mime, keys and submit, and the start every role shares:
 * arguments, log, jail, socket, slice of the configuration.  Relies on role/spawn.c for descriptors
 * and environment, and on base for jail and frames.  Frames of the hub are checked like any others:
 * a wrong one ends the process.
 */
#include "role/role.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define SLICE_MAX	(16 * 1024 * 1024)	/* bytes; templates make up most of the hub's */

/* ---- slices ---------------------------------------------------------------------------- */

bool
role_send_slice(struct peer *peer, const struct options *slice, GError **error)
{
	g_autoptr(GVariant) variant = g_variant_ref_sink(options_to_variant(slice));
	g_autoptr(GBytes) bytes = g_variant_get_data_as_bytes(variant);
	int fd = memfd_from_bytes(bytes);
	enum outcome sent = peer_send(peer, VERB_SLICE,
		g_variant_new("(t)", (guint64)g_bytes_get_size(bytes)), &fd, 1, error);

	close(fd);
	return sent == DONE;
}

struct options *
role_read_slice(struct frame *frame, GError **error)
{
	guint64 size = 0;

	g_variant_get(frame->body, "(t)", &size);
	g_autoptr(GBytes) bytes = memfd_map(frame->fds[0], SLICE_MAX, error);
	if (!bytes)
		return NULL;
	if (g_bytes_get_size(bytes) != size) {
		fail(error, NEVER, "slice: its size is not the one announced");
		return NULL;
	}
	g_autoptr(GVariant) variant = g_variant_ref_sink(
		g_variant_new_from_bytes(G_VARIANT_TYPE("a(ss)"), bytes, FALSE));
	if (!g_variant_is_normal_form(variant)) {
		fail(error, NEVER, "slice: not in normal form");
		return NULL;
	}
	return options_from_variant(variant);
}

/* ---- start of a role ------------------------------------------------------------------- */

struct arguments {
	int fd, verbose;
	bool no_jail, no_network, syslog;
	gint64 uid, gid;
	const char *const *paths;	/* the rest of argv */
};

static bool
parse_number(const char *text, gint64 *out)
{
	guint64 n = 0;

	if (!text || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &n, NULL))
		return false;
	*out = (gint64)n;
	return true;
}

static bool
parse_arguments(struct arguments *a, int argc, char **argv)
{
	gint64 fd = -1, verbose = 0;
	const struct { const char *name; bool *flag; gint64 *number; } table[] = {
		{ "--no-jail",    &a->no_jail,    NULL },
		{ "--no-network", &a->no_network, NULL },
		{ "--syslog",     &a->syslog,     NULL },
		{ "--verbose",    NULL,           &verbose },
		{ "--uid",        NULL,           &a->uid },
		{ "--gid",        NULL,           &a->gid },
	};
	int i = 2;

	if (argc < 2 || !parse_number(argv[1], &fd))
		return false;
	for (; i < argc && argv[i][0] == '-'; i++) {
		guint row = 0;

		while (row < G_N_ELEMENTS(table) && strcmp(argv[i], table[row].name) != 0)
			row++;
		if (row == G_N_ELEMENTS(table))
			return false;
		if (table[row].flag)
			*table[row].flag = true;
		else if (++i >= argc || !parse_number(argv[i], table[row].number))
			return false;
	}
	a->fd = (int)fd;
	a->verbose = (int)verbose;
	a->paths = (const char *const *)argv + i;
	return true;
}

struct peer *
role_start(enum role self, gsize memory, void (*prepare)(void), int argc, char **argv)
{
	const struct role_row *row = role_row(self);
	struct arguments a = { .fd = -1, .uid = -1, .gid = -1 };

	if (!parse_arguments(&a, argc, argv)) {
		static const char text[] = "this program is started by ungcuud\n";

		(void)!write(STDERR_FILENO, text, sizeof text - 1);
		exit(EX_USAGE);
	}
	log_open(row->name, a.syslog ? LOG_TO_SYSLOG : LOG_TO_STDERR, a.verbose);
	if (prepare)
		prepare();
	const struct jail jail = {
		.role = row->name,
		.allow = row->jail & ~(a.no_network ? (unsigned)JAIL_INET : 0u),
		.paths = a.paths,
		.uid = a.uid,
		.gid = a.gid,
		.memory = memory,
		.open_files = self == ROLE_HUB ? 1024 : 0,
		.absent = a.no_jail,
	};
	jail_enter(&jail);
	enum role other = self == ROLE_HUB ? ROLE_SUPERVISOR : ROLE_HUB;
	return role_peer(a.fd, self, other, role_row(other)->name);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static volatile sig_atomic_t stopping;

static void
on_stop(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

/* SIGTERM stays blocked except while waiting, so that it never cuts a request in two. */
static sigset_t
stop_only_while_waiting(void)
{
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t block, waiting;

	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &waiting);
	sigdelset(&waiting, SIGTERM);
	return waiting;
}

static void
configure(const struct worker *worker, struct peer *hub, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	struct options *slice = role_read_slice(frame, &error);

	if (!slice)
		fatal(EX_SOFTWARE, "%s", error->message);
	if (worker->configure && !worker->configure(slice, &error))
		fatal(EX_CONFIG, "%s",
			error ? error->message : "cannot work with this configuration");
	options_free(slice);
	if (peer_send(hub, VERB_READY, g_variant_new("()"), NULL, 0, NULL) != DONE)
		exit(EXIT_SUCCESS);
}

/* One frame: the slice first, then whatever the verb table lets the hub ask. */
static void
handle_frame(const struct worker *worker, struct peer *hub, bool *configured)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	enum receipt receipt = peer_receive(hub, &frame, 0, &error);

	if (receipt == NOTHING_YET)
		return;
	if (receipt == PEER_GONE)
		exit(EXIT_SUCCESS);
	if (receipt == PEER_VIOLATION)
		fatal(EX_SOFTWARE, "frame refused: %s", error ? error->message : "?");
	if (frame.verb == VERB_SLICE) {
		configure(worker, hub, &frame);
		*configured = true;
	} else if (*configured) {
		worker->serve(hub, &frame);
	} else {
		fatal(EX_SOFTWARE, "frame refused: %s before the slice",
			verbs_table[frame.verb].name);
	}
}

int
worker_main(const struct worker *worker, int argc, char **argv)
{
	struct peer *hub = role_start(worker->role, worker->memory, worker->prepare, argc, argv);
	sigset_t waiting = stop_only_while_waiting();
	bool configured = false;

	while (!stopping) {
		struct pollfd fds[2] = {
			{ .fd = peer_fd(hub), .events = POLLIN },
			{ .fd = worker->extra_fd ? worker->extra_fd() : -1, .events = POLLIN },
		};

		if (ppoll(fds, 2, NULL, &waiting) < 0) {
			if (errno != EINTR)
				fatal(EX_OSERR, "poll: %s", g_strerror(errno));
			continue;
		}
		if (fds[1].revents && worker->extra)
			worker->extra(hub);
		if (fds[0].revents)
			handle_frame(worker, hub, &configured);
	}
	peer_free(hub);
	return EXIT_SUCCESS;
}
