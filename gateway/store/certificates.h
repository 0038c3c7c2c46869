/* SPDX-License-Identifier: ISC
 *
 * certificates: what the store keeps of other people's public certificates: those of the configuration, compiled
 * into a file of their own, and those that came by mail, pinned in the store.
 */
#ifndef UNGCUU_STORE_CERTIFICATES_H
#define UNGCUU_STORE_CERTIFICATES_H

#include "store/store.h"

/* ---- certificates.c: the configuration's public certificates, compiled; a file of its own ---- */

struct certificate_row {
	char *fingerprint, *source;	/* 40 or 64 upper-case hex digits; file it was read from */
	char **key_ids, **addresses;	/* 16 upper-case hex digits, primary first; of valid user ids, lower-cased */
	gint64 expires, encrypt_expires;	/* ms, -1: never */
	bool revoked, can_encrypt; GBytes *bytes;	/* bytes: binary, minimal */
};
void certificate_row_free(struct certificate_row *);
struct certificates;
/* The writer (who holds the store) makes a missing, damaged, foreign or other-version file anew, empty; to a reader
 * it is NEVER.  Damage found later ends the process; a writer removes the file before. */
enum outcome certificates_open(const char *path, bool writer, struct certificates **, GError **error);
void certificates_close(struct certificates *);
enum outcome certificates_begin(struct certificates *, GError **error);	/* as store_begin(): a whole rebuild */
enum outcome certificates_commit(struct certificates *, GError **error);
void certificates_rollback(struct certificates *);
/* Replaces this fingerprint's row of the same source.  Folds case; NEVER: no fingerprint or key id. */
enum outcome certificates_put(struct certificates *, const struct certificate_row *, GError **error);
enum outcome certificates_drop_source(struct certificates *, const char *name, GError **error);	/* and all from it */
/* By fingerprint or 16-digit key id.  Of one fingerprint in several sources: a revoked copy, or what lasts longest. */
GPtrArray *certificates_find(struct certificates *, const char *key);
GPtrArray *certificates_by_address(struct certificates *, const char *address);
guint64 certificates_count(struct certificates *);
enum outcome certificates_source_put(struct certificates *, const char *name, guint64 size, gint64 mtime_ns,
	const char *sha256, GError **error);
bool certificates_source_same(struct certificates *, const char *name, guint64 size, gint64 mtime_ns);
char *certificates_source_sha256(struct certificates *, const char *name);	/* hex; NULL: unknown. g_free() */
char **certificates_sources(struct certificates *);	/* names in order; g_strfreev() */

/* ---- pins.c: certificates that came by mail, per correspondent; only ever to encrypt ---- */

#define PIN_STATE_LIST(X) X(CURRENT, "current") X(QUARANTINED, "quarantined") X(FORGOTTEN, "forgotten")
#define WORDS_ENUM_PIN(n, w) PIN_##n,
WORDS(pin_state, PIN, PIN_STATE_LIST)
struct pin {
	struct id id;
	char *address, *fingerprint;	/* sealed; lower-cased, upper-case hex */
	char *source; enum pin_state state;	/* source: "autocrypt", "attachment": how it first came */
	gint64 first_seen, last_seen, expires;	/* ms; expires: of its last encryption key, -1 never */
	GBytes *certificate;		/* sealed; as it first came */
};
void pin_free(struct pin *);
/* Takes all but id, state, first_seen.  Unknown address, or all its pins forgotten: current.  Seen before: last_seen
 * moves, the state stays.  Else quarantined, and *changed (not NULL) says so. */
enum outcome pin_put(struct store *, const struct pin *, bool *changed, GError **error);
struct pin *pin_current(struct store *, const char *address);	/* NULL: none */
GPtrArray *pin_list(struct store *, int state, guint limit, const char *after);	/* -1: all; after: id text */
/* NULL address: forget for all; accept: the only one that has it, or NEVER.  What was current is then forgotten; what
 * is forgotten does not come back by mail, but can be accepted again. */
enum outcome pin_forget(struct store *, const char *address, const char *fingerprint, GError **error);
enum outcome pin_accept(struct store *, const char *address, const char *fingerprint, GError **error);

#endif
