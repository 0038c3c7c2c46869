/* SPDX-License-Identifier: ISC
 *
 * options: the configuration as a table and as checked values, and what of it desk and hub know as the site.
 */
#ifndef UNGCUU_MODEL_OPTIONS_H
#define UNGCUU_MODEL_OPTIONS_H

#include "model/model.h"

/* ---- options.c: the table of configuration -------------------------------------------------- */
/* The role bits of role/role.h, which checks that they agree. */
enum slice_bit { SLICE_SUPERVISOR = 1, SLICE_HUB = 2, SLICE_FETCH = 4, SLICE_MIME = 8, SLICE_LETTER = 16,
	SLICE_KEYS = 32, SLICE_SUBMIT = 64 };
enum option_type { OPTION_GROUP, OPTION_LIST, OPTION_TEXT, OPTION_TEXTS, OPTION_INT, OPTION_BOOL,
	OPTION_TIME, OPTION_SIZE, OPTION_WORD, OPTION_PATH, OPTION_SECRET_FILE, OPTION_LANGUAGES };
struct option {
	const char *name;		/* "mailboxes[].host": [] stands for an index */
	enum option_type type;		/* TIME in text "30s" "72h" "5d"; stored in ms.  SIZE "40MB"; in bytes */
	const char *standard;		/* default as text; NULL: none.  "!" must be given */
	const char *range;		/* "1..65535", "imap|pop3|maildir", a form of options.c, "internal"; NULL */
	unsigned roles;			/* which roles' slices hold it: enum slice_bit */
	const char *help;		/* one line */
};
extern const struct option options_table[];	/* ends with name NULL */

/* Checked values by concrete path: "mailboxes.0.host".  Lists have a count. */
struct options;
struct options *options_new(void); void options_free(struct options *);
void options_set(struct options *, const char *path, const char *value);
const char *options_text(const struct options *, const char *path, ...) G_GNUC_PRINTF(2, 3);	/* or NULL */
gint64 options_int(const struct options *, const char *path, ...) G_GNUC_PRINTF(2, 3);	/* INT TIME SIZE; 0 */
bool options_bool(const struct options *, const char *path, ...) G_GNUC_PRINTF(2, 3);
guint options_count(const struct options *, const char *path, ...) G_GNUC_PRINTF(2, 3);	/* items of a list */
/* The slice one role may know, and its way through a frame: type a(ss). */
struct options *options_slice(const struct options *, unsigned role);
struct options *options_for_mailbox(const struct options *, unsigned role, guint index);	/* as mailboxes.0 */
GVariant *options_to_variant(const struct options *);
struct options *options_from_variant(GVariant *);
/* The table row for a concrete path or NULL; the nearest known name for a wrong one, or NULL. */
const struct option *option_find(const char *path); const char *option_nearest(const char *path);
/* Text as written for this row to the text kept (ms, bytes); NULL with NEVER saying what is wrong. g_free(). */
char *option_accept(const struct option *, const char *text, GError **error);

/* "20 per 1d": so many within that time, ms; "0": no bound.  False: it is none. */
struct cap { guint64 most; gint64 window; };
bool cap_parse(const char *text, struct cap *);

/* ---- site.c: what desk and hub know of the site, from the hub's slice -------------------------- */
/* Bounds on outgoing mail: option of policy it is set by. */
#define CAP_LIST(X) X(ADDRESS, "cap_address") X(PARTY, "cap_party") X(DOMAIN, "cap_domain") X(TOTAL, "cap_total")
#define WORDS_ENUM_CAP(n, w) CAP_##n,
WORDS(cap_kind, CAP, CAP_LIST)
struct party {
	enum party_kind kind;
	char *id, *name, *language;
	char **addresses;		/* lower-cased */
	char **keys;			/* upper-case fingerprints */
	char **roles;			/* responders */
	gint64 until;			/* ms; -1 */
	char *drill_address;		/* lower-cased; NULL: the site's */
};
struct site {
	char *id, *name_vi, *name_en, *address, *reply_address, *phone, *portal, *fingerprint;
	char **aliases, **languages;	/* own addresses, lower-cased */
	char *advice_vi, *advice_en, *evidence_vi, *evidence_en;
	char *envelope;			/* submission.envelope where it holds %m and is used; NULL */
	char *ticket_format;		/* "%i-%y-%06n": hotline id, year, number */
	char *profile;
	bool observe;			/* policy.mode = "observe" */
	gint64 receipt_interval;	/* ms between two T32 of one ticket */
	gint64 late_after;		/* ms after which an acknowledgement is T33 */
	gint64 burst;			/* ms in which mails of one address join a ticket; 0: off */
	struct cap caps[cap_kind_count];
	char *drill_address, *sender;	/* lower-cased; sender: any submission.envelope; NULL */
	char **authserv_ids, **forwarders;	/* lower-cased */
	GPtrArray *parties;		/* struct party */
	GHashTable *templates;		/* "vi/T01" → text */
};
struct site *site_new(const struct options *); void site_free(struct site *);
/* The hotline, its aliases, its reply address with any code, the envelope sender with any id. */
bool site_is_own(const struct site *, const char *address);
const struct party *site_party_by_address(const struct site *, const char *address);
/* Our own team: a responder whose authority has not ended. */
bool site_is_team(const struct site *, const char *address, gint64 now);
/* Where mail of a drill for this address goes instead; NULL: nowhere.  Is this one of those addresses? */
const char *site_drill_address(const struct site *, const char *address);
bool site_is_drill_address(const struct site *, const char *address);
char *party_text(const struct party *);	/* "agency:so-y-te" */

#endif
