/* SPDX-License-Identifier: ISC
 *
 * ingest: one raw mail from standard input to the daemon, for the pipe of an MTA.  What the MTA
 * hears decides what becomes of the mail: 0 only once it is durable; 65 and 69, which an MTA
 * answers with a bounce, only for a mail that could never be taken; 75, "try again", for all else,
 * faults of the configuration, signals and our own end included.  The mail is read to its end
 * before the daemon is spoken to.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PIECE		65536
#define ANSWER_S	60
#define DRAINED_MOST	G_GUINT64_CONSTANT(17179869184)	/* bytes of an input that never ends */

/* ---- whatever ends us ----------------------------------------------------------------- */

static bool is_guarded;

static void
end_at_exit(void)
{
	if (is_guarded)			/* fatal() */
		_exit(EX_TEMPFAIL);
}

static void
end_by_signal(int number)
{
	(void)number;
	_exit(EX_TEMPFAIL);
}

void
ingest_guard(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGABRT, SIGBUS,
		SIGSEGV, SIGXCPU, SIGXFSZ };

	is_guarded = true;
	atexit(end_at_exit);
	for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
		signal(ends[i], end_by_signal);
	signal(SIGPIPE, SIG_IGN);
}

int
ingest_status(int status)
{
	bool is_final = status == EX_OK || status == EX_DATAERR || status == EX_UNAVAILABLE;

	is_guarded = false;
	return is_final ? status : EX_TEMPFAIL;
}

/* ---- the mail ------------------------------------------------------------------------- */

/* The line "From SENDER TIME" that local(8), flags=F of pipe(8), and Exim's pipe by default put
 * before the header: with its newline; 0: there is none.  "From :" is an old form of a field. */
static gsize
mbox_line(const guint8 *data, gsize size)
{
	const guint8 *end = memchr(data, '\n', size);
	gsize at = strlen("From ");

	if (end == NULL || size < at || memcmp(data, "From ", at) != 0)
		return 0;
	while (data[at] == ' ' || data[at] == '\t')
		at++;
	return data[at] == ':' ? 0 : (gsize)(end - data) + 1;
}

/* A whole piece but at the end; -1 with errno. */
static gssize
read_piece(guint8 *piece)
{
	gsize n = 0;

	while (n < PIECE) {
		ssize_t got = read(STDIN_FILENO, piece + n, PIECE - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (gsize)got;
	}
	return (gssize)n;
}

/* Standard input into a memfd.  What lies past max is read all the same, so that the MTA is not
 * told of a broken pipe. */
static enum outcome
read_mail(int fd, guint64 max, guint64 *size, GError **error)
{
	g_autofree guint8 *piece = g_malloc(PIECE);
	bool is_first = true;
	gssize n;

	for (*size = 0; (n = read_piece(piece)) > 0 && *size <= DRAINED_MOST; is_first = false) {
		gsize skip = is_first ? mbox_line(piece, (gsize)n) : 0;

		*size += (guint64)n - skip;
		if (*size <= max && !write_all(fd, piece + skip, (gsize)n - skip))
			return fail(error, LATER, "no memory for it: %s", g_strerror(errno));
	}
	if (n < 0)
		return fail(error, LATER, "standard input: %s", g_strerror(errno));
	return memfd_freeze(fd, error);
}

/* ---- the daemon ----------------------------------------------------------------------- */

static int
hand_over(struct ctl *ctl, int fd, json_t *out)
{
	int daemon = daemon_connect(ctl);
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	enum receipt receipt = PEER_GONE;

	if (daemon < 0)
		return ctl_fail(ctl, EX_TEMPFAIL, "ingest", "the gateway cannot be reached: %s",
			g_strerror(errno));

	struct peer *hub = role_peer(daemon, ROLE_CONTROL, ROLE_HUB, "hub");

	if (peer_send(hub, VERB_INGEST, g_variant_new("()"), &fd, 1, &error) == DONE)
		receipt = peer_receive(hub, &frame, (int)HOOK_PATIENCE(ANSWER_S) * 1000, &error);
	peer_free(hub);
	if (receipt == RECEIVED)
		return daemon_take(ctl, out, &frame);
	if (receipt == NOTHING_YET)
		return ctl_fail(ctl, EX_TEMPFAIL, "ingest", "the gateway did not answer in time");
	return ctl_fail(ctl, EX_TEMPFAIL, "ingest", "the gateway hung up: it ended, is busy, or "
		"does not hear this user");
}

int
run_ingest(struct ctl *ctl, json_t *out)
{
	guint64 max = (guint64)options_int(ctl->options, "policy.max_size"), size;
	g_autoptr(GError) error = NULL;
	int fd = memfd_new("mail"), status;

	if (read_mail(fd, max, &size, &error) != DONE)
		status = ctl_fail(ctl, EX_TEMPFAIL, "ingest", "%s", error->message);
	else if (size == 0)
		status = ctl_fail(ctl, EX_DATAERR, "ingest", "no mail: the input is empty");
	else if (size > max)
		status = ctl_fail(ctl, EX_UNAVAILABLE, "ingest", "the mail is larger than %"
			G_GUINT64_FORMAT " bytes", max);
	else
		status = hand_over(ctl, fd, out);
	close(fd);
	return status;
}

/* An MTA may take what is printed for an error. */
void
print_ingest(const json_t *out)
{
	(void)out;
}
