/* SPDX-License-Identifier: ISC
 *
 * keys.h: private to the key verbs of ungcuuctl: our own keys in keys.home (keys.c), the files of
 * keys.certificates (key-folder.c), and how both read in JSON (key-list.c).
 */
#ifndef UNGCUU_CTL_KEYS_H
#define UNGCUU_CTL_KEYS_H

#include "crypto/crypto.h"
#include "ctl/ctl.h"

#define SMIME_NOT_YET	"S/MIME does not work yet"
#define RELOAD_HINT	"reload the daemon (SIGHUP)"

typedef struct certificate certificate_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(certificate_auto, certificate_free)
typedef struct site site_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(site_auto, site_free)

/* ---- keys.c: our own keys ----------------------------------------------------------------- */

/* What the configuration says of a key of ours. */
#define KEY_USE_LIST(X) X(PRESENT, "present") X(OLD, "old") X(OTHER, "other")
#define WORDS_ENUM_KEY_USE(n, w) KEY_USE_##n,
WORDS(key_use, KEY_USE, KEY_USE_LIST)
enum key_use key_use_of(const struct ctl *, const char *fingerprint);
const char *keys_home(const struct ctl *);
/* hotline.key; NULL: not set. */
const char *key_present(const struct ctl *);
/* Of one word of the call: upper case, without blanks and "0x"; NULL: no full fingerprint, and an
 * error is set.  g_free() */
char *key_named(struct ctl *, const char *word);
/* struct key_info of all keys of keys.home, or of one; none where there is no home.  Exit status,
 * an error is set. */
int keys_own(struct ctl *, const char *fingerprint, GPtrArray **out);
/* Makes keys.home where it is missing, for the user the gateway runs as.  Exit status. */
int keys_home_make(struct ctl *);
/* hotline.old_keys as configured, with `more` at the end if it is none of them yet, without
 * `less` (may be NULL).  g_free() */
char *old_keys_line(const struct ctl *, const char *more, const char *less);

/* ---- key-folder.c: keys.certificates ------------------------------------------------------- */

struct key_file {
	char *name;
	bool is_read;
	GPtrArray *certificates;	/* struct certificate; NULL before it is read */
	char *why;			/* what of it is none, and why; NULL: nothing */
};
void key_file_clear(struct key_file *);
struct folder {
	char *path, *scratch;
	GPtrArray *files;		/* struct key_file, by name */
	char *why;			/* the folder could not be read; then there are no files */
	bool is_missing;
	guint n_read;
	bool is_cut;			/* the most that is read in one call was reached */
};
struct folder *folder_open(const struct ctl *);
void folder_free(struct folder *);
typedef struct folder folder_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(folder_auto, folder_free)
/* Once for each file; false: not read, because as many were read as one call may. */
bool folder_read(struct folder *, struct key_file *);
/* This certificate; its file is looked for first among those named after it.  NULL: none was
 * found. */
const struct certificate *folder_find(struct folder *, const char *fingerprint,
	const struct key_file **);
/* Why folder_find() finds none. */
const char *folder_lacks(const struct folder *, const char *fingerprint);
/* A party that names this key, "agency:so-y-te", the first one; NULL.  g_free() */
char *key_party(const struct site *, const char *fingerprint);
/* certificate_read() in a temporary folder. */
enum outcome certificate_parse(GBytes *, struct certificate **out, GError **error);
/* Why nothing can be encrypted to it, or NULL. */
const char *certificate_fault(const struct certificate *);

/* ---- key-trial.c: our keys tried as the daemon would use them ------------------------------- */

struct trial;
/* An agent on keys.home and a private home with these certificates of ours. */
enum outcome trial_begin(const struct ctl *, GPtrArray *certificates, struct trial **out,
	GError **error);
/* One signature. */
enum outcome trial_sign(struct trial *, const char *fingerprint, GError **error);
/* One text, signed by `signer`, encrypted to this key and opened again. */
enum outcome trial_decrypt(struct trial *, const char *signer, const char *fingerprint, gint64 now,
	GError **error);
void trial_end(struct trial *);
typedef struct trial trial_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trial_auto, trial_end)

/* ---- key-list.c ------------------------------------------------------------------------------ */

/* Everything about a certificate; NULL: all null. */
void put_certificate(const struct ctl *, json_t *object, const struct certificate *);

#endif
