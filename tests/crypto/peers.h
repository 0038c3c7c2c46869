/* SPDX-License-Identifier: ISC
 *
 * peers: the other side of the tests of crypto/: keys of invented people in a throw-away home, and
 * plain gpg that signs and encrypts with them, as their mail programs would.
 */
#ifndef UNGCUU_CRYPTO_PEERS_H
#define UNGCUU_CRYPTO_PEERS_H

#include "crypto-test.h"

struct peers { char *folder, *home; pid_t agent; };

/* Plain gpg with these arguments (NULL-ended), `input` as its last argument's file; NULL if it
 * fails. */
static inline GBytes *
peers_gpg(const struct peers *peers, GBytes *input, const char *const *args)
{
	g_autofree char *file = g_build_filename(peers->folder, "input", NULL);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *out = g_build_filename(peers->folder, "output", NULL);
	char *bytes = NULL;
	gsize size = 0;
	int status = -1;
	static const char *const common[] = { "/usr/bin/gpg", "--batch", "--yes", "--quiet",
		"--no-autostart", "--pinentry-mode", "loopback", "--passphrase", "",
		"--trust-model", "always", "--homedir" };

	for (guint i = 0; i < G_N_ELEMENTS(common); i++)
		g_ptr_array_add(argv, (gpointer)common[i]);
	g_ptr_array_add(argv, peers->home);
	g_ptr_array_add(argv, (gpointer)"--output");
	g_ptr_array_add(argv, out);
	for (; *args; args++)
		g_ptr_array_add(argv, (gpointer)*args);
	if (input) {
		const char *text = g_bytes_get_data(input, &size);

		g_assert_true(g_file_set_contents(file, text ? text : "", (gssize)size, NULL));
		g_ptr_array_add(argv, file);
	}
	g_ptr_array_add(argv, NULL);
	(void)unlink(out);
	g_assert_true(g_spawn_sync(NULL, (char **)argv->pdata, NULL,
		g_test_verbose() ? G_SPAWN_DEFAULT :
			G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL,
		NULL, NULL, NULL, NULL, &status, NULL));
	if (status != 0)
		return NULL;
	if (!g_file_get_contents(out, &bytes, &size, NULL))
		return g_bytes_new_static("", 0);
	return g_bytes_new_take(bytes, size);
}

#define PEERS_GPG(peers, input, ...) \
	peers_gpg(peers, input, (const char *const[]){ __VA_ARGS__, NULL })

static inline GBytes *
peers_made(GBytes *made)
{
	g_assert_nonnull(made);
	return made;
}
/* The same, and it must succeed. */
#define PEERS_MAKE(peers, input, ...) peers_made(PEERS_GPG(peers, input, __VA_ARGS__))
#define PEERS_DO(peers, input, ...) g_bytes_unref(PEERS_MAKE(peers, input, __VA_ARGS__))

static inline GBytes *
peers_text(const char *text)
{
	return g_bytes_new(text, strlen(text));
}

static inline void
peers_open(struct peers *peers, const char *folder)
{
	peers->folder = g_build_filename(folder, "peers", NULL);
	peers->home = g_build_filename(peers->folder, "home", NULL);
	g_assert_cmpint(g_mkdir_with_parents(peers->home, 0700), ==, 0);
	g_autofree char *socket = g_build_filename(peers->home, "S.gpg-agent", NULL);
	g_autofree char *extra = g_build_filename(peers->folder, "extra", NULL);
	peers->agent = bench_agent_on(peers->home, socket, extra);
}

static inline void
peers_close(struct peers *peers)
{
	kill(peers->agent, SIGKILL);
	waitpid(peers->agent, NULL, 0);
	home_remove(peers->folder);
	g_free(peers->folder);
	g_free(peers->home);
}

/* ed25519 or another algorithm, primary key that signs; `time`: faked, or NULL. */
static inline char *
peers_key(const struct peers *peers, const char *user_id, const char *algorithm, const char *expire,
	const char *time)
{
	g_autofree char *user = g_strdup_printf("=%s", user_id);
	/* stands still: a slow machine must not date it behind what is added to it */
	g_autofree char *frozen = g_strconcat(time ? time : "20250101T000000", "!", NULL);

	PEERS_DO(peers, NULL, "--faked-system-time", frozen, "--quick-gen-key",
		user_id, algorithm, "sign,cert", expire);
	g_autoptr(GPtrArray) list = NULL;
	GError *error = NULL;
	g_assert_cmpint(key_list(peers->home, user, false, &list, &error), ==, DONE);
	g_assert_no_error(error);
	g_assert_cmpuint(list->len, ==, 1);
	return g_strdup(((struct key_info *)list->pdata[0])->fingerprint);
}

/* With a key that can be encrypted to. */
static inline char *
peers_pair(const struct peers *peers, const char *user_id, const char *expire, const char *time)
{
	char *fingerprint = peers_key(peers, user_id, "ed25519", expire, time);

	PEERS_DO(peers, NULL, "--faked-system-time", time ? time : "20250101T000000",
		"--quick-add-key",
		fingerprint, "cv25519", "encr", expire);
	return fingerprint;
}

static inline GBytes *
peers_certificate(const struct peers *peers, const char *fingerprint)
{
	return PEERS_MAKE(peers, NULL, "--export", fingerprint);
}

static inline void
peers_import(const struct peers *peers, GBytes *certificate)
{
	PEERS_DO(peers, certificate, "--import");
}

/* The revocation certificate gpg left, its guarding colon taken away. */
static inline void
peers_revoke(const struct peers *peers, const char *fingerprint)
{
	g_autofree char *path = g_strdup_printf("%s/openpgp-revocs.d/%s.rev", peers->home,
		fingerprint);
	char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	char *colon = strstr(text, "\n:-----BEGIN");
	g_assert_nonnull(colon);
	memmove(colon + 1, colon + 2, strlen(colon + 2) + 1);
	g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(text));
	peers_import(peers, bytes);
}

#endif
