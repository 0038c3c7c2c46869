/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/agent.c and of what open.c makes of it: which keys an agent can use, told
 * by the agent itself, whatever gpg says of a message.  Between the home and the agent stands a
 * door that can be shut.
 */
#include <poll.h>

#include "crypto/engine.h"
#include "peers.h"

#define LARGE	26214400

static struct bench bench;
static struct peers peers;
static char *private_home, *door_path;

/* ---- a door before the agent --------------------------------------------------------------- */

enum door { OPEN, SHUT, SILENT, RUDE };

/* Both ways until one side ends. */
static void
door_carry(int guest, int host)
{
	struct pollfd both[] = { { .fd = guest, .events = POLLIN }, { .fd = host,
		.events = POLLIN } };
	char buffer[4096];

	while (poll(both, 2, -1) > 0)
		for (guint i = 0; i < 2; i++) {
			if (!both[i].revents)
				continue;
			ssize_t n = read(both[i].fd, buffer, sizeof buffer);
			if (n <= 0 || write(both[1 - i].fd, buffer, (gsize)n) != n)
				return;
		}
}

static void
door_visit(int guest, enum door how)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(addr.sun_path, bench.socket, sizeof addr.sun_path);
	if (how == SILENT)
		(void)pause();
	if (how == RUDE)
		(void)!write(guest, "ERR 1 no\n", 9);
	if (how == OPEN && connect(host, (struct sockaddr *)&addr, sizeof addr) == 0)
		door_carry(guest, host);
	_exit(0);
}

/* The first n visitors are met this way, the others find it open. */
static pid_t
door_keeper(guint n, enum door how)
{
	int door = bench_listen(door_path);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		for (guint i = 0;; i++) {
			int guest = accept(door, NULL, NULL);

			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				door_visit(guest, i < n ? how : OPEN);
			}
			close(guest);
		}
	}
	close(door);
	return pid;
}

static void
door_close(pid_t keeper)
{
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
}

/* ---- which keys can be used ---------------------------------------------------------------- */

static void
set_up(void)
{
	bench_open(&bench);
	peers_open(&peers, bench.folder);
	peers_import(&peers, bench.certificate);
	door_path = g_build_filename(bench.folder, "door", NULL);
	private_home = g_build_filename(bench.folder, "private", NULL);
	g_assert_cmpint(home_make(private_home, door_path, &bench.certificate, 1, NULL), ==, DONE);
}

static void
tear_down(void)
{
	peers_close(&peers);
	bench_close(&bench);
	g_free(door_path);
	g_free(private_home);
}

/* Keygrip of the first encryption key of a certificate in the peers' home. */
static char *
keygrip_of(const char *fingerprint)
{
	g_autoptr(engine_context) context = engine_new(peers.home, NULL);
	g_autoptr(GPtrArray) found = NULL;

	gpgme_set_keylist_mode(context, GPGME_KEYLIST_MODE_LOCAL |
		GPGME_KEYLIST_MODE_WITH_KEYGRIP);
	g_assert_cmpint(engine_list(context, fingerprint, false, &found, NULL), ==, DONE);
	g_assert_cmpuint(found->len, ==, 1);
	for (gpgme_subkey_t sub = ((gpgme_key_t)found->pdata[0])->subkeys; sub; sub = sub->next)
		if (sub->can_encrypt)
			return g_strdup(sub->keygrip);
	g_assert_not_reached();
}

static char *
pair(const char *user, const char *sealing, const char *expire)
{
	char *fingerprint = peers_key(&peers, user, "ed25519", "never", NULL);

	PEERS_DO(&peers, NULL, "--faked-system-time", "20250101T000000", "--quick-add-key",
		fingerprint, sealing, "encr", expire);
	return fingerprint;
}

/* The peers' own agent, and its standard socket: whatever sort of key, it answers alike. */
static void
test_sorts_of_keys(void)
{
	static const char *const sorts[] = { "rsa1024", "rsa2048", "elg1024", "cv25519",
		"nistp256", "nistp384", "nistp521", "brainpoolP256r1" };

	for (guint i = 0; i < G_N_ELEMENTS(sorts); i++) {
		g_autofree char *user = g_strdup_printf("%s <%s@example.vn>", sorts[i], sorts[i]);
		g_autofree char *fingerprint = pair(user, sorts[i], i % 2 ? "never" :
			"20250201T000000");
		g_autofree char *keygrip = keygrip_of(fingerprint);
		g_autofree char *file = g_strdup_printf("%s/private-keys-v1.d/%s.key", peers.home,
			keygrip);

		g_assert_true(agent_can_use(peers.home, keygrip));
		g_assert_true(g_file_set_contents(file, "(11:not a key)", -1, NULL));
		g_assert_false(agent_can_use(peers.home, keygrip));
		g_assert_cmpint(unlink(file), ==, 0);
		g_assert_false(agent_can_use(peers.home, keygrip));
	}
	g_assert_false(agent_can_use(peers.home, "0123456789012345678901234567890123456789"));
	g_assert_false(agent_can_use(peers.home, "no keygrip"));
	g_assert_false(agent_can_use(peers.home, ""));
}

/* A passphrase that somebody would have to type. */
static void
test_locked(void)
{
	g_autofree char *keygrip = NULL;

	PEERS_DO(&peers, NULL, "--passphrase", "secret", "--quick-gen-key",
		"Locked <l@example.vn>", "rsa1024", "sign,cert,encrypt", "never");
	kill(peers.agent, SIGKILL);		/* it has the passphrase in mind */
	waitpid(peers.agent, NULL, 0);
	g_autofree char *standard = g_build_filename(peers.home, "S.gpg-agent", NULL);
	g_autofree char *extra = g_build_filename(peers.folder, "extra", NULL);
	peers.agent = bench_agent_on(peers.home, standard, extra);
	keygrip = keygrip_of("l@example.vn");
	g_assert_false(agent_can_use(peers.home, keygrip));
}

/* By a redirect, over the extra socket; and what stands there instead of an agent. */
static void
test_door(void)
{
	static const struct { enum door how; bool listens, can; } doors[] = {
		{ OPEN, true, true }, { SHUT, true, false }, { RUDE, true, false },
		{ SILENT, true, false },	/* the test's only wait */
	};
	g_autofree char *keygrip = keygrip_of(bench.fingerprint);
	pid_t keeper;

	(void)unlink(door_path);
	g_assert_false(agent_listens(private_home));
	g_assert_false(agent_can_use(private_home, keygrip));
	for (guint i = 0; i < G_N_ELEMENTS(doors); i++) {
		keeper = door_keeper(100, doors[i].how);
		g_assert_cmpint(agent_listens(private_home), ==, doors[i].listens);
		g_assert_cmpint(agent_can_use(private_home, keygrip), ==, doors[i].can);
		door_close(keeper);
	}
	keeper = door_keeper(0, OPEN);
	g_assert_cmpint(agent_pid(private_home), ==, -1);	/* not told to just anybody */
	door_close(keeper);
	g_assert_cmpint(agent_pid(peers.home), ==, peers.agent);
}

/* ---- what open_decrypt makes of it --------------------------------------------------------- */

static const struct meeting {
	const char *what;
	guint n;			/* visitors who are met like this */
	enum door how;
	bool is_broken;
	enum outcome outcome;
	enum encryption word;
} meetings[] = {
	{ "all is well", 0, OPEN, false, DONE, ENCRYPTION_DECRYPTED },
	{ "broken", 0, OPEN, true, DONE, ENCRYPTION_MALFORMED },
	{ "the agent away for a moment", 1, SHUT, false, DONE, ENCRYPTION_DECRYPTED },
	{ "broken, the agent away for a moment", 1, SHUT, true, DONE, ENCRYPTION_MALFORMED },
	{ "the agent away", 100, SHUT, false, LATER, ENCRYPTION_MALFORMED },
	{ "broken, the agent away", 100, SHUT, true, LATER, ENCRYPTION_MALFORMED },
	{ "the agent talks nonsense", 100, RUDE, false, LATER, ENCRYPTION_MALFORMED },
};

static void
test_meetings(void)
{
	g_autoptr(GBytes) text = peers_text("hello\r\n");
	g_autoptr(GBytes) sealed = PEERS_MAKE(&peers, text, "--recipient", bench.fingerprint,
		"--encrypt");
	gsize size = g_bytes_get_size(sealed);
	guint8 *copy = g_memdup2(g_bytes_get_data(sealed, NULL), size);
	struct opener *opener = opener_new(private_home);
	const char *own[] = { bench.fingerprint, NULL };

	copy[size - 5] ^= 1;
	g_autoptr(GBytes) broken = g_bytes_new_take(copy, size);
	for (guint i = 0; i < G_N_ELEMENTS(meetings); i++) {
		const struct meeting *meeting = &meetings[i];
		const struct open_request request = { .data = meeting->is_broken ? broken : sealed,
			.own_keys = own, .max_plain = 1000, .limit_name = "mail size" };
		pid_t keeper = door_keeper(meeting->n, meeting->how);
		struct opened opened;

		enum outcome how = open_decrypt(opener, &request, &opened, NULL);
		if (how != meeting->outcome || opened.verdict.encryption != meeting->word ||
		    opened.agent_fault != (how == LATER))
			g_error("%s: %d %s", meeting->what, how,
				encryption_word(opened.verdict.encryption));
		opened_clear(&opened);
		door_close(keeper);
	}
	opener_free(opener);
}

/* ---- gpg is killed ------------------------------------------------------------------------- */

static bool
is_running(const char *pid, const char *option)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", pid), *line = NULL;
	gsize size = 0;

	if (!g_file_get_contents(path, &line, &size, NULL))
		return false;
	for (gsize i = 0; i < size; i += strlen(line + i) + 1)
		if (strcmp(line + i, option) == 0)
			return true;
	return false;
}

/* Kills the first gpg with this option, once; exits 0 when it has. */
static pid_t
killer(const char *option)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", parent, parent);
	for (;;) {
		g_autofree char *text = NULL;
		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_auto(GStrv) pids = g_strsplit(text, " ", -1);

		for (char **each = pids; *each; each++)
			if (**each && is_running(*each, option))
				_exit(kill((pid_t)atoi(*each), SIGKILL) == 0 ? 0 : 1);
	}
}

static void
assert_killed(pid_t pid)
{
	int status = 0;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Of a mail large enough to meet it: what is said of the mail is what gpg says when it is let. */
static void
test_killed(void)
{
	g_autofree char *much = g_strnfill(LARGE, 'x');
	g_autoptr(GBytes) text = g_bytes_new(much, LARGE);
	g_autoptr(GBytes) sealed = PEERS_MAKE(&peers, text, "-z", "0", "--recipient",
		bench.fingerprint, "--encrypt");
	g_autofree char *alice = peers_key(&peers, "Alice <alice@example.vn>", "ed25519", "never",
		NULL);
	g_autoptr(GBytes) signature = PEERS_MAKE(&peers, text, "--local-user", alice,
		"--detach-sign");
	g_autoptr(GBytes) hers = peers_certificate(&peers, alice);
	GBytes *const both[] = { bench.certificate, hers };
	const char *own[] = { bench.fingerprint, NULL };
	struct open_request request = { .data = sealed, .own_keys = own, .max_plain = 2 * LARGE,
		.from = "alice@example.vn", .limit_name = "mail size",
		.now = G_GINT64_CONSTANT(2114380800000) };
	struct opened opened;

	g_assert_cmpint(home_make(private_home, bench.socket, both, 2, NULL), ==, DONE);
	struct opener *opener = opener_new(private_home);
	g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1), ==, 0);
	pid_t pid = killer("--decrypt");
	g_assert_cmpint(open_decrypt(opener, &request, &opened, NULL), ==, DONE);
	assert_killed(pid);
	g_assert_cmpint(opened.verdict.encryption, ==, ENCRYPTION_DECRYPTED);
	g_assert_true(g_bytes_equal(opened.plain, text));
	opened_clear(&opened);
	request.data = text;
	request.signature = signature;
	pid = killer("--verify");
	g_assert_cmpint(open_verify(opener, &request, &opened, NULL), ==, DONE);
	assert_killed(pid);
	g_assert_cmpint(opened.verdict.signature, ==, SIGNATURE_UNKNOWN_KEY);
	opened_clear(&opened);
	g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 0), ==, 0);
	opener_free(opener);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	alarm(300);			/* gpg that is waited for in vain */
	crypto_init();
	set_up();
	g_test_add_func("/agent/sorts-of-keys", test_sorts_of_keys);
	g_test_add_func("/agent/door", test_door);
	g_test_add_func("/agent/meetings", test_meetings);
	g_test_add_func("/agent/killed", test_killed);
	g_test_add_func("/agent/locked", test_locked);
	int failed = g_test_run();
	tear_down();
	return failed;
}
