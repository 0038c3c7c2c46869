/* SPDX-License-Identifier: ISC
 *
 * What smtp.py and smtp-servers.py drive: arguments "direct" or "submit", then KEY=VALUE of a
 * submission server ("tokens": access tokens, "direct" alone).
 * Lines on stdin, an answer for each on stdout: "send NAME FROM TO FILE",
 * separated by tabs ("-" is the null sender; TO with C escapes), gives "OUTCOME CODE WHY";
 * "check" gives its lines and a dot.  "direct" calls gateway/transport/smtp.c with the patience
 * asked for; "submit" asks ungcuu-submit, jailed.
 */
#include "role/role.h"
#include "transport/smtp.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS	300000

static struct options *options;
static struct smtp *smtp;
static struct server_settings server;
static guint patience = 20;
static struct peer *submit;
static struct spawned spawned;

static const char *
text_of(const char *name)
{
	return options_text(options, "submission.%s", name);
}

static char **tokens;	/* of tokens=FIRST,SECOND: the next one when one was refused */
static guint token_at;

static const char *
get_token(bool was_refused, GError **error)
{
	token_at += was_refused && tokens[token_at];
	if (!tokens[token_at])
		fail(error, LATER, "no more tokens");
	return tokens[token_at];
}

static void
start_direct(void)
{
	server = (struct server_settings){
		.host = text_of("host"), .tls = text_of("tls"),
		.port = (guint) options_int(options, "submission.port"),
		.ca_file = text_of("ca_file"), .tls_pin = text_of("tls_pin"),
		.user = text_of("user"), .password = text_of("password"),
		.token = tokens ? get_token : NULL,
	};
	smtp = smtp_new(&server, patience);
}

static void
start_submit(void)
{
	const struct spawn_settings settings = { .verbose = 1, .options = options };
	g_auto(frame_auto) ready = { 0 };
	g_autoptr(GError) error = NULL;

	options_set(options, "submission.type", "smtp");
	g_assert_cmpint(spawn_role(&settings, ROLE_SUBMIT, 0, NULL, &spawned, &error), ==, DONE);
	submit = role_peer(spawned.fd, ROLE_HUB, ROLE_SUBMIT, "submit");
	g_assert_true(role_send_slice(submit, options, &error));
	g_assert_cmpint(peer_receive(submit, &ready, WAIT_MS, &error), ==, RECEIVED);
	g_assert_cmpint(ready.verb, ==, VERB_READY);
}

static void
ask(int verb, GVariant *body, int fd, struct frame *answer)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(peer_send(submit, verb, body, &fd, fd >= 0 ? 1 : 0, &error), ==, DONE);
	g_assert_cmpint(peer_receive(submit, answer, WAIT_MS, &error), ==, RECEIVED);
}

static void
send_one(char **word)
{
	g_autofree char *to = g_strcompress(word[3]);
	const struct parcel parcel = { word[1], strcmp(word[2], "-") ? word[2] : "", to };
	g_auto(frame_auto) answer = { 0 };
	g_autoptr(GError) error = NULL;
	char *data;
	gsize size;
	guint32 how, code, scope;
	const char *why = "";

	g_assert_true(g_file_get_contents(word[4], &data, &size, NULL));

	g_autoptr(GBytes) mail = g_bytes_new_take(data, size);

	if (smtp) {
		how = smtp_send(smtp, &parcel, mail, &code, &error);
		why = error ? error->message : "";
		g_assert_true((how == DONE) == (error == NULL));
		g_assert_true(error == NULL || error->code == (int) how);
	} else {
		int fd = memfd_from_bytes(mail);

		ask(VERB_SEND, g_variant_new("(sss)", parcel.name, parcel.from, parcel.to), fd,
			&answer);
		close(fd);
		g_variant_get(answer.body, "(uuu&s)", &how, &code, &scope, &why);
	}
	if (smtp)
		scope = smtp_scope(smtp);
	printf("%s %u %s%s%s\n", outcome_word((enum outcome) how), code,
		how == LATER ? scope_word((enum scope) scope) : "", how == LATER ? " " : "", why);
}

static void
check(void)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	g_auto(frame_auto) answer = { 0 };
	g_auto(GStrv) list = NULL;

	if (smtp) {
		smtp_check(&server, patience, lines);
	} else {
		ask(VERB_CHECK, g_variant_new("()"), -1, &answer);
		g_variant_get(answer.body, "(^as)", &list);
	}
	for (guint i = 0; i < lines->len; i++)
		puts(lines->pdata[i]);
	for (char **line = list; line && *line; line++)
		puts(*line);
	puts(".");
}

static void
end(void)
{
	int status = -1;

	smtp_free(smtp);
	if (!submit)
		return;
	peer_free(submit);
	g_assert_cmpint(waitpid(spawned.pid, &status, 0), ==, spawned.pid);
	g_assert_cmpint(status, ==, 0);
}

int
main(int argc, char **argv)
{
	char line[4096];

	log_open("test", LOG_TO_STDERR, 1);
	g_assert_cmpint(argc, >, 2);
	options = options_new();
	for (int i = 2; i < argc; i++) {
		g_auto(GStrv) pair = g_strsplit(argv[i], "=", 2);
		g_autofree char *name = g_strconcat("submission.", pair[0], NULL);

		if (strcmp(pair[0], "patience") == 0)
			patience = (guint) g_ascii_strtoull(pair[1], NULL, 10);
		else if (strcmp(pair[0], "tokens") == 0)
			tokens = g_strsplit(pair[1], ",", -1);
		else
			options_set(options, name, pair[1]);
	}
	if (strcmp(argv[1], "direct") == 0)
		start_direct();
	else
		start_submit();
	while (fgets(line, sizeof line, stdin)) {
		g_auto(GStrv) word = g_strsplit(g_strchomp(line), "\t", -1);

		if (g_strv_length(word) == 5)
			send_one(word);
		else
			check();
		fflush(stdout);
	}
	end();
	options_free(options);
	g_strfreev(tokens);
	return 0;
}
