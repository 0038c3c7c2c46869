/* SPDX-License-Identifier: ISC
 *
 * options-table: every setting there is.  The reader of the file, the slices of the roles, the
 * manual and `make tables` all walk this one table; its notation is described in options.c.
 * What is not in here is refused in a file.  Rows with the range "internal" are never read from
 * a file: the supervisor or the check of the configuration sets them.  A role is named in a row
 * only if it cannot work without it.
 */
#include "model/model.h"

enum {
	S = SLICE_SUPERVISOR, H = SLICE_HUB, F = SLICE_FETCH, M = SLICE_MIME, L = SLICE_LETTER,
	K = SLICE_KEYS, U = SLICE_SUBMIT,
};
#define T(type) OPTION_##type

/* What mailbox and submission server share.  Passwords are rows of their own, never S or H. */
#define SERVER(G, R) \
	{ G ".host", T(TEXT), NULL, "host", R, "name or address of the server" }, \
	{ G ".port", T(INT), NULL, "1..65535", R, "port; the protocol's own if not given" }, \
	{ G ".tls", T(WORD), "implicit", "implicit|starttls|none-loopback-only", R, \
		"how the connection is protected" }, \
	{ G ".ca_file", T(PATH), NULL, NULL, R, \
		"trusted CAs in PEM; the system's if not given" }, \
	{ G ".tls_pin", T(TEXT), NULL, "pin", R, "accept just this public key" }, \
	{ G ".user", T(TEXT), NULL, "line", R, "account on the server" }, \
	{ G ".password_file", T(SECRET_FILE), NULL, NULL, S, \
		"file that holds the password, mode 0600" }, \
	{ G ".password", T(TEXT), NULL, "internal", R, "what the password file holds" }, \
	{ G ".token_command", T(TEXTS), NULL, "line", S, \
		"program and arguments that print a token" },

/* The first five are the same for every outside party. */
#define DIRECTORY(G, what) \
	{ G, T(LIST), NULL, NULL, H, what }, \
	{ G "[].id", T(TEXT), "!", "id", H, "short name, unique among parties" }, \
	{ G "[].name", T(TEXT), "!", "line", H, "name as people write it" }, \
	{ G "[].addresses", T(TEXTS), "!", "address", H, \
		"its mail addresses; the first is written to" }, \
	{ G "[].keys", T(TEXTS), NULL, "key", H, "fingerprints of its keys or certificates" }, \
	{ G "[].language", T(WORD), "vi", "vi|en", H, "language it is written to in" }, \
	{ G "[].drill_address", T(TEXT), NULL, "address", H, \
		"where mail of a drill for it goes" },

const struct option options_table[] = {
	/* name, type, default, range, roles, help */
	{ "hotline", T(GROUP), "!", NULL, H, "who we are" },
	{ "hotline.id", T(TEXT), "!", "hotline-id", S|H, "part of every ticket number" },
	{ "hotline.name", T(LANGUAGES), "!", "line", H, "name of the team" },
	{ "hotline.address", T(TEXT), "!", "address", H|M|L, "the published incident mailbox" },
	{ "hotline.aliases", T(TEXTS), NULL, "address", H|M|L, "other addresses that lead to it" },
	{ "hotline.reply_address", T(TEXT), NULL, "reply-address", H,
		"Reply-To with %t for the thread code" },
	{ "hotline.languages", T(TEXTS), "vi en", "vi|en", H, "languages answers are written in" },
	{ "hotline.phone", T(TEXT), NULL, "line", H, "telephone, day and night" },
	{ "hotline.portal", T(TEXT), NULL, "https", H, "page about the hotline and its key" },
	{ "hotline.key", T(TEXT), "", "pgp-key", S|H|K, "OpenPGP key that signs and decrypts" },
	{ "hotline.old_keys", T(TEXTS), NULL, "pgp-key", S|H|K, "earlier keys that still decrypt" },
	{ "hotline.smime_key", T(TEXT), NULL, "certificate", S|H|K, "X.509 identity" },
	{ "hotline.smime_old_keys", T(TEXTS), NULL, "certificate", S|H|K,
		"earlier ones that still decrypt" },
	{ "hotline.advice", T(LANGUAGES), NULL, NULL, H, "advice in an acknowledgement" },
	{ "hotline.evidence", T(LANGUAGES), NULL, NULL, H,
		"how to hand over evidence too big for mail" },
	{ "hotline.ticket_format", T(TEXT), "%i-%y-%06n", "ticket-format", H,
		"ticket numbers: id, year, number" },
	{ "hotline.certificate", T(TEXT), NULL, "internal", K,
		"public certificate of hotline.key, base64" },
	{ "hotline.autocrypt", T(TEXT), NULL, "internal", H,
		"the same as short as can be, base64" },
	{ "hotline.old_certificates", T(TEXTS), NULL, "internal", K,
		"those of old_keys that are there, base64" },
	{ "hotline.gone_keys", T(TEXTS), NULL, "internal", H|K,
		"those of old_keys whose secret part is gone" },

	{ "mailboxes", T(LIST), "!", NULL, S|H|F, "mailboxes to be watched" },
	{ "mailboxes[].name", T(TEXT), "!", "id", S|H|F, "its name in log and ledger" },
	{ "mailboxes[].type", T(WORD), "!", "imap|pop3|maildir", S|H|F, "how it is reached" },
	SERVER("mailboxes[]", F)
	{ "mailboxes[].folders", T(TEXTS), "INBOX", "line", H|F, "folders to be watched" },
	{ "mailboxes[].done_folder", T(TEXT), "Done", "line", H|F,
		"where mail goes once it is stored" },
	{ "mailboxes[].held_folder", T(TEXT), "Held", "line", H|F,
		"where mail too large to store will go; not yet" },
	{ "mailboxes[].poll", T(TIME), "30s", "5s..1d", H|F, "time between two looks" },
	{ "mailboxes[].idle", T(BOOL), "true", NULL, F, "let an IMAP server tell of new mail" },
	{ "mailboxes[].adopt_since", T(TIME), "72h", "0..3650d|forever", H,
		"age of mail taken in on the first look" },
	{ "mailboxes[].done_keep", T(TIME), "forever", "1d..3650d|forever", H|F,
		"how long mail stays in done_folder" },
	{ "mailboxes[].path", T(PATH), NULL, NULL, S|F, "root of the Maildir" },

	{ "submission", T(GROUP), "!", NULL, U, "the way out" },
	{ "submission.type", T(WORD), "!", "smtp|maildir", S|H|U, "how mail leaves" },
	SERVER("submission", U)
	{ "submission.null_sender", T(BOOL), "true", NULL, H,
		"automatic mail leaves with an empty sender" },
	{ "submission.envelope", T(TEXT), NULL, "address", H,
		"envelope sender; %m becomes the outgoing id" },
	{ "submission.per_minute", T(INT), "0", "0..100000", H,
		"most mails a minute; 0: no bound" },
	{ "submission.per_day", T(INT), "0", "0..10000000", H, "most mails a day; 0: no bound" },
	{ "submission.path", T(PATH), NULL, NULL, S|U, "Maildir for finished mail" },

	{ "store", T(GROUP), NULL, NULL, H, "the sealed store" },
	{ "store.engine", T(WORD), "sqlite", "sqlite", S|H, "database engine" },
	{ "store.path", T(PATH), "ungcuu.db", NULL, S|H, "database file" },
	{ "store.spool", T(PATH), "spool", NULL, S|H, "directory of the sealed mails" },
	{ "store.key_file", T(PATH), "store.key", NULL, S|H,
		"key of the store; made once, mode 0600" },

	{ "keys", T(GROUP), NULL, NULL, S, "key material" },
	{ "keys.home", T(PATH), "gnupg", NULL, S, "our secret keys; belongs to the gateway alone" },
	{ "keys.certificates", T(PATH), "certificates", NULL, S|H,
		"directory of other people's certificates" },
	{ "keys.smime_anchors", T(PATH), NULL, NULL, S|K, "directory of trusted CAs for S/MIME" },
	{ "keys.smime_crls", T(PATH), NULL, NULL, S|K, "directory of revocation lists" },
	{ "keys.workers", T(INT), "0", "0..64", S|H,
		"workers with keys; 0: as many as processors, at most 4" },

	{ "responders", T(LIST), NULL, NULL, H, "who works on tickets" },
	{ "responders[].id", T(TEXT), "!", "id", H, "short name, unique among parties" },
	{ "responders[].name", T(TEXT), "!", "line", H, "name as people write it" },
	{ "responders[].address", T(TEXT), "!", "address", H, "where mail for them goes" },
	{ "responders[].addresses", T(TEXTS), NULL, "address", H,
		"other addresses they write from" },
	{ "responders[].keys", T(TEXTS), NULL, "key", H,
		"fingerprints of their keys or certificates" },
	{ "responders[].roles", T(TEXTS), "respond", "view|respond|lead|admin", H,
		"what they may do" },
	{ "responders[].language", T(WORD), "vi", "vi|en", H, "language they are written to in" },
	{ "responders[].notify", T(WORD), "all", "all|mine|digest", H,
		"which events they are told of" },
	{ "responders[].until", T(TEXT), NULL, "date", H, "last day of their authority" },
	{ "responders[].clear", T(WORD), "never", "never|as-received", H,
		"what they may get unencrypted" },

	{ "directory", T(GROUP), NULL, NULL, H, "outside parties" },
	DIRECTORY("directory.agencies", "owners and operators of systems")
	DIRECTORY("directory.isps", "internet and hosting providers")
	DIRECTORY("directory.authorities", "coordinator, police, other authorities")

	{ "control", T(GROUP), NULL, NULL, H, "control socket" },
	{ "control.socket", T(PATH), "run/control", NULL, S|H,
		"socket ungcuuctl asks for changes" },

	{ "process", T(GROUP), NULL, NULL, S, "system users of the roles" },
	{ "process.user", T(TEXT), NULL, "user", S, "user of every role not named in users" },
	{ "process.users", T(GROUP), NULL, NULL, S, "a user of its own for a role" },
	{ "process.users.hub", T(TEXT), NULL, "user", S, "user of the hub" },
	{ "process.users.fetch", T(TEXT), NULL, "user", S, "user of fetch" },
	{ "process.users.mime", T(TEXT), NULL, "user", S, "user of mime" },
	{ "process.users.keys", T(TEXT), NULL, "user", S, "user of keys and its gpg-agent" },
	{ "process.users.submit", T(TEXT), NULL, "user", S, "user of submit" },

	{ "templates", T(PATH), NULL, NULL, S, "directory of the site's own templates" },
	{ "public_suffix_list", T(PATH), NULL, NULL, M|L,
		"list that tells a domain from its registry" },
	{ "authserv_ids", T(TEXTS), NULL, "host", H, "Authentication-Results to be believed" },
	{ "alarm", T(GROUP), NULL, NULL, S, "how the administrator is alarmed" },
	{ "alarm.command", T(TEXTS), NULL, "line", S, "program and arguments" },
	{ "page", T(GROUP), NULL, NULL, S, "how people on duty are called" },
	{ "page.command", T(TEXTS), NULL, "line", S, "program and arguments" },
	{ "forms", T(LIST), NULL, NULL, H, "web forms whose mail is a report" },
	{ "forms[].address", T(TEXT), "!", "address", H, "From of the form's mail" },
	{ "forms[].authserv_id", T(TEXT), "!", "host", H, "who must have authenticated it" },
	{ "profile", T(WORD), "vn-2026", "vn-2017|vn-2026", H,
		"regulatory profile of new tickets" },

	{ "policy", T(GROUP), NULL, NULL, H, "what the gateway does by itself" },
	{ "policy.mode", T(WORD), "answer", "answer|observe", H,
		"observe: nothing leaves the team" },
	{ "policy.max_size", T(SIZE), "40MB", "64KB..40MB", H|F|M|L,
		"largest mail that is stored whole" },
	{ "policy.receipt_interval", T(TIME), "1h", "1m..30d", H,
		"least time between two receipts on a ticket" },
	{ "policy.late_after", T(TIME), "1h", "1m..30d", H,
		"an acknowledgement later than this says so" },
	{ "policy.burst", T(TIME), "0", "0..1d", H, "mails of one sender within it join a ticket" },
	{ "policy.cap_address", T(TEXT), "20 per 1d", "cap", H,
		"most mails to one address that no party has" },
	{ "policy.cap_party", T(TEXT), "200 per 1d", "cap", H,
		"most mails to one address of a party" },
	{ "policy.cap_domain", T(TEXT), "200 per 1d", "cap", H,
		"most mails to addresses of one domain that no party has" },
	{ "policy.cap_total", T(TEXT), "5000 per 1d", "cap", H, "most mails in all" },
	{ "policy.drill_address", T(TEXT), NULL, "address", H,
		"where mail of a drill for outsiders goes" },
	{ "policy.give_up", T(TIME), "5d", "1h..30d", H, "unsent mail is held after this" },
	{ "policy.forwarders", T(TEXTS), NULL, "address", H,
		"whose forwarded mail is exempt from DMARC" },
	{ "policy.retention", T(TIME), "forever", "30d..36500d|forever", H,
		"content of closed tickets is erased after" },
	{ "policy.retention_noise", T(TIME), "forever", "1d..36500d|forever", H,
		"content of mail without a ticket is erased after" },
	{ "policy.retention_journal", T(TIME), "forever", "30d..36500d|forever", H,
		"reasons in the journal are erased after" },
	{ "policy.fallback_charsets", T(TEXTS), "windows-1258 viscii tcvn5712-1 iso-8859-1",
		"charset", M|L,
		"tried in order where a charset is missing or a lie" },

	{ "run.once", T(BOOL), NULL, "internal", H, "ungcuud --once" },
	{ "run.began", T(INT), NULL, "internal", H, "start of this ungcuud, ms since 1970" },
	{ "run.death", T(TEXT), NULL, "internal", H, "how the hub before this one ended" },
	{ "run.solo", T(BOOL), NULL, "internal", H, "retry one mail at a time" },
	{ "run.observe", T(BOOL), NULL, "internal", H, "observe, whatever policy.mode says" },
	{ "run.store", T(PATH), NULL, "internal", H, "directory of the store, absolute" },
	{ "run.home", T(PATH), NULL, "internal", K, "private home of this worker" },
	{ "run.agent", T(PATH), NULL, "internal", K, "extra socket of this worker's agent" },
	{ "run.program", T(PATH), NULL, "internal", S, "directory of the role programs" },
	{ "at[]", T(TEXT), NULL, "internal", S, "file:line of a setting, '/' for '.'" },
	{ "template[][]", T(TEXT), NULL, "internal", H,
		"text of a template, by language and name" },
	{ NULL, OPTION_GROUP, NULL, NULL, 0, NULL },
};
