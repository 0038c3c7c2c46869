/* SPDX-License-Identifier: ISC
 *
 * The one outgoing path under chance: any plan to anybody, for tickets whose drill flag comes and
 * goes, with a configuration that changes, servers that refuse, workers that die. The hub around
 * it is a stand-in; store, desk, gate, outbox and composing are the real ones. Looked at is what
 * reaches the server: nothing to ourselves, mail of a drill only to drill addresses and our team,
 * made for whom it is sent to and marked; and no cap is ever passed.
 */
#include "../store/scratch.h"
#include "role/outbox.h"

#include <stdlib.h>

#define DAY		G_GINT64_CONSTANT(86400000)
#define TICKETS		6
#define STEPS		150		/* turns of a few things each */
#define PATHS		6
#define CAP_TO		3
#define CAP_ALL		60
#define MARK		"[DIỄN TẬP / DRILL] "

/* ---- the hub around it --------------------------------------------------- */

struct sending { struct id row; char *recipient, *bytes; };
static struct {
	struct hub hub;
	struct scratch scratch;
	struct link keys, submit;
	struct id tickets[TICKETS];
	bool is_protecting;
	GQueue *sendings;		/* struct sending: asked of submit, not answered */
	guint sent, drilled, redirected;
} world;

/* g_test_rand_int() begins anew with each test. */
static GRand *chance;

static gint32
below(gint32 most)
{
	return g_rand_int_range(chance, 0, most);
}

void
hub_must(enum outcome outcome, GError **error, const char *what)
{
	if (outcome != DONE)
		g_error("%s: %s", what, error != NULL && *error != NULL ? (*error)->message : "?");
}

void
hub_journal(struct hub *hub, struct id ticket, struct id mail, const char *event, const char *why)
{
	assert_done(journal_add(hub->store, hub->now, ticket, mail, event, why, &error_));
	world.redirected += strcmp(event, "mail-redirected") == 0;
}

struct link *
hub_worker(struct hub *hub, enum role role, guint index, guint depth)
{
	(void)hub;
	(void)index;
	return role == ROLE_SUBMIT && g_queue_get_length(world.sendings) < depth ? &world.submit :
		NULL;
}

struct link *
hub_idle_keys(struct hub *hub)
{
	(void)hub;
	return world.is_protecting ? NULL : &world.keys;
}

static void
bytes_write(int fd, const void *data, gsize size)
{
	g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
}

void
hub_ask_keys(struct hub *hub, struct link *link, struct question *question)
{
	(void)hub;
	(void)link;
	bytes_write(question->fds[2], "entity", 6);
	world.is_protecting = true;
	g_variant_unref(g_variant_ref_sink(question->body));
	for (guint i = 0; i < question->n_fds; i++)
		close(question->fds[i]);
}

bool
child_possible(struct hub *hub)
{
	(void)hub;
	return true;
}

/* The header it writes says for whom the mail was made, and its subject. */
void
child_start(struct hub *hub, struct child_request *request)
{
	g_autoptr(GVariant) body = g_variant_ref_sink(request->body);
	g_autoptr(GVariantIter) fields = NULL;
	const char *boundary, *outer, *name, *from, *to, *field, *value;
	GString *header = g_string_new(NULL);

	g_variant_get_child(body, 0, "&s", &boundary);
	g_variant_get_child(body, 1, "&s", &outer);
	g_variant_get_child(body, 2, "a(ss)", &fields);
	g_variant_get_child(body, 3, "&s", &name);
	g_variant_get_child(body, 4, "&s", &from);
	g_variant_get_child(body, 5, "&s", &to);
	while (g_variant_iter_next(fields, "(&s&s)", &field, &value))
		if (strcmp(field, "Subject") == 0)
			g_string_append_printf(header, "%s\n%s\n", to, value);
	bytes_write(request->fds[1], "entity", 6);
	bytes_write(request->fds[2], header->str, header->len);
	for (guint i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
	for (guint i = 0; i < 2; i++)
		assert_done(memfd_freeze(request->results[i], &error_));
	g_string_free(header, TRUE);
	request->done(hub, request->data, CHILD_ANSWERED, DONE, NULL);
}

struct recipient *
directory_recipient(struct hub *hub, const char *address)
{
	(void)hub;
	(void)address;
	return NULL;
}

void
recipient_free(struct recipient *recipient)
{
	g_assert_null(recipient);
}

gint64
mail_came(const struct mail *mail)
{
	return mail->received;
}

void
alarm_raise(struct hub *hub, const char *cause, const char *format, ...)
{
	(void)hub;
	(void)cause;
	(void)format;
}

void
alarm_clear(struct hub *hub, const char *cause)
{
	(void)hub;
	(void)cause;
}

char *
control_refusal(const char *what, const char *why)
{
	(void)what;
	return g_strdup(why);
}

char *
control_retried(const char *id)
{
	return g_strdup(id);
}

/* ---- what must hold ------------------------------------------------------ */

static bool
may_hear(const char *address)
{
	static const char *const drills[] = { "drill@example.vn", "dientap@isp.example.org",
		"noc@both.example.org" };

	for (guint i = 0; i < G_N_ELEMENTS(drills); i++)
		if (g_ascii_strcasecmp(address, drills[i]) == 0)
			return true;
	return g_ascii_strcasecmp(address, "truc@example.vn") == 0;
}

static bool
is_ours(const char *address)
{
	g_autofree char *lower = g_ascii_strdown(address, -1);

	return strcmp(lower, "ungcuu@example.vn") == 0 || strcmp(lower, "report@example.vn") == 0 ||
		g_str_has_prefix(lower, "ungcuu+") || g_str_has_prefix(lower, "bounce+");
}

static void
look_at_sending(const char *recipient, const char *bytes, struct id id)
{
	struct outgoing *row = outgoing_get(world.hub.store, id);
	struct ticket *ticket = ticket_get(world.hub.store, row->ticket);
	g_auto(GStrv) lines = g_strsplit(bytes, "\n", 3);
	bool is_marked = g_str_has_prefix(lines[1], MARK);

	g_assert_false(is_ours(recipient));
	g_assert_cmpint(row->passed, >, 0);
	g_assert_cmpstr(lines[0], ==, recipient);
	if (ticket->drill) {
		world.drilled++;
		g_assert_true(is_marked);
	}
	if (ticket->drill || is_marked)
		g_assert_true(may_hear(recipient));
	ticket_free(ticket);
	outgoing_free(row);
}

void
hub_request(struct hub *hub, struct link *link, int verb, GVariant *body, const int *fds,
	guint n_fds, gint64 deadline)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(body);
	g_autoptr(GBytes) bytes = NULL;
	struct sending *sending = g_new0(struct sending, 1);
	const char *name, *envelope, *recipient;

	(void)hub;
	(void)link;
	(void)deadline;
	g_assert_cmpint(verb, ==, VERB_SEND);
	g_assert_cmpuint(n_fds, ==, 1);
	g_variant_get(owned, "(&s&s&s)", &name, &envelope, &recipient);
	g_assert_true(id_parse(name, &sending->row));
	bytes = memfd_map(fds[0], LIMIT_MAIL_SIZE, NULL);
	sending->recipient = g_strdup(recipient);
	sending->bytes = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	look_at_sending(recipient, sending->bytes, sending->row);
	g_queue_push_tail(world.sendings, sending);
}

static void
sending_free(struct sending *sending)
{
	g_free(sending->recipient);
	g_free(sending->bytes);
	g_free(sending);
}

/* Whatever was let out, the caps were never passed. */
static void
look_at_caps(void)
{
	static const char *const strangers[] = { "lan@reporter.example", "binh@reporter.example" };

	for (guint i = 0; i < G_N_ELEMENTS(strangers); i++)
		g_assert_cmpuint(outgoing_passed_to(world.hub.store, strangers[i],
			world.hub.now - DAY), <=, CAP_TO);
	g_assert_cmpuint(outgoing_passed(world.hub.store, world.hub.now - DAY), <=, CAP_ALL);
}

/* ---- chance -------------------------------------------------------------- */

static const char *const recipients[] = {
	"lan@reporter.example", "binh@reporter.example", "truc@example.vn", "cu@example.vn",
	"vanthu@so.example.vn", "cntt@so.example.vn", "abuse@isp.example.org",
	"noc@both.example.org", "drill@example.vn", "DienTap@isp.example.org",
	"report@example.vn", "UNGCUU@example.vn", "ungcuu+abc@example.vn", "bounce+1@example.vn",
};
static const char *const templates[] = { "T01", "T02", "T03", "T04", "T32" };
static const char *const settings[][2] = {
	{ "hotline.id", "NBH" }, { "hotline.name.vi", "Đội mẫu" },
	{ "hotline.address", "ungcuu@example.vn" }, { "hotline.aliases.0", "report@example.vn" },
	{ "hotline.reply_address", "ungcuu+%t@example.vn" },
	{ "submission.envelope", "bounce+%m@example.vn" }, { "submission.null_sender", "false" },
	{ "policy.cap_address", "3 per 1d" }, { "policy.cap_party", "8 per 1d" },
	{ "policy.cap_domain", "5 per 1d" }, { "policy.cap_total", "60 per 1d" },
	{ "responders.0.id", "truc" }, { "responders.0.address", "truc@example.vn" },
	{ "responders.1.id", "cu" }, { "responders.1.address", "cu@example.vn" },
	{ "responders.1.until", "2020-01-01" },
	{ "directory.agencies.0.id", "so" },
	{ "directory.agencies.0.addresses.0", "vanthu@so.example.vn" },
	{ "directory.agencies.0.addresses.1", "cntt@so.example.vn" },
	{ "directory.isps.0.id", "mang" },
	{ "directory.isps.0.addresses.0", "abuse@isp.example.org" },
	{ "directory.isps.0.drill_address", "dientap@isp.example.org" },
	{ "directory.isps.1.id", "both" },
	{ "directory.isps.1.addresses.0", "noc@both.example.org" },
	{ "directory.isps.1.drill_address", "noc@both.example.org" },
};

#define ANY(array) array[below(G_N_ELEMENTS(array))]

static void
configure(void)
{
	static const char *const languages[] = { "vi", "en" };
	struct options *o = options_new();

	for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
		options_set(o, settings[i][0], settings[i][1]);
	if (below(2) == 0)
		options_set(o, "policy.drill_address", "drill@example.vn");
	for (const struct template_use *use = template_uses; use->name != NULL; use++)
		for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
			g_autofree char *file = g_strdup_printf("%s/templates/%s/%s.txt",
				g_getenv("TOP_SRCDIR"), languages[i], use->name), *text = NULL;
			g_autofree char *path = g_strdup_printf("template.%s.%s", languages[i],
				use->name);

			if (g_file_get_contents(file, &text, NULL, NULL))
				options_set(o, path, text);
		}
	g_clear_pointer(&world.hub.site, site_free);
	g_clear_pointer(&world.hub.options, options_free);
	world.hub.options = o;
	world.hub.site = site_new(o);
}

static void
do_plan(void)
{
	struct mail mail = { .received = world.hub.now };
	g_autoptr(GPtrArray) values = values_new();
	struct effect effect = { .kind = EFFECT_MAIL, .word = (char *)ANY(templates),
		.language = (char *)"vi", .recipient = (char *)ANY(recipients),
		.in_reply_to = (char *)"x@example.org", .values = values, .why = (char *)"x" };

	outbox_plan(&world.hub, &effect, &mail, ANY(world.tickets));
}

static void
do_flag(void)
{
	g_autofree char *id = id_text(ANY(world.tickets)), *json = NULL;
	const char *words[] = { "ticket", "drill", id, below(2) ? "yes" : "no" };
	int code = 0;

	json = drill_set(&world.hub, words, &code);
	g_assert_cmpint(code, ==, 0);
}

static void
do_protected(void)
{
	g_auto(frame_auto) frame = { .body = g_variant_ref_sink(g_variant_new("(usb)",
		(guint32)ANY(((const enum outcome[]){ DONE, DONE, DONE, LATER })), "x", FALSE)) };

	if (!world.is_protecting)
		return;
	world.is_protecting = false;
	outbox_protected(&world.hub, &world.keys, &frame);
}

static void
do_answer(void)
{
	struct sending *sending = g_queue_pop_head(world.sendings);
	enum outcome outcome = ANY(((const enum outcome[]){ DONE, DONE, LATER, NEVER }));
	g_auto(frame_auto) frame = { .body = g_variant_ref_sink(g_variant_new("(uuus)",
		(guint32)outcome, 0, (guint32)below(2), "x")) };

	if (sending == NULL)
		return;
	world.sent += outcome == DONE;
	outbox_sent(&world.hub, &world.submit, &frame);
	sending_free(sending);
}

static void
do_work(void)
{
	outbox_work(&world.hub);
	look_at_caps();
}

static void
do_wait(void)
{
	world.hub.now += below(8 * 3600 * 1000);
}

/* A person tries what is held again. */
static void
do_retry(void)
{
	g_autoptr(GPtrArray) rows = outgoing_list(world.hub.store, OUT_HELD, 3, NULL);

	for (guint i = 0; i < rows->len; i++) {
		g_autofree char *id = id_text(((const struct outgoing *)rows->pdata[i])->id);
		int code = 0;

		g_free(outbox_retry(&world.hub, id, &code));
	}
}

/* submit dies: its answers never come. */
static void
do_death(void)
{
	if (below(6) != 0)
		return;
	g_queue_clear_full(world.sendings, (GDestroyNotify)(void (*)(void))sending_free);
	outbox_gone(&world.hub, ROLE_SUBMIT, 0, DEATH_UNEXPLAINED, "x");
}

static void (*const things[])(void) = {
	do_plan, do_plan, do_plan, do_flag, configure, do_work, do_work, do_work, do_work,
	do_protected, do_protected, do_answer, do_answer, do_wait, do_retry, do_death,
};

static void
turn(void (*what)(void))
{
	begin(&world.scratch);
	what();
	commit(&world.scratch);
}

static void
do_some(void)
{
	for (gint32 n = below(8); n >= 0; n--)
		ANY(things)();
}

static void
do_rest(void)
{
	do_work();
	do_protected();
	do_answer();
	if (below(5) == 0)
		do_wait();
}

/* No more is planned: all that can leave leaves. */
static void
drain(void)
{
	for (guint i = 0; i < 2 * STEPS && (world.hub.out_jobs->len > 0 ||
	    outgoing_next_due(world.hub.store, -1) >= 0); i++)
		turn(do_rest);
}

/* What was cancelled left no bytes behind; whatever is left of a drill was cancelled, held, or is
 * for those who may hear of it. */
static void
look_at_row(const struct outgoing *row, bool is_drill)
{
	bool is_out = row->state == OUT_SENT || row->state == OUT_CANCELLED ||
		row->state == OUT_HELD;

	g_assert_true(row->state != OUT_CANCELLED || id_is_null(row->blob));
	g_assert_true(!is_drill || is_out || may_hear(row->recipient));
}

static void
look_at_rest(void)
{
	for (guint i = 0; i < TICKETS; i++) {
		struct ticket *ticket = ticket_get(world.hub.store, world.tickets[i]);
		g_autoptr(GPtrArray) rows = outgoing_of_ticket(world.hub.store, ticket->id);

		for (guint j = 0; j < rows->len; j++)
			look_at_row(rows->pdata[j], ticket->drill);
		ticket_free(ticket);
	}
}

static void
test_path(void)
{
	world.hub.now = DAY * 20000;
	scratch_init(&world.scratch);
	scratch_open(&world.scratch, true);
	world.hub.store = world.scratch.store;
	world.hub.out_jobs = g_ptr_array_new();
	world.sendings = g_queue_new();
	configure();
	begin(&world.scratch);
	for (guint i = 0; i < TICKETS; i++) {
		struct ticket *ticket = ticket_added(&world.scratch, 2026);

		world.tickets[i] = ticket->id;
		ticket_free(ticket);
	}
	commit(&world.scratch);
	for (guint i = 0; i < STEPS; i++)
		turn(do_some);
	drain();
	look_at_rest();
	g_test_message("sent %u, of drills %u, redirected %u", world.sent, world.drilled,
		world.redirected);
	g_assert_cmpuint(world.sent, >, 0);
	g_queue_free_full(world.sendings, (GDestroyNotify)(void (*)(void))sending_free);
	while (world.hub.out_jobs->len > 0)
		out_job_drop(&world.hub, world.hub.out_jobs->pdata[0]);
	g_ptr_array_unref(world.hub.out_jobs);
	site_free(world.hub.site);
	options_free(world.hub.options);
	scratch_clear(&world.scratch);
	memset(&world, 0, sizeof world);
}

int
main(int argc, char **argv)
{
	if (access("/dev/shm", W_OK) == 0)	/* thousands of commits */
		g_setenv("TMPDIR", "/dev/shm", TRUE);
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	chance = g_rand_new_with_seed(g_test_rand_int());
	for (guint i = 0; i < PATHS; i++) {
		g_autofree char *name = g_strdup_printf("/role/outgoing/path-%u", i);

		g_test_add_func(name, test_path);
	}
	return g_test_run();
}
