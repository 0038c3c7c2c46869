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

/* ---- input -------------------------------------------------------------------------------- */

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

/* ---- opening --------------------------------------------------------------------------------- */

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

/* One letter under way. */
struct opening {
	struct helper zygote;
	struct peer *child;
	int result;		/* memfd the child writes the letter to */
	bool is_child_gone, is_over;
};

static void
take_letter(struct opening *opening, struct opened_mail *opened, gint64 now)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (memfd_freeze(opening->result, &error) == DONE)
		bytes = memfd_map(opening->result, LIMIT_LETTER_BODY, &error);
	if (bytes)
		opened->letter = letter_from_bytes(bytes, &error);
	if (opened->letter)
		opened->verdict = opening_verdict(opened->letter, now);
	else
		hold(opened, "mime: %s", error->message);
}

/* What the child says, if anything: PARSED, or its end. */
static void
read_child(struct opening *opening, struct opened_mail *opened, gint64 now)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	guint32 outcome;
	const char *why;

	switch (peer_receive(opening->child, &frame, 0, &error)) {
	case NOTHING_YET:
		return;
	case PEER_GONE:
		opening->is_child_gone = true;	/* the zygote will say why */
		return;
	case PEER_VIOLATION:
		opening->is_over = true;
		hold(opened, "mime: it broke the frame rules");
		return;
	case RECEIVED:
		break;
	}
	opening->is_over = true;
	g_variant_get(frame.body, "(u&s)", &outcome, &why);
	if (outcome == DONE)
		take_letter(opening, opened, now);
	else
		hold(opened, "%s%s", g_str_has_prefix(why, "mime: ") ? "" : "mime: ", why);
}

/* What the zygote says: SPAWNED, or ENDED with the cause. */
static enum outcome
read_zygote(struct opening *opening, struct opened_mail *opened, gint64 now, GError **error)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) fault = NULL;
	guint32 job, value;
	const char *cause;
	enum receipt receipt = peer_receive(opening->zygote.peer, &frame, 0, &fault);

	if (receipt == NOTHING_YET)
		return DONE;
	if (receipt == PEER_GONE)
		return helper_ended(&opening->zygote, error);
	if (receipt == PEER_VIOLATION)
		return fail(error, LATER, "mime broke the rules: %s", fault->message);
	if (frame.verb == VERB_SPAWNED) {
		g_variant_get(frame.body, "(uu)", &job, &value);
		return value != 0 ? DONE : fail(error, LATER, "mime could not fork");
	}
	if (frame.verb != VERB_ENDED)
		return fail(error, LATER, "mime: unexpected answer");
	g_variant_get(frame.body, "(uu&s)", &job, &value, &cause);
	/* Its answer may still lie in its socket. */
	if (!opening->is_over && !opening->is_child_gone)
		read_child(opening, opened, now);
	if (!opening->is_over) {
		opening->is_over = true;
		hold(opened, "mime: killed by %s", cause);
	}
	return DONE;
}

static enum outcome
converse(struct opening *opening, struct opened_mail *opened, gint64 now, GError **error)
{
	gint64 end = g_get_monotonic_time() / 1000 + LIMIT_LETTER_WALL * 1000 + GRACE_MS;
	enum outcome how = DONE;

	while (how == DONE && !opening->is_over) {
		gint64 left = end - g_get_monotonic_time() / 1000;
		struct pollfd fds[2] = {
			{ .fd = peer_fd(opening->zygote.peer), .events = POLLIN },
			{ .fd = opening->is_child_gone ? -1 : peer_fd(opening->child),
				.events = POLLIN },
		};

		if (left <= 0) {
			hold(opened, "mime: letter time limit %d", LIMIT_LETTER_WALL);
			return DONE;
		}
		if (poll(fds, 2, (int) left) < 0 && errno != EINTR)
			return fail(error, LATER, "poll: %s", g_strerror(errno));
		if (fds[1].revents)
			read_child(opening, opened, now);
		if (fds[0].revents && !opening->is_over)
			how = read_zygote(opening, opened, now, error);
	}
	return how;
}

static enum outcome
ask(struct opening *opening, GBytes *raw, GError **error)
{
	int pair[2], fds[3];
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return fail(error, LATER, "socketpair: %s", g_strerror(errno));
	opening->child = role_peer(pair[0], ROLE_HUB, ROLE_LETTER, "letter");

	enum outcome how = peer_send(opening->zygote.peer, VERB_SPAWN, g_variant_new("(u)", 1u),
		&pair[1], 1, error);

	close(pair[1]);
	if (how != DONE)
		return how;
	fds[0] = memfd_from_bytes(raw);
	fds[1] = memfd_from_bytes(nothing);
	fds[2] = opening->result;
	how = peer_send(opening->child, VERB_PARSE, g_variant_new("(b)", FALSE), fds, 3, error);
	close(fds[0]);
	close(fds[1]);
	return how;
}

enum outcome
opened_read(const struct ctl *ctl, GBytes *raw, struct opened_mail *opened, GError **error)
{
	struct opening opening = { 0 };
	enum outcome how = helper_start(ctl, ROLE_MIME, 0, &opening.zygote, error);

	if (how != DONE)
		return how;
	opening.result = memfd_new("letter");
	how = ask(&opening, raw, error);
	if (how == DONE)
		how = converse(&opening, opened, ctl->now, error);
	if (opening.child)
		peer_free(opening.child);
	close(opening.result);
	helper_stop(&opening.zygote);
	return how;
}

/* ---- as JSON -------------------------------------------------------------------------- */

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
