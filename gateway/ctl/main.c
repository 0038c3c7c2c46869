/* SPDX-License-Identifier: ISC
 *
 * ungcuuctl: what an administrator and scripts ask the gateway.  Reading verbs open the store
 * read-only, daemon or not; what changes something goes through the control socket.  One table
 * of verbs and one of options say what a call may look like; parsing, usage and help walk them.
 * Errors are one line on stderr and, with --json, one object on stdout.
 */
#include "ctl/ctl.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define LIMIT_STANDARD	50
#define LIMIT_MOST	1000
#define EXPIRE_STANDARD	730	/* days */
#define EXPIRE_MOST	3650

/* ---- options ------------------------------------------------------------------------------ */

static struct ctl call = { .limit = LIMIT_STANDARD, .expire = EXPIRE_STANDARD,
	.file = SYSCONFDIR "/ungcuu/ungcuu.conf" };
static bool wants_help, wants_version;

static const struct known {
	const char *name, *argument;
	char letter;		/* short form, or 0 */
	unsigned taken_by;
	const char **text;	/* one of these three is where it goes */
	gint64 *number;
	bool *flag;
	gint64 most;		/* of a number */
	const char *help;
} options_known[] = {
#define FLAG(value) NULL, NULL, &(value), 0
#define TEXT(value) &(value), NULL, NULL, 0
#define NUMBER(value, most) NULL, &(value), NULL, most
	/* name, argument, letter, verbs: value: help */
	{ "file", "FILE", 'f', TAKES_ALWAYS, TEXT(call.file), "configuration" },
	{ "json", NULL, 0, TAKES_ALWAYS, FLAG(call.json), "one JSON object on stdout" },
	{ "verbose", NULL, 'v', TAKES_ALWAYS, FLAG(call.verbose), "log of roles on stderr" },
	{ "help", NULL, 'h', TAKES_ALWAYS, FLAG(wants_help), "this text" },
	{ "version", NULL, 'V', TAKES_ALWAYS, FLAG(wants_version), "the version" },
	{ "limit", "N", 0, TAKES_LIST, NUMBER(call.limit, LIMIT_MOST), "rows at most (50)" },
	{ "after", "ID", 0, TAKES_LIST, TEXT(call.after), "rows after this one" },
	{ "mailbox", "NAME", 0, TAKES_MAILBOX, TEXT(call.mailbox), "only this mailbox" },
	{ "state", "STATE", 0, TAKES_STATE, TEXT(call.state), "only rows in this state" },
	{ "all", NULL, 0, TAKES_ALL, FLAG(call.all), "closed ones too" },
	{ "to", "DIR", 0, TAKES_TO, TEXT(call.to), "a new or empty directory" },
	{ "name", "NAME", 0, TAKES_KEY, TEXT(call.name), "name in the user id" },
	{ "address", "ADDR", 0, TAKES_ADDRESS, TEXT(call.address),
		"address in the user id, or of the one correspondent" },
	{ "since", "TIME", 0, TAKES_SINCE, TEXT(call.since), "2026-11-01 or RFC 3339" },
	{ "silent", NULL, 0, TAKES_SINCE, FLAG(call.silent), "without acknowledgements" },
	{ "from", "GIVER", 0, TAKES_GIVEN, TEXT(call.from), "who handed it over" },
	{ "by", "TAKER", 0, TAKES_GIVEN, TEXT(call.by), "who took it (the login name)" },
	{ "note", "TEXT", 0, TAKES_GIVEN, TEXT(call.note), "one line to remember" },
	{ "replace", NULL, 0, TAKES_BACKUP, FLAG(call.replace), "over a file that is there" },
	{ "verify", NULL, 0, TAKES_BACKUP, FLAG(call.verify), "only read FILE and check it" },
	{ "dry-run", NULL, 0, TAKES_DRY, FLAG(call.dry_run), "decide, but do nothing" },
	{ "expire", "DAYS", 0, TAKES_KEY, NUMBER(call.expire, EXPIRE_MOST), "days valid (730)" },
};

/* ---- errors --------------------------------------------------------------------------- */

int
ctl_fail(struct ctl *ctl, int status, const char *what, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_free(ctl->error_what);
	g_free(ctl->error_why);
	ctl->error_what = g_strdup(what);
	ctl->error_why = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	return status;
}

int
ctl_fail_error(struct ctl *ctl, const char *what, GError **error)
{
	int status = g_error_matches(*error, UNGCUU_ERROR, LATER) ? EX_TEMPFAIL : EX_DATAERR;

	ctl_fail(ctl, status, what, "%s", (*error)->message);
	g_clear_error(error);
	return status;
}

const char *
ctl_nearest(const char *wrong, const char *const *words, guint n)
{
	const char *nearest = NULL;
	guint best = (guint) strlen(wrong) / 3 + 2;

	for (guint i = 0; i < n; i++) {
		guint distance = words_distance(wrong, words[i]);

		if (distance < best) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}

int
ctl_state(struct ctl *ctl, const char *const *words, guint n)
{
	for (guint i = 0; ctl->state && i < n; i++)
		if (strcmp(words[i], ctl->state) == 0)
			return (int) i;
	if (ctl->state) {
		const char *nearest = ctl_nearest(ctl->state, words, n);

		ctl_fail(ctl, EX_USAGE, ctl->state, "no such state%s%s",
			nearest ? ", did you mean " : "", nearest ? nearest : "");
	}
	return -1;
}

static void
print_json(json_t *object)
{
	json_object_set_new(object, "version", json_integer(1));
	if (json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) != 0)
		fatal(EX_IOERR, "cannot write the answer");
	putchar('\n');
}

static int
report_error(int status)
{
	g_autofree char *what = g_utf8_make_valid(call.error_what, -1);
	g_autofree char *why = g_utf8_make_valid(call.error_why, -1);
	json_t *object = json_object();

	if (call.json) {
		put_int(object, "version", 1);

		json_t *error = put_object(object, "error");

		put_text(error, "what", what);
		put_text(error, "why", why);
		print_json(object);
	}

	json_t *line = json_sprintf("ungcuuctl: %s: %s", what, why);
	g_autofree char *safe = print_value(line);

	g_strdelimit(safe, "\n\t", ' ');
	fprintf(stderr, "%s\n", safe);
	json_decref(line);
	json_decref(object);
	return status;
}

/* ---- help ----------------------------------------------------------------------------- */

static char *
verb_synopsis(const struct verb_row *row)
{
	GString *text = g_string_new(row->noun);

	if (row->verb)
		g_string_append_printf(text, " %s", row->verb);
	if (*row->arguments)
		g_string_append_printf(text, " %s", row->arguments);
	for (gsize i = 0; i < G_N_ELEMENTS(options_known); i++) {
		if (!(row->takes & options_known[i].taken_by))
			continue;
		g_string_append_printf(text, " [--%s%s%s]", options_known[i].name,
			options_known[i].argument ? " " : "",
			options_known[i].argument ? options_known[i].argument : "");
	}
	return g_string_free(text, FALSE);
}

static void
print_help(void)
{
	puts("usage: ungcuuctl [-f FILE] [--json] NOUN [VERB] ...\n");
	for (gsize i = 0; verbs[i].noun; i++) {
		g_autofree char *synopsis = verb_synopsis(&verbs[i]);

		printf("  %s\n        %s\n", synopsis, verbs[i].help);
	}
	puts("");
	for (gsize i = 0; i < G_N_ELEMENTS(options_known); i++) {
		g_autofree char *form = g_strconcat("--", options_known[i].name,
			options_known[i].argument ? " " : "", options_known[i].argument, NULL);

		printf("  %c%c  %-16s  %s\n", options_known[i].letter ? '-' : ' ',
			options_known[i].letter ? options_known[i].letter : ' ', form,
			options_known[i].help);
	}
}

/* ---- parsing -------------------------------------------------------------------------- */

static int
usage_error(const char *what, const char *format, ...) G_GNUC_PRINTF(2, 3);

static int
usage_error(const char *what, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	g_autofree char *why = g_strdup_vprintf(format, arguments);

	va_end(arguments);
	return ctl_fail(&call, EX_USAGE, what, "%s; see ungcuuctl help", why);
}

static int
option_unknown(const char *given)
{
	const char *names[G_N_ELEMENTS(options_known)];
	const char *bare = given + strspn(given, "-");

	for (gsize i = 0; i < G_N_ELEMENTS(options_known); i++)
		names[i] = options_known[i].name;

	const char *nearest = ctl_nearest(bare, names, G_N_ELEMENTS(names));

	if (nearest && strlen(bare) > 1)
		return usage_error(given, "no such option, did you mean --%s?", nearest);
	return usage_error(given, "no such option");
}

/* Which of options_known were given, as bits. */
static guint64 given;

static int
option_take(gsize i, const char *value)
{
	given |= G_GUINT64_CONSTANT(1) << i;
	if (options_known[i].flag)
		*options_known[i].flag = true;
	else if (options_known[i].text)
		*options_known[i].text = value;
	else if (!g_ascii_string_to_signed(value, 10, 1, options_known[i].most,
		options_known[i].number, NULL))
		return usage_error(options_known[i].name, "a number from 1 to %" G_GINT64_FORMAT
			" is needed", options_known[i].most);
	return EX_OK;
}

/* Row of an option as given ("--limit=5", "-f", "-fFILE"), or -1.  *value: what is stuck to it,
 * or NULL.  (Not getopt_long(): its struct option and model.h's have one name, and its errors no
 * form for --json.) */
static int
option_row(const char *text, const char **value)
{
	const char *equals = strchr(text, '=');
	gsize size = equals ? (gsize) (equals - text) : strlen(text);

	for (gsize i = 0; i < G_N_ELEMENTS(options_known); i++) {
		const char *name = options_known[i].name;
		bool is_long = strncmp(text, "--", 2) == 0 && size == strlen(name) + 2 &&
			strncmp(text + 2, name, size - 2) == 0;

		if (is_long) {
			*value = equals ? equals + 1 : NULL;
			return (int) i;
		}
		if (text[1] != '-' && text[1] == options_known[i].letter) {
			*value = text[2] != '\0' ? text + 2 : NULL;
			return (int) i;
		}
	}
	return -1;
}

static int
option_one(char **argv, int *at)
{
	const char *value = NULL, *text = argv[*at];
	int row = option_row(text, &value);

	if (row < 0)
		return option_unknown(text);
	if (!options_known[row].argument && value)
		return usage_error(text, "it takes no value");
	if (!options_known[row].argument)
		return option_take((gsize) row, NULL);
	if (!value && !(value = argv[*at + 1]))
		return usage_error(text, "a value is needed");
	if (value == argv[*at + 1])
		++*at;
	return option_take((gsize) row, value);
}

/* Options may stand anywhere before "--"; the words are left, in order, in argv[0..*n). */
static int
option_parse(char **argv, int *n)
{
	int status = EX_OK;
	bool is_over = false;

	*n = 0;
	for (int i = 1; argv[i] && status == EX_OK; i++) {
		if (is_over || argv[i][0] != '-' || argv[i][1] == '\0')
			argv[(*n)++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			is_over = true;
		else
			status = option_one(argv, &i);
	}
	return status;
}

static int
verb_unknown(const char *noun, const char *verb)
{
	GPtrArray *words = g_ptr_array_new();
	bool is_noun = false;

	for (gsize i = 0; verbs[i].noun; i++)
		is_noun |= strcmp(verbs[i].noun, noun) == 0;
	for (gsize i = 0; verbs[i].noun; i++)
		if (!is_noun)
			g_ptr_array_add(words, (void *) verbs[i].noun);
		else if (strcmp(verbs[i].noun, noun) == 0)
			g_ptr_array_add(words, (void *) verbs[i].verb);

	g_autoptr(GPtrArray) owned = words;
	const char *wrong = is_noun ? verb : noun;

	if (!wrong) {
		g_ptr_array_add(words, NULL);

		g_autofree char *all = g_strjoinv(", ", (char **) words->pdata);

		return usage_error(noun, "what about it?  %s", all);
	}

	const char *nearest = ctl_nearest(wrong, (const char *const *) words->pdata, words->len);

	if (nearest)
		return usage_error(wrong, "no such %s, did you mean %s%s%s?",
			is_noun ? "verb" : "command", is_noun ? noun : "",
			is_noun ? " " : "", nearest);
	return usage_error(wrong, "no such %s", is_noun ? "verb" : "command");
}

/* What the verb does not take is refused, not ignored. */
static int
check_options(const struct verb_row *row)
{
	for (gsize i = 0; i < G_N_ELEMENTS(options_known); i++)
		if (given & G_GUINT64_CONSTANT(1) << i &&
		    !(options_known[i].taken_by & (row->takes | TAKES_ALWAYS)))
			return usage_error(row->noun, "--%s has no meaning here",
				options_known[i].name);
	return EX_OK;
}

static int
verb_parse(int argc, char **argv, const struct verb_row **out)
{
	if (argc == 0)
		return usage_error("command", "none given");
	for (gsize i = 0; verbs[i].noun && !*out; i++)
		if (strcmp(verbs[i].noun, argv[0]) == 0 && (!verbs[i].verb ||
		    (argc > 1 && strcmp(verbs[i].verb, argv[1]) == 0)))
			*out = &verbs[i];
	if (!*out)
		return verb_unknown(argv[0], argc > 1 ? argv[1] : NULL);

	int used = (*out)->verb ? 2 : 1;

	call.words = argv + used;
	call.n_words = argc - used;
	if ((*out)->n_arguments == SOME ? call.n_words == 0 :
	    call.n_words != (*out)->n_arguments)
		return usage_error(argv[0], "%s", (*out)->n_arguments != SOME &&
			call.n_words > (*out)->n_arguments ?
			"too many words" : "something is missing");
	return check_options(*out);
}

/* ---- running -------------------------------------------------------------------------- */

static int
need_configuration(const struct verb_row *row)
{
	g_auto(GStrv) faults = row->needs == NEEDS_PUBLIC ?
		configuration_read_public(call.file, &call.options) :
		configuration_read(call.file, &call.options);

	if (!faults)
		return EX_OK;

	/* The MTA would show the sender of a mail what is wrong here. */
	if (row->run == run_ingest)
		return ctl_fail(&call, EX_CONFIG, "ingest", "the configuration cannot be used; "
			"ungcuud -n says why");

	g_autofree char *all = g_strjoinv("; ", faults);

	return ctl_fail(&call, EX_CONFIG, "configuration", "%s", all);
}

/* Only "there is none" is none: a store that cannot be seen is an error. */
static bool
has_store(void)
{
	return access(options_text(call.options, "store.path"), F_OK) == 0 || errno != ENOENT;
}

static int
need_store(void)
{
	const struct store_paths paths = {
		options_text(call.options, "store.path"), options_text(call.options, "store.spool"),
		options_text(call.options, "store.key_file"),
	};
	g_autoptr(GError) error = NULL;
	enum outcome how = store_open(&paths, false, &call.store, &error);

	if (how == DONE)
		return EX_OK;
	return ctl_fail(&call, how == NEVER ? EX_CONFIG : EX_TEMPFAIL, "store", "%s",
		error->message);
}

static int
verb_run(const struct verb_row *row)
{
	json_t *out = json_object();
	int status = EX_OK;

	put_int(out, "version", 1);
	call.now = clock_now();
	if (row->needs >= NEEDS_PUBLIC)
		status = need_configuration(row);
	if (status == EX_OK && (row->needs == NEEDS_STORE ||
	    (row->needs == NEEDS_STORE_IF_ANY && has_store())))
		status = need_store();
	if (status == EX_OK)
		status = row->run(&call, out);
	if (call.error_what)
		status = report_error(status);
	else if (call.json)
		print_json(out);
	else
		row->print(out);
	json_decref(out);
	if (call.store)
		store_close(call.store);
	options_free(call.options);
	return status;
}

int
main(int argc, char **argv)
{
	const struct verb_row *row = NULL;
	bool is_pipe = false;

	setlocale(LC_ALL, "C.UTF-8");
	for (int i = 1; i < argc; i++) {	/* a wrong call is answered in the form asked for */
		call.json |= strcmp(argv[i], "--json") == 0;
		is_pipe |= strcmp(argv[i], "ingest") == 0;
	}
	log_open("ctl", LOG_TO_STDERR, 0);

	int n, status = option_parse(argv, &n);

	if (status == EX_OK && (wants_help || (n > 0 && strcmp(argv[0], "help") == 0))) {
		print_help();
		return EX_OK;
	}
	if (status == EX_OK && wants_version) {
		puts("ungcuuctl " PACKAGE_VERSION);
		return EX_OK;
	}
	if (status == EX_OK)
		status = verb_parse(n, argv, &row);
	if (status != EX_OK) {
		status = report_error(status);
		return is_pipe ? EX_TEMPFAIL : status;
	}
	if (row->run == run_ingest) {
		ingest_guard();
		return ingest_status(verb_run(row));
	}
	status = verb_run(row);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return status;
}
