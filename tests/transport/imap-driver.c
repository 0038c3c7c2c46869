/* SPDX-License-Identifier: ISC
 *
 * imap-driver: the verbs of a mailbox on standard input, one a line, words apart by tabs ("-":
 * none), so that a script can start servers and ask.  What came of it ends with one line "done",
 * "later: why" or "never: why".
 */
#include "transport/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE		65536
#define WORDS_MOST	2000

static struct source *source;
static struct source_settings settings;
static char **kept;	/* what the settings point into */

static const char *
word(char **words, guint n)
{
	return n < g_strv_length(words) && strcmp(words[n], "-") != 0 ? words[n] : NULL;
}

static void
say(enum outcome how, GError *error)
{
	if (how == DONE)
		printf("done\n");
	else
		printf("%s: %s\n", outcome_word(how), error ? error->message : "(no reason)");
	g_clear_error(&error);
	fflush(stdout);
}

/* settings TYPE HOST PORT TLS CA PIN USER PASSWORD DONE PATIENCE [FOLDER...] */
static void
do_settings(char **words)
{
	char **own = g_strdupv(words);

	g_strfreev(kept);
	kept = own;
	settings = (struct source_settings) {
		.type = word(own, 1), .done_folder = word(own, 9),
		.server = {
			.host = word(own, 2), .port = (guint) atoi(own[3]), .tls = word(own, 4),
			.ca_file = word(own, 5), .tls_pin = word(own, 6), .user = word(own, 7),
			.password = word(own, 8), .patience = (guint) atoi(own[10]),
		},
		.folders = own[11] ? (const char *const *) own + 11 : NULL,
	};
	say(DONE, NULL);
}

static void
do_open(char **words)
{
	GError *error = NULL;
	enum outcome how;

	(void) words;
	g_clear_pointer(&source, source_close);
	how = source_open(&settings, &source, &error);
	say(how, error);
}

static void
do_close(char **words)
{
	(void) words;
	g_clear_pointer(&source, source_close);
	say(DONE, NULL);
}

/* list FOLDER AFTER MAX */
static void
do_list(char **words)
{
	g_auto(listing_auto) listing = { 0 };
	GError *error = NULL;
	enum outcome how = source_list(source, words[1], word(words, 2) ? words[2] : "",
		(guint) atoi(words[3]), &listing, &error);

	for (guint i = 0; i < listing.found->len; i++) {
		const struct found *mail = listing.found->pdata[i];

		printf("%s\t%" G_GINT64_FORMAT "\t%" G_GUINT64_FORMAT "\n", mail->uid,
			mail->arrived, mail->size);
	}
	printf("identity\t%s\nmore\t%d\nholes\t%d\n",
		listing.identity ? listing.identity : "(none)", listing.more, listing.has_holes);
	say(how, error);
}

/* expect FOLDER UID... */
static void
do_expect(char **words)
{
	source_expect(source, words[1], (const char *const *) words + 2);
	say(DONE, NULL);
}

struct got { struct digest *digest; guint64 size; FILE *file; gsize largest; };

static enum outcome
put(void *data, const void *bytes, gsize size, GError **error)
{
	struct got *got = data;

	(void) error;
	digest_put(got->digest, bytes, size);
	got->size += size;
	got->largest = MAX(got->largest, size);
	if (got->file && fwrite(bytes, 1, size, got->file) != size)
		abort();
	return DONE;
}

/* take FOLDER UID MAX [FILE]; MAX 0: the header alone */
static void
do_take(char **words)
{
	struct got got = { .digest = digest_new(),
		.file = word(words, 4) ? fopen(words[4], "w") : NULL };
	GError *error = NULL;
	guint64 max = g_ascii_strtoull(words[3], NULL, 10);
	enum outcome how = max == 0 ?
		source_take_header(source, words[1], words[2], put, &got, &error) :
		source_take(source, words[1], words[2], max, put, &got, &error);
	guint8 sha256[DIGEST_SIZE];
	g_autofree char *hex = NULL;

	digest_end(got.digest, sha256);
	hex = digest_hex(sha256);
	if (got.file && fclose(got.file) != 0)
		abort();
	printf("size\t%" G_GUINT64_FORMAT "\nsha256\t%s\nlargest\t%" G_GSIZE_FORMAT "\n", got.size,
		hex, got.largest);
	say(how, error);
}

/* date UID */
static void
do_date(char **words)
{
	GError *error = NULL;
	gint64 arrived;
	enum outcome how = source_date(source, words[1], &arrived, &error);

	printf("arrived\t%" G_GINT64_FORMAT "\n", arrived);
	say(how, error);
}

/* settle FOLDER UID... */
static void
do_settle(char **words)
{
	g_autoptr(GPtrArray) out = NULL;
	GError *error = NULL;
	enum outcome how = source_settle_many(source, words[1], TO_DONE,
		(const char *const *) words + 2, &out, &error);

	for (guint i = 0; how == DONE && i < out->len; i++) {
		const struct settled *one = out->pdata[i];

		printf("%s\t%s\t%s\t%s\t%s\n", words[2 + i], outcome_word(one->how),
			one->why ? one->why : "-", one->identity ? one->identity : "-",
			one->uid ? one->uid : "-");
	}
	say(how, error);
}

/* wait FOLDER SECONDS */
static void
do_wait(char **words)
{
	GError *error = NULL;
	bool news;
	enum outcome how = source_wait(source, words[1], (guint) atoi(words[2]), STDIN_FILENO,
		&news, &error);

	printf("news\t%d\n", news);
	say(how, error);
}

static void
do_room(char **words)
{
	GError *error = NULL;
	struct room room;
	enum outcome how = source_room(source, &room, &error);

	(void) words;
	printf("used\t%" G_GUINT64_FORMAT "\nlimit\t%" G_GUINT64_FORMAT "\n", room.used,
		room.limit);
	say(how, error);
}

static void
print_all(char **lines)
{
	for (char **line = lines; *line; line++)
		printf("%s\n", *line);
	g_strfreev(lines);
	say(DONE, NULL);
}

static void
do_folders(char **words)
{
	(void) words;
	print_all(source_folders(source));
}

static void
do_check(char **words)
{
	(void) words;
	print_all(source_check(&settings));
}

static const struct { const char *name; guint least; void (*run)(char **); } verbs[] = {
	{ "settings", 11, do_settings }, { "open", 1, do_open }, { "close", 1, do_close },
	{ "list", 4, do_list }, { "expect", 2, do_expect },
	{ "take", 4, do_take }, { "settle", 2, do_settle },
	{ "date", 2, do_date },
	{ "wait", 3, do_wait }, { "room", 1, do_room },
	{ "folders", 1, do_folders }, { "check", 1, do_check },
};

int
main(void)
{
	static char line[LINE];

	log_open("driver", LOG_TO_STDERR, 1);
	while (fgets(line, sizeof line, stdin)) {
		g_auto(GStrv) words = g_strsplit(g_strchomp(line), "\t", WORDS_MOST);

		for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
			if (g_strcmp0(words[0], verbs[i].name) == 0 &&
			    g_strv_length(words) >= verbs[i].least)
				verbs[i].run(words);
	}
	source_close(source);
	g_strfreev(kept);
	return 0;
}
