/* SPDX-License-Identifier: ISC
 *
 * The programs ungcuu-fetch and ungcuu-submit in their jails, asked as the hub asks them: what
 * fetch seals opens again to the very bytes, what submit is handed arrives, wrong requests are
 * answered and never obeyed, and both end with the hub.
 */
#include "tree.h"

#include "role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS	20000

struct worker_process { pid_t pid; struct peer *peer; };

/* ---- a worker ------------------------------------------------------------------------------- */

static void
run_program(int fd, const char *program, const char *path)
{
	g_autofree char *file = g_build_filename(g_getenv("TOP_BUILDDIR"), program, NULL);
	g_autofree char *place = g_strconcat("w:", path, NULL);

	if (dup2(fd, 3) == 3 && fcntl(3, F_SETFD, 0) == 0)
		execl(file, program, "3", "--no-network", place, (char *) NULL);
	_exit(127);
}

static void
start(struct worker_process *worker, enum role role, const char *path,
	const struct options *options)
{
	const char *program = role == ROLE_FETCH ? "ungcuu-fetch" : "ungcuu-submit";
	g_auto(frame_auto) ready = { 0 };
	g_autoptr(GError) error = NULL;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	worker->pid = fork();
	g_assert_cmpint(worker->pid, >=, 0);
	if (worker->pid == 0)
		run_program(pair[1], program, path);
	close(pair[1]);
	worker->peer = role_peer(pair[0], ROLE_HUB, role, program);
	g_assert_true(role_send_slice(worker->peer, options, &error));
	g_assert_cmpint(peer_receive(worker->peer, &ready, WAIT_MS, &error), ==, RECEIVED);
	g_assert_cmpint(ready.verb, ==, VERB_READY);
}

/* The exit status; the worker ends because its hub is gone. */
static void
finish(struct worker_process *worker)
{
	int status = -1;

	peer_free(worker->peer);
	g_assert_cmpint(waitpid(worker->pid, &status, 0), ==, worker->pid);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static void
ask(struct worker_process *worker, int verb, GVariant *body, int fd, struct frame *answer)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(peer_send(worker->peer, verb, body, &fd, fd >= 0 ? 1 : 0, &error), ==,
		DONE);
	g_assert_cmpint(peer_receive(worker->peer, answer, WAIT_MS, &error), ==, RECEIVED);
	g_assert_cmpint(verbs_table[answer->verb].answers, ==, verb);
}

static struct options *
settings(const struct tree *tree)
{
	struct options *options = options_new();

	options_set(options, "mailboxes.0.type", "maildir");
	options_set(options, "mailboxes.0.path", tree->root);
	options_set(options, "submission.type", "maildir");
	options_set(options, "submission.path", tree->root);
	return options;
}

/* ---- fetch ---------------------------------------------------------------------------- */

struct taking { guint8 key[32]; struct id blob; int fd; };

static void
taking_new(struct taking *taking, const struct tree *tree)
{
	random_bytes(taking->key, sizeof taking->key);
	taking->blob = id_new();
	taking->fd = open(tree->base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	g_assert_cmpint(taking->fd, >=, 0);
}

/* "done SIZE SHA", "never: why". */
static char *
take(struct worker_process *fetch, const struct taking *taking, const char *uid, guint64 max,
	gsize key_size)
{
	g_auto(frame_auto) answer = { 0 };
	g_autoptr(GVariant) sha256 = NULL;
	guint32 outcome;
	const char *why;
	guint64 size;
	gsize n;

	ask(fetch, VERB_TAKE, g_variant_new("(sstb@ay@ay)", "INBOX", uid, max, FALSE,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, taking->blob.b, 16, 1),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, taking->key, key_size, 1)),
		taking->fd, &answer);
	g_variant_get(answer.body, "(u&st@ay)", &outcome, &why, &size, &sha256);

	const guint8 *digest = g_variant_get_fixed_array(sha256, &n, 1);

	if (outcome != DONE) {
		g_assert_cmpuint(n, ==, 0);
		return g_strdup_printf("%s: %s", outcome_word((enum outcome) outcome), why);
	}
	g_assert_cmpuint(n, ==, DIGEST_SIZE);

	g_autofree char *hex = digest_hex(digest);

	return g_strdup_printf("done %" G_GUINT64_FORMAT " %s", size, hex);
}

static void
test_take(struct tree *tree, gconstpointer unused)
{
	struct worker_process fetch;
	struct taking taking;
	struct options *options = settings(tree);
	g_autofree char *text = g_strnfill(150000, 'x');
	g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	g_autofree char *expected = g_strdup_printf("done 150000 %s", sha256);
	g_autoptr(GError) error = NULL;

	(void) unused;
	tree_write(tree, "new/a", text);
	taking_new(&taking, tree);
	start(&fetch, ROLE_FETCH, tree->root, options);

	g_autofree char *small = take(&fetch, &taking, "a", 149999, 32);
	g_autofree char *short_key = take(&fetch, &taking, "a", 150000, 31);
	g_autofree char *gone = take(&fetch, &taking, "b", 150000, 32);

	g_assert_cmpstr(small, ==, "never: fetch: mail size limit 149999");
	g_assert_cmpstr(short_key, ==, "never: take: id or key of a wrong size");
	g_assert_cmpstr(gone, ==, "never: gone");
	close(taking.fd);
	taking_new(&taking, tree);

	g_autofree char *whole = take(&fetch, &taking, "a", 150000, 32);

	g_assert_cmpstr(whole, ==, expected);

	int plain = unseal_file(taking.fd, taking.key, taking.blob, 150000, &error);

	g_assert_no_error(error);

	g_autoptr(GBytes) bytes = memfd_map(plain, 150000, &error);

	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text, 150000);
	close(plain);
	close(taking.fd);
	finish(&fetch);
	options_free(options);
}

static void
test_list_settle(struct tree *tree, gconstpointer unused)
{
	struct worker_process fetch;
	struct options *options = settings(tree);
	const char *const uids[] = { "a", "never-was", NULL };
	g_auto(frame_auto) listed = { 0 }, settled = { 0 }, folders = { 0 }, checked = { 0 };

	(void) unused;
	tree_write(tree, "new/a", "mail");
	start(&fetch, ROLE_FETCH, tree->root, options);
	ask(&fetch, VERB_LIST, g_variant_new("(ssu)", "INBOX", "", 10u), -1, &listed);

	g_autoptr(GVariant) items = g_variant_get_child_value(listed.body, 3);
	const char *uid, *why;
	guint32 whole, first, second;
	guint64 size;

	g_assert_cmpuint(g_variant_n_children(items), ==, 1);
	g_variant_get_child(items, 0, "(&sxt)", &uid, NULL, &size);
	g_assert_cmpstr(uid, ==, "a");
	g_assert_cmpuint(size, ==, 4);

	ask(&fetch, VERB_SETTLE, g_variant_new("(sb^as)", "INBOX", FALSE, uids), -1, &settled);

	g_autoptr(GVariant) moved = g_variant_get_child_value(settled.body, 2);

	g_variant_get_child(settled.body, 0, "u", &whole);
	g_variant_get_child(moved, 0, "(&su&s&s&s)", &uid, &first, &why, NULL, NULL);
	g_variant_get_child(moved, 1, "(&su&s&s&s)", &uid, &second, &why, NULL, NULL);
	g_assert_cmpuint(whole, ==, DONE);
	g_assert_cmpuint(first, ==, DONE);
	g_assert_cmpuint(second, ==, NEVER);
	g_assert_true(g_str_has_prefix(why, "gone"));
	g_assert_true(tree_has(tree, ".Done/cur/a:2,"));

	ask(&fetch, VERB_FOLDERS, g_variant_new("()"), -1, &folders);
	g_assert_cmpuint(g_variant_n_children(g_variant_get_child_value(folders.body, 0)), ==, 2);
	ask(&fetch, VERB_CHECK, g_variant_new("()"), -1, &checked);
	g_assert_cmpuint(g_variant_n_children(g_variant_get_child_value(checked.body, 0)), ==, 3);
	finish(&fetch);
	options_free(options);
}

/* More mails than an answer holds, with the longest names: every one is listed, page by page. */
static void
test_list_pages(struct tree *tree, gconstpointer unused)
{
	struct worker_process fetch;
	struct options *options = settings(tree);
	g_autofree char *after = g_strdup(""), *filler = g_strnfill(190, 'n');
	guint n = 0, pages = 0;
	gboolean more = TRUE;

	(void) unused;
	for (guint i = 0; i < 700; i++) {
		g_autofree char *name = g_strdup_printf("new/%05u%s", i, filler);

		tree_write(tree, name, "");
	}
	start(&fetch, ROLE_FETCH, tree->root, options);
	for (; more && pages < 100; pages++) {
		g_auto(frame_auto) listed = { 0 };
		g_autoptr(GVariantIter) items = NULL;
		const char *uid;

		ask(&fetch, VERB_LIST, g_variant_new("(ssu)", "INBOX", after, 5000u), -1, &listed);
		g_variant_get(listed.body, "(u&s&sa(sxt)bb)", NULL, NULL, NULL, &items, &more,
			NULL);
		for (; g_variant_iter_next(items, "(&sxt)", &uid, NULL, NULL); n++) {
			g_free(after);
			after = g_strdup(uid);
		}
	}
	g_assert_cmpuint(n, ==, 700);
	g_assert_cmpuint(pages, >, 1);
	finish(&fetch);
	options_free(options);
}

/* A mailbox that is not there is an answer, and it is found once it is made. */
static void
test_absent(struct tree *tree, gconstpointer unused)
{
	struct worker_process fetch;
	struct options *options = settings(tree);
	g_autofree char *fresh = tree_path(tree, "new");
	guint32 before, afterwards;
	g_auto(frame_auto) first = { 0 }, second = { 0 };

	(void) unused;
	g_assert_cmpint(g_rmdir(fresh), ==, 0);
	start(&fetch, ROLE_FETCH, tree->root, options);
	ask(&fetch, VERB_LIST, g_variant_new("(ssu)", "INBOX", "", 10u), -1, &first);
	g_variant_get_child(first.body, 0, "u", &before);
	g_assert_cmpuint(before, ==, NEVER);
	g_assert_cmpint(g_mkdir(fresh, 0700), ==, 0);
	ask(&fetch, VERB_LIST, g_variant_new("(ssu)", "INBOX", "", 10u), -1, &second);
	g_variant_get_child(second.body, 0, "u", &afterwards);
	g_assert_cmpuint(afterwards, ==, DONE);
	finish(&fetch);
	options_free(options);
}

/* ---- submit --------------------------------------------------------------------------- */

static void
test_send(struct tree *tree, gconstpointer unused)
{
	struct worker_process submit;
	struct options *options = settings(tree);
	g_auto(frame_auto) sent = { 0 }, refused = { 0 }, named = { 0 };
	g_autoptr(GBytes) mail = g_bytes_new_static("A: b\r\n\r\nc\r\n", 11);
	int frozen = memfd_from_bytes(mail), open_fd = memfd_new("open");
	guint32 outcome, code, scope;
	const char *why;

	(void) unused;
	g_assert_true(write_all(open_fd, "A: b\r\n", 6));
	start(&submit, ROLE_SUBMIT, tree->root, options);
	ask(&submit, VERB_SEND, g_variant_new("(sss)", "x1", "", "a@example.vn"), frozen, &sent);
	g_variant_get(sent.body, "(uuu&s)", &outcome, &code, &scope, &why);
	g_assert_cmpuint(outcome, ==, DONE);

	g_autofree char *text = tree_read(tree, "new/x1.ungcuu");

	g_assert_cmpstr(text, ==, "A: b\n\nc\n");
	ask(&submit, VERB_SEND, g_variant_new("(sss)", "x2", "", "a@example.vn"), open_fd,
		&refused);
	g_variant_get(refused.body, "(uuu&s)", &outcome, &code, &scope, &why);
	g_assert_cmpuint(outcome, ==, NEVER);
	g_assert_false(tree_has(tree, "new/x2.ungcuu"));
	ask(&submit, VERB_SEND, g_variant_new("(sss)", "../x3", "", "a@example.vn"), frozen,
		&named);
	g_variant_get(named.body, "(uuu&s)", &outcome, &code, &scope, &why);
	g_assert_cmpuint(outcome, ==, NEVER);
	close(frozen);
	close(open_fd);
	finish(&submit);
	options_free(options);
}

static const struct { const char *name; void (*run)(struct tree *, gconstpointer); } tests[] = {
	{ "/transport/fetch/take",        test_take },
	{ "/transport/fetch/list-settle", test_list_settle },
	{ "/transport/fetch/list-pages",  test_list_pages },
	{ "/transport/fetch/absent",      test_absent },
	{ "/transport/submit/send",       test_send },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	g_assert_nonnull(g_getenv("TOP_BUILDDIR"));
	for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct tree, NULL, tree_new, tests[i].run, tree_free);
	return g_test_run();
}
