/* SPDX-License-Identifier: ISC
 *
 * account: private to source-imap.c, imap-take.c, imap-settle.c: an IMAP account as a mailbox.
 */
#ifndef UNGCUU_ACCOUNT_H
#define UNGCUU_ACCOUNT_H

#include "transport/imap.h"
#include "transport/source.h"

/* Equal: nothing came or went meanwhile. */
struct look { guint32 validity, count, after; guint64 modseq; };

struct account {
	struct server_settings server;	/* its texts are ours */
	char *done_folder, *held_folder;
	struct imap *imap;		/* NULL: none now */
	char *selected;			/* folder, as asked for; NULL */
	/* by account_key(), of a mail: */
	GHashTable *sizes;		/* guint64, of the pages listed last */
	GHashTable *inexact;		/* guint64: what came, not what was told */
	GHashTable *moved;		/* its uid text in the done folder, or "" */
	GHashTable *looks;		/* struct look by folder: how it was when all was listed */
	/* imap-batch.c: */
	GPtrArray *expected;		/* keys of the mails taken next */
	GHashTable *ahead;		/* GBytes by key: came already */
	gint64 one_by_one;		/* until then, monotonic, us */
};

#define ITEM_BYTES	512	/* of one mail in an answer besides its body, generously */

struct uid { guint32 validity, uid; };
char *uid_text(guint32 validity, guint32 uid);
bool uid_parse(const char *text, struct uid *);
char *identity_text(guint32 validity, const char *folder);

/* Logged in, as far as we know.  NEVER: as imap_open(), or the done folder cannot be made. */
enum outcome account_connect(struct account *, GError **error);
/* Selects anew, on a new session if the old one is found dead; *there: does the folder exist? */
enum outcome account_select(struct account *, const char *folder, bool *there, GError **error);
/* The same, unless it is selected already. */
enum outcome account_enter(struct account *, const char *folder, bool *there, GError **error);
/* Names a mail of the selected folder.  Its uid alone does not: folders made in the same second
 * have the same UIDVALIDITY.  g_free(). */
char *account_key(const struct account *, const char *uid);

/* imap-take.c */
struct item { guint32 number, uid; bool is_whole; guint64 size; gint64 arrived; };
struct item item_of(const struct mailimap_msg_att *);	/* is_whole: with all three */
/* UID and RFC822.SIZE, and what is asked besides. */
enum section { SECTION_NONE, SECTION_HEADER, SECTION_ALL };
struct mailimap_fetch_type *what_to_fetch(bool with_date, enum section);
/* The item, if it is a body; else NULL. */
const struct mailimap_msg_att_body_section *body_of(const struct mailimap_msg_att_item *);
void account_remember_size(struct account *, const char *uid, guint64 size);
enum outcome imap_source_take(void *box, const char *folder, const char *uid, struct sink *,
	GError **error);

/* imap-batch.c */
void imap_source_expect(void *box, const char *folder, const char *const *uids);
/* A mail of the selected folder that came in a batch, which may be fetched now; *out NULL: it is
 * to be taken alone. */
enum outcome account_take_ahead(struct account *, const char *uid, GBytes **out, GError **error);
void account_forget_batch(struct account *);

/* imap-settle.c */
enum outcome imap_source_settle(void *box, const char *folder, enum target,
	const char *const *uids, GPtrArray *out, GError **error);

/* Adds the items of the mails of the selected folder numbered first to last that the server
 * tells of. */
enum outcome account_items(struct account *, guint32 first, guint32 last, GArray *out,
	GError **error);

enum outcome imap_source_remove(void *box, const char *folder, const char *const *uids,
	GPtrArray *out, GError **error);

/* imap-room.c */
enum outcome imap_source_room(void *box, struct room *, GError **error);

/* imap-check.c */
void imap_source_check(const struct source_settings *, GPtrArray *lines);

#endif
