/* SPDX-License-Identifier: ISC
 *
 * letter: one raw mail through a fresh mime process in its jail, as the hub does it, and the
 * opened letter as JSON.  A mail that cannot be opened is an answer (held, with the reason), not
 * an error.  Relies on the zygote for the cause of a death and on role/opening.c for the
 * verdict; parses nothing here.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_MS	10000		/* beyond the letter's own alarm */
#define PIECE		65536
#define HASHED_MOST	G_GUINT64_CONSTANT(17179869184)	/* bytes of an input that never ends */

/* ---- input --------------------------------------------------------------- */

void
input_clear(struct input *input)
{
	if (input->bytes)
		g_bytes_unref(input->bytes);
	input->bytes = NULL;
}

static enum outcome
read_input(int fd, guint64 max, struct input *input, GError **error)
{
	g_autoptr(GByteArray) kept = g_byte_array_new();
	g_autofree guint8 *piece = g_malloc(PIECE);
	struct digest *digest = digest_new();
	ssize_t n;

	while ((n = read(fd, piece, PIECE)) != 0 && input->size <= HASHED_MOST) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		digest_put(digest, piece, (gsize) n);
		input->size += (guint64) n;
		if (input->size <= max)
			g_byte_array_append(kept, piece, (guint) n);
	}

	int number = errno;

	digest_end(digest, input->sha256);
	if (n < 0)
		return fail(error, NEVER, "%s", g_strerror(number));
	if (n > 0)
		return fail(error, NEVER, "it does not end");
	if (input->size <= max)
		input->bytes = g_byte_array_free_to_bytes(g_steal_pointer(&kept));
	return DONE;
}

enum outcome
input_read(const char *name, guint64 max, struct input *input, GError **error)
{
	bool is_stdin = strcmp(name, "-") == 0;
	int fd = is_stdin ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fail(error, NEVER, "%s", g_strerror(errno));

	enum outcome how;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		how = fail(error, NEVER, "%s", g_strerror(EISDIR));
	else
		how = read_input(fd, max, input, error);
	close(fd);
	return how;
}

/* ---- opening ------------------------------------------------------------- */

void
opened_mail_clear(struct opened_mail *opened)
{
	g_clear_pointer(&opened->reason, g_free);
	g_clear_pointer(&opened->letter, letter_free);
	verdict_clear(&opened->verdict);
}

static void
hold(struct opened_mail *opened, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
hold(struct opened_mail *opened, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	opened->is_held = true;
	opened->reason = g_strdup_vprintf(format, arguments);
	opened->verdict = verdict_worst(LAYER_PLAIN);
	va_end(arguments);
}

/* One mail under way, and whom it has needed so far. */
struct session {
	const struct ctl *ctl;
	struct helper zygote, keys;	/* no peer: not needed yet */
	guint32 letters;		/* processes asked for */
	struct certificates *certificates;
	struct opening *opening;
	struct opened_mail *opened;
};

/* ---- one question to a letter process ------------------------------------ */

struct errand { struct peer *child; bool is_child_gone, is_over; };

static void
read_child(struct session *session, struct errand *errand)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	guint32 outcome;
	const char *why;

	switch (peer_receive(errand->child, &frame, 0, &error)) {
	case NOTHING_YET:
		return;
	case PEER_GONE:
		errand->is_child_gone = true;	/* the zygote will say why */
		return;
	case PEER_VIOLATION:
		errand->is_over = true;
		hold(session->opened, "mime: it broke the frame rules");
		return;
	case RECEIVED:
		break;
	}
	errand->is_over = true;
	g_variant_get(frame.body, "(u&s)", &outcome, &why);
	if (outcome != DONE)
		hold(session->opened, "%s%s", g_str_has_prefix(why, "mime: ") ? "" : "mime: ",
			why);
}

/* What the zygote says: SPAWNED, or ENDED with the cause. */
static enum outcome
read_zygote(struct session *session, struct errand *errand, GError **error)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) fault = NULL;
	guint32 job, value;
	const char *cause;
	enum receipt receipt = peer_receive(session->zygote.peer, &frame, 0, &fault);

	if (receipt == NOTHING_YET)
		return DONE;
	if (receipt == PEER_GONE)
		return helper_ended(&session->zygote, error);
	if (receipt == PEER_VIOLATION)
		return fail(error, LATER, "mime broke the rules: %s", fault->message);
	if (frame.verb == VERB_SPAWNED) {
		g_variant_get(frame.body, "(uu)", &job, &value);
		return value != 0 ? DONE : fail(error, LATER, "mime could not fork");
	}
	if (frame.verb != VERB_ENDED)
		return fail(error, LATER, "mime: unexpected answer");
	g_variant_get(frame.body, "(uu&s)", &job, &value, &cause);
	/* The end of the letter before this one may come late. */
	if (job != session->letters)
		return DONE;
	/* Its answer may still lie in its socket. */
	if (!errand->is_over && !errand->is_child_gone)
		read_child(session, errand);
	if (!errand->is_over) {
		errand->is_over = true;
		hold(session->opened, "mime: killed by %s", cause);
	}
	return DONE;
}

static enum outcome
converse(struct session *session, struct errand *errand, GError **error)
{
	gint64 end = g_get_monotonic_time() / 1000 + LIMIT_LETTER_WALL * 1000 + GRACE_MS;
	enum outcome how = DONE;

	while (how == DONE && !errand->is_over) {
		gint64 left = end - g_get_monotonic_time() / 1000;
		struct pollfd fds[2] = {
			{ .fd = peer_fd(session->zygote.peer), .events = POLLIN },
			{ .fd = errand->is_child_gone ? -1 : peer_fd(errand->child),
				.events = POLLIN },
		};

		if (left <= 0) {
			hold(session->opened, "mime: letter time limit %d", LIMIT_LETTER_WALL);
			return DONE;
		}
		if (poll(fds, 2, (int) left) < 0 && errno != EINTR)
			return fail(error, LATER, "poll: %s", g_strerror(errno));
		if (fds[1].revents)
			read_child(session, errand);
		if (fds[0].revents && !errand->is_over)
			how = read_zygote(session, errand, error);
	}
	return how;
}

static enum outcome
ask_letter(struct session *session, struct question *question, GError **error)
{
	struct errand errand = { 0 };
	enum outcome how = session->zygote.peer ? DONE :
		helper_start(session->ctl, ROLE_MIME, 0, &session->zygote, error);
	int pair[2];

	if (how != DONE)
		return how;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return fail(error, LATER, "socketpair: %s", g_strerror(errno));
	errand.child = role_peer(pair[0], ROLE_HUB, ROLE_LETTER, "letter");
	how = peer_send(session->zygote.peer, VERB_SPAWN,
		g_variant_new("(u)", ++session->letters), &pair[1], 1, error);
	close(pair[1]);
	if (how == DONE)
		how = peer_send(errand.child, question->verb, question->body, question->fds,
			question->n_fds, error);
	if (how == DONE)
		how = converse(session, &errand, error);
	peer_free(errand.child);
	return how;
}

/* ---- one question to keys ------------------------------------------------ */

static enum outcome
start_keys(struct session *session, GError **error)
{
	return session->keys.peer ? DONE :
		helper_start(session->ctl, ROLE_KEYS, 0, &session->keys, error);
}

/* LATER: our own part does not work.  Else *frame is its answer, or the mail is held. */
static enum outcome
ask_keys(struct session *session, struct question *question, struct frame *frame, GError **error)
{
	g_autoptr(GError) fault = NULL;
	guint32 outcome;
	g_autoptr(GVariant) first = NULL, second = NULL;
	enum outcome how = start_keys(session, error);

	if (how != DONE)
		return how;
	how = helper_ask(&session->keys, question, frame, &fault);
	if (how != DONE) {
		helper_stop(&session->keys);
		hold(session->opened, "keys: %s", fault->message);
		return DONE;
	}
	first = g_variant_get_child_value(frame->body, 0);
	second = g_variant_get_child_value(frame->body, 1);
	outcome = g_variant_get_uint32(first);
	if (outcome == NEVER)
		hold(session->opened, "%s", g_variant_get_string(second, NULL));
	return outcome == LATER ? fail(error, LATER, "keys: %s", g_variant_get_string(second,
		NULL)) : DONE;
}

/* The daemon's index if it is there and says what the folder says; else one of our own, in
 * memory. */
static enum outcome
compile_own(struct session *session, GError **error)
{
	const char *folder = options_text(session->ctl->options, "keys.certificates");
	struct compile *compile = NULL;
	struct question question;
	enum outcome how = certificates_open(":memory:", true, &session->certificates, error);

	if (how == DONE)
		how = compile_new(folder, session->certificates, &compile, error);
	while (how == DONE && compile_ask(compile, &question)) {
		g_auto(frame_auto) frame = { 0 };

		how = ask_keys(session, &question, &frame, error);
		if (how == DONE && session->opened->is_held)
			compile_failed(compile, session->opened->reason);
		else if (how == DONE && (how = memfd_freeze(question.result, error)) == DONE)
			how = compile_take(compile, question.result, error);
		opened_mail_clear(session->opened);	/* a file's fault is not the mail's */
		session->opened->is_held = false;
		question_clear(&question);
	}
	compile_free(compile);
	return how;
}

static enum outcome
find_certificates(struct session *session, GError **error)
{
	g_autofree char *path = directory_index_path(session->ctl->options);
	const char *folder = options_text(session->ctl->options, "keys.certificates");

	if (session->certificates)
		return DONE;
	if (certificates_open(path, false, &session->certificates, NULL) == DONE) {
		if (compile_is_current(folder, session->certificates))
			return DONE;
		certificates_close(session->certificates);
		session->certificates = NULL;
	}
	return compile_own(session, error);
}

/* ---- the way of one mail ------------------------------------------------- */

static enum outcome
step(struct session *session, struct world *world, GError **error)
{
	bool to_keys = session->opening->step == OPENING_KEYS, has_lied = false;
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) fault = NULL;
	struct question question;
	enum outcome how = DONE;

	/* Chosen from when the sealed part comes; a plain mail needs none. */
	if (session->opening->letter && (how = find_certificates(session, error)) != DONE)
		return how;
	world->certificates = session->certificates;
	opening_ask(session->opening, world, &question);
	how = to_keys ? ask_keys(session, &question, &frame, error) :
		ask_letter(session, &question, error);
	question_clear(&question);
	if (how != DONE || session->opened->is_held)
		return how;
	how = opening_take(session->opening, world, frame.body, &has_lied, &fault);
	if (has_lied || how == NEVER)
		hold(session->opened, "%s", fault->message);
	else if (how != DONE)
		g_propagate_error(error, g_steal_pointer(&fault));
	return has_lied ? DONE : how == NEVER ? DONE : how;
}

enum outcome
opened_read(const struct ctl *ctl, GBytes *raw, struct opened_mail *opened, GError **error)
{
	struct session session = { .ctl = ctl, .opened = opened };
	struct site *site = site_new(ctl->options);
	struct world world = { .site = site, .now = ctl->now,
		.max_plain = (guint64) options_int(ctl->options, "policy.max_size") };
	enum outcome how = DONE;

	session.opening = opening_new(memfd_from_bytes(raw), false);
	while (how == DONE && !opened->is_held && session.opening->step != OPENING_END)
		how = step(&session, &world, error);
	if (how == DONE && !opened->is_held) {
		opened->letter = g_steal_pointer(&session.opening->letter);
		opened->verdict = session.opening->verdict;
		session.opening->verdict = verdict_worst(LAYER_PLAIN);
	}
	opening_free(session.opening);
	helper_stop(&session.zygote);
	helper_stop(&session.keys);
	if (session.certificates)
		certificates_close(session.certificates);
	site_free(site);
	return how;
}

/* ---- as JSON ------------------------------------------------------------- */

void
put_from(json_t *object, const struct letter *letter)
{
	if (!letter || !letter->from.address) {
		put_text(object, "from", NULL);
		return;
	}

	json_t *from = put_object(object, "from");

	put_text(from, "address", letter->from.address);
	put_text(from, "name", letter->from.name ? letter->from.name : "");
}

void
put_attachments(json_t *object, const struct letter *letter)
{
	json_t *array = put_array(object, "attachments");

	for (guint i = 0; letter && i < letter->parts->len; i++) {
		const struct part *part = letter->parts->pdata[i];
		json_t *item = add_object(array);

		put_text(item, "name", part->name);
		put_text(item, "type", part->type);
		put_int(item, "size", (gint64) part->size);
		put_text(item, "sha256", part->sha256);
		put_bool(item, "covered", part->covered);
	}
}

void
put_indicators(json_t *object, const struct letter *letter)
{
	json_t *array = put_array(object, "indicators");

	for (guint i = 0; letter && i < letter->indicators->len; i++) {
		const struct indicator *indicator = letter->indicators->pdata[i];
		json_t *item = add_object(array);

		put_text(item, "type", indicator->type);
		put_text(item, "value", indicator->value);
		put_text(item, "seen", indicator->seen);
	}
}
