/* SPDX-License-Identifier: ISC
 *
 * source: private to transport/.  What each kind of mailbox does behind the verbs of transport.h,
 * which say what they mean.
 */
#ifndef UNGCUU_SOURCE_H
#define UNGCUU_SOURCE_H

#include "transport/transport.h"

#define FOLDERS_MAX	10000	/* folders of one mailbox that are told of */

/* Where the bytes of a mail go, and how many at most. */
struct sink {
	guint64 max, total;
	source_put *put;
	void *data;
	bool header_only, at_end;	/* at_end: of the header; what comes after it is left out */
	guint line;			/* bytes of the line so far, without CR */
};

struct source_kind {
	const char *type;
	enum outcome (*open)(const struct source_settings *, void **box, GError **);
	void (*close)(void *box);
	/* listing: empty when handed in */
	enum outcome (*list)(void *box, const char *folder, const char *after, guint max,
		struct listing *, GError **);
	/* or NULL */
	void (*expect)(void *box, const char *folder, const char *const *uids);
	enum outcome (*take)(void *box, const char *folder, const char *uid, struct sink *,
		GError **);
	/* out: struct settled, empty when handed in */
	enum outcome (*settle)(void *box, const char *folder, enum target,
		const char *const *uids, GPtrArray *out, GError **);
	/* the same; or NULL */
	enum outcome (*remove)(void *box, const char *folder, const char *const *uids,
		GPtrArray *out, GError **);
	/* or NULL */
	enum outcome (*wait)(void *box, const char *folder, guint seconds, int fd, bool *news,
		GError **);
	enum outcome (*room)(void *box, struct room *, GError **);	/* or NULL */
	/* as source_date(); NULL: the list tells it */
	enum outcome (*date)(void *box, const char *uid, gint64 *arrived, GError **);
	void (*folders)(void *box, GPtrArray *names);	/* sorted, INBOX first, by source.c */
	void (*check)(const struct source_settings *, GPtrArray *lines);
};
extern const struct source_kind source_maildir, source_imap, source_pop3;

struct found *found_new(const char *uid, gint64 arrived, guint64 size);
/* why: copied; NULL where it is DONE.  The rest is taken. */
struct settled *settled_new(enum outcome, const char *why, char *identity, char *uid);
/* Counts, and hands on at most sink->max bytes in all. */
enum outcome sink_put(struct sink *, const void *, gsize, GError **error);
/* Trouble on the way to a mail says nothing about the mail: whatever it was is LATER here. */
enum outcome only_later(GError **error);
/* "ok|warn|fail: ..." for source_check(). */
void line_add(GPtrArray *lines, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
