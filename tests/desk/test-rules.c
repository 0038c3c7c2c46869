/* SPDX-License-Identifier: ISC
 *
 * What happens to a mail: one row a situation with the effects it leads to; plans.txt has them in
 * full, with every reason, recipient and value. Each sentence of the rule table must be reached by
 * some row.
 */
#include "sample.h"

#include <string.h>

#define ANYONE	"nguoi.bao@example.org"
#define THIRD	"nguoi.khac@example.net"
#define AGENCY	"cntt@somau.example.vn"
#define ISP	"abuse@isp.example.org"
#define DUTY	"truc.mot@example.vn"
#define TAGGED	"Re: [" SAMPLE_TICKET "] x"
#define LOCAL_65 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"
#define DMARC_FAIL "authentication-results: mx.example.vn; dmarc=fail header.from=example.org"
#define NOW	(SAMPLE_RECEIVED + 60000)
#define HOUR	3600000

enum {
	TWIN = 1 << 0, ON_THREAD = 1 << 1, ATTACHED = 1 << 2, SAME_ID = 1 << 3, SILENT = 1 << 4,
		OBSERVE = 1 << 5,
	ACKNOWLEDGED = 1 << 6, AMBIGUOUS = 1 << 7, CUT = 1 << 8, BOUNCED = 1 << 9,
		JUST_TOLD = 1 << 10,
	HOUR_AGO = 1 << 11, TWO_FROM = 1 << 12, SPEAKS_EN = 1 << 13, LOST_TICKET = 1 << 14,
		FED_BACK = 1 << 15,
	/* decided before: in no ticket, or it opened one, joined this one, joined another */
	AGAIN = 1 << 16, OPENED_IT = 1 << 17, JOINED_IT = 1 << 18, JOINED_OTHER = 1 << 19,
		NAMES_OWN = 1 << 20, FROM_JUNK = 1 << 21, OVERSIZE = 1 << 22,
	OWED = 1 << 23, TOGETHER = 1 << 24, SAME_PROOF = 1 << 25,
};

/* columns: name, From, subject, text, fields, flags, proof, signature, encryption; the effects */
static const struct row {
	const char *name, *from, *subject, *text, *fields;
	unsigned flags;
	enum thread_proof proof;
	enum signature signature;
	enum encryption encryption;
	const char *effects;
} rows[] = {
#define NONE	SIGNATURE_NONE, ENCRYPTION_NONE
#define OPENS_NOW	SIGNATURE_NONE, ENCRYPTION_DECRYPTED
	/* new reports */
	{ "a citizen's report", ANYONE, "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "in English", ANYONE, "Incident", "x", NULL, SPEAKS_EN, PROOF_NONE, NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "with attachments", ANYONE, "Sự cố", "x", NULL, ATTACHED, PROOF_NONE, NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "unverifiable signature", ANYONE, "Sự cố", "x", NULL, 0, PROOF_NONE,
		SIGNATURE_UNVERIFIABLE, ENCRYPTION_NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "bad signature, unregistered From", ANYONE, "Sự cố", "x", NULL, 0, PROOF_NONE,
		SIGNATURE_BAD, ENCRYPTION_NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "wrong key, unregistered From", ANYONE, "Sự cố", "x", NULL, 0, PROOF_NONE,
		SIGNATURE_MISMATCH, ENCRYPTION_NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "decrypted", ANYONE, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_DECRYPTED,
		"file report, open report, mail T01 to " ANYONE },
	{ "agency, trusted", AGENCY, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_TRUSTED,
		ENCRYPTION_NONE,
		"file report, open report, mail T01 to " AGENCY },
	{ "agency, unverifiable", AGENCY, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_UNVERIFIABLE,
		ENCRYPTION_NONE,
		"file report, open report, mail T01 to " AGENCY },
	{ "agency, unsigned", AGENCY, "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, mail T02 to " AGENCY },
	{ "agency, unknown key", AGENCY, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_UNKNOWN_KEY,
		ENCRYPTION_NONE,
		"file report, open report, mail T02 to " AGENCY },
	{ "ISP, unsigned, its own language", ISP, "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, mail T02 to " ISP },
	{ "authority, unsigned", "ir@dieuphoi.example.vn", "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, mail T02 to ir@dieuphoi.example.vn" },
	{ "responder, unsigned", DUTY, "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, mail T01 to " DUTY },
	{ "citizen, unknown key", ANYONE, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_UNKNOWN_KEY,
		ENCRYPTION_NONE,
		"file report, open report, mail T01 to " ANYONE },
	/* not opened */
	{ "not for us", ANYONE, "...", "", NULL, 0, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_NOT_FOR_US,
		"file report, open sealed, mail T03 to " ANYONE },
	{ "malformed", ANYONE, "...", "", NULL, 0, PROOF_NONE, SIGNATURE_NONE, ENCRYPTION_MALFORMED,
		"file report, open sealed, mail T03 to " ANYONE },
	{ "unsupported", ANYONE, "...", "", NULL, 0, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_UNSUPPORTED,
		"file report, open sealed, mail T03 to " ANYONE },
	{ "expired key", ANYONE, "...", "", NULL, 0, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_EXPIRED_KEY,
		"file report, open sealed, mail T03 to " ANYONE },
	{ "agency, sealed", AGENCY, "...", "", NULL, 0, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_NOT_FOR_US,
		"file report, open sealed, mail T03 to " AGENCY },
	{ "sealed, with a stranger's tag", ANYONE, TAGGED, "", NULL, 0, PROOF_TAG, SIGNATURE_NONE,
		ENCRYPTION_NOT_FOR_US,
		"file report, open sealed, note hint, mail T03 to " ANYONE },
	/* forged */
	{ "bad signature, registered From", AGENCY, "Sự cố", "x", NULL, 0, PROOF_NONE,
		SIGNATURE_BAD, ENCRYPTION_NONE,
		"file report, open report, mail T04 to vanthu@somau.example.vn" },
	{ "revoked, registered From", AGENCY, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_REVOKED,
		ENCRYPTION_NONE,
		"file report, open report, mail T04 to vanthu@somau.example.vn" },
	{ "wrong key, registered From", ISP, "Sự cố", "x", NULL, 0, PROOF_NONE, SIGNATURE_MISMATCH,
		ENCRYPTION_NONE,
		"file report, open report, mail T04 to " ISP },
	{ "bad signature, a responder's From", DUTY, "Sự cố", "x", NULL, 0, PROOF_NONE,
		SIGNATURE_BAD, ENCRYPTION_NONE,
		"file report, open report, mail T04 to " DUTY },
	{ "bad outside, sealed inside", AGENCY, "...", "", NULL, 0, PROOF_NONE, SIGNATURE_BAD,
		ENCRYPTION_NOT_FOR_US,
		"file report, open sealed, mail T04 to vanthu@somau.example.vn" },
	/* unanswered */
	{ "observing", ANYONE, "Sự cố", "x", NULL, OBSERVE, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "observing, and told to be silent", ANYONE, "Sự cố", "x", NULL, OBSERVE | SILENT,
		PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "silent", ANYONE, "Sự cố", "x", NULL, SILENT, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "silent, forged", AGENCY, "Sự cố", "x", NULL, SILENT, PROOF_NONE, SIGNATURE_BAD,
		ENCRYPTION_NONE,
		"file report, open report, note no-answer" },
	{ "from junk", ANYONE, "Sự cố", "x", NULL, FROM_JUNK, PROOF_NONE, NONE,
		"file report, open report, note from-junk, note no-answer" },
	{ "from junk, bad signature", AGENCY, "Sự cố", "x", NULL, FROM_JUNK, PROOF_NONE,
		SIGNATURE_BAD, ENCRYPTION_NONE,
		"file report, open report, note from-junk, note no-answer" },
	{ "from junk, known key", ANYONE, "Sự cố", "x", NULL, FROM_JUNK, PROOF_NONE,
		SIGNATURE_UNKNOWN_KEY, ENCRYPTION_NONE,
		"file report, open report, note from-junk, mail T01 to " ANYONE },
	/* too large */
	{ "too large", ANYONE, "Sự cố", "", NULL, OVERSIZE, PROOF_NONE, NONE,
		"file oversize, open oversize, mail T35 to " ANYONE },
	{ "too large, a listed From", AGENCY, "Sự cố", "", NULL, OVERSIZE, PROOF_NONE, NONE,
		"file oversize, open oversize, mail T35 to " AGENCY },
	{ "too large, automatic", ANYONE, "Sự cố", "", "auto-submitted: auto-generated", OVERSIZE,
		PROOF_NONE, NONE, "file oversize, open oversize, note no-answer" },
	{ "too large, silent", ANYONE, "Sự cố", "", NULL, OVERSIZE | SILENT, PROOF_NONE, NONE,
		"file oversize, open oversize, note no-answer" },
	{ "too large, from junk", ANYONE, "Sự cố", "", NULL, OVERSIZE | FROM_JUNK, PROOF_NONE, NONE,
		"file oversize, open oversize, note from-junk, note no-answer" },
	{ "too large, a copy", ANYONE, "Sự cố", "", NULL, OVERSIZE | TWIN, PROOF_NONE, NONE,
		"file oversize, note duplicate" },
	{ "too large, on its thread", ANYONE, TAGGED, "", NULL, OVERSIZE | ON_THREAD, PROOF_CODE,
		NONE, "file oversize, append reply, mail T35 to " ANYONE },
	{ "too large, on its thread, just told", ANYONE, TAGGED, "", NULL,
		OVERSIZE | ON_THREAD | JUST_TOLD, PROOF_CODE, NONE,
		"file oversize, append reply, note no-answer" },
	{ "too large, only a number", THIRD, TAGGED, "", NULL, OVERSIZE, PROOF_TAG, NONE,
		"file oversize, open oversize, note hint, mail T35 to " THIRD },
	{ "acknowledged before", ANYONE, "Sự cố", "x", NULL, ACKNOWLEDGED, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "no From", NULL, "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "two From", NULL, "Sự cố", "x", NULL, TWO_FROM, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "unusable From", "a b@example.org", "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "From needs SMTPUTF8", "nhà.báo@example.org", "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "From too long", LOCAL_65 "@example.org", "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "From ourselves", "report@example.vn", "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "no-reply", "no-reply@example.org", "Sự cố", "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "empty Return-Path", ANYONE, "Sự cố", "x", "return-path: <>", 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	{ "suppressed", ANYONE, "Sự cố", "x", "x-auto-response-suppress: All", 0, PROOF_NONE, NONE,
		"file report, open report, note no-answer" },
	/* automatic */
	{ "bounce", "mailer-daemon@mx.example.org", "Undelivered", "x", NULL, BOUNCED, PROOF_NONE,
		NONE, "file bounce" },
	{ "bounce of our mail", "mailer-daemon@mx.example.org", "Undelivered", "x", NULL, BOUNCED,
		PROOF_MESSAGE_ID, NONE,
		"file bounce, append automatic" },
	{ "auto-reply with a code", ANYONE, "x", "x", "auto-submitted: auto-replied", ON_THREAD,
		PROOF_CODE, NONE,
		"file auto-reply, append automatic" },
	{ "auto-reply with a tag", ANYONE, TAGGED, "x", "auto-submitted: auto-replied", ON_THREAD,
		PROOF_TAG, NONE,
		"file auto-reply" },
	{ "list mail", ANYONE, "x", "x", "list-id: <x>", ATTACHED, PROOF_NONE, NONE, "file list" },
	{ "list mail, proven", ANYONE, "x", "x", "list-id: <x>", ATTACHED, PROOF_CODE, NONE,
		"file list, append automatic" },
	{ "read receipt", ANYONE, "x", "x",
		"content-type: multipart/report; report-type=disposition-notification", 0,
		PROOF_NONE, NONE, "file receipt" },
	{ "feedback", ANYONE, "x", "x", NULL, FED_BACK, PROOF_NONE, NONE, "file feedback" },
	{ "our own loop", ANYONE, "x", "x", "x-ungcuu-loop: NBH", ATTACHED, PROOF_CODE, NONE,
		"file noise, append automatic" },
	{ "empty", ANYONE, "", "", NULL, 0, PROOF_NONE, NONE, "file noise" },
	/* twins */
	{ "twin of a report", ANYONE, "Sự cố", "x", NULL, TWIN, PROOF_NONE, NONE,
		"file duplicate, note duplicate" },
	{ "twin of a reply, with all that would speak", ANYONE, TAGGED, "x", NULL,
		TWIN | ATTACHED | ON_THREAD | AMBIGUOUS | CUT | SAME_ID, PROOF_CODE, NONE,
			"file duplicate, note duplicate" },
	{ "twin of a bounce", ANYONE, "x", "x", NULL, TWIN | BOUNCED, PROOF_CODE, NONE,
		"file duplicate, note duplicate" },
	{ "a copy, and the first was in junk", ANYONE, "Sự cố", "x", NULL, TWIN | OWED, PROOF_NONE,
		NONE, "file duplicate, note duplicate, mail T01 to " ANYONE },
	{ "a copy in junk, too", ANYONE, "Sự cố", "x", NULL, TWIN | OWED | FROM_JUNK, PROOF_NONE,
		NONE, "file duplicate, note duplicate, note no-answer" },
	{ "a copy, and the first was in junk, of an agency", AGENCY, "Sự cố", "x", NULL,
		TWIN | OWED | SAME_ID, PROOF_NONE,
		NONE, "file duplicate, note duplicate, mail T02 to " AGENCY },
	{ "a copy that cannot be answered either", ANYONE, "Sự cố", "x",
		DMARC_FAIL, TWIN | OWED, PROOF_NONE,
		NONE, "file duplicate, note duplicate, note no-answer" },
	{ "a copy that names a ticket, and the first was in junk", ANYONE, TAGGED, "x", NULL,
		TWIN | OWED, PROOF_TAG, NONE,
		"file duplicate, note duplicate, mail T01 to " ANYONE },
	{ "a copy of machine mail", ANYONE, "x", "x", "auto-submitted: auto-replied", TWIN | OWED,
		PROOF_NONE, NONE, "file duplicate, note duplicate" },
	/* DMARC */
	{ "DMARC fails", ANYONE, "Sự cố", "x", DMARC_FAIL, 0, PROOF_NONE, NONE,
		"file report, open report, note dmarc-fail, note no-answer" },
	{ "DMARC fails, unknown key", ANYONE, "Sự cố", "x", DMARC_FAIL, 0, PROOF_NONE,
		SIGNATURE_UNKNOWN_KEY, ENCRYPTION_NONE,
		"file report, open report, note dmarc-fail, note no-answer" },
	{ "DMARC fails, sealed", ANYONE, "...", "", DMARC_FAIL, 0, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_NOT_FOR_US,
		"file report, open sealed, note dmarc-fail, note no-answer" },
	{ "DMARC fails under a registered From", AGENCY, "Sự cố", "x", DMARC_FAIL, 0, PROOF_NONE,
		NONE, "file report, open report, note dmarc-fail, mail T02 to "
		"vanthu@somau.example.vn" },
	{ "DMARC fails, trusted", AGENCY, "Sự cố", "x", DMARC_FAIL, 0, PROOF_NONE,
		SIGNATURE_TRUSTED, ENCRYPTION_NONE,
		"file report, open report, note dmarc-fail, mail T01 to vanthu@somau.example.vn" },
	{ "DMARC fails, forged as well", AGENCY, "Sự cố", "x", DMARC_FAIL, 0, PROOF_NONE,
		SIGNATURE_BAD, ENCRYPTION_NONE,
		"file report, open report, note dmarc-fail, mail T04 to vanthu@somau.example.vn" },
	{ "DMARC fails, sealed, registered", AGENCY, "...", "", DMARC_FAIL, 0, PROOF_NONE,
		SIGNATURE_NONE, ENCRYPTION_NOT_FOR_US,
		"file report, open sealed, note dmarc-fail, mail T03 to vanthu@somau.example.vn" },
	{ "DMARC fails, with a code", ANYONE, "Re: x", "x", DMARC_FAIL, ON_THREAD | ATTACHED,
		PROOF_CODE, NONE, "file reply, append other-sender, note dmarc-fail" },
	{ "DMARC fails, with a number", ANYONE, TAGGED, "x", DMARC_FAIL, ON_THREAD | ATTACHED,
		PROOF_TAG, NONE,
		"file report, open report, note hint, note dmarc-fail, note no-answer" },
	{ "DMARC fails, trusted, with a number", AGENCY, TAGGED, "x", DMARC_FAIL, ON_THREAD,
		PROOF_TAG, SIGNATURE_TRUSTED, ENCRYPTION_NONE,
		"file reply, append reply, note dmarc-fail, mail T32 to vanthu@somau.example.vn" },
	{ "DMARC fails, handed on", ANYONE, "Sự cố", "x",
		"authentication-results: mx.example.vn; spf=pass "
		"smtp.mailfrom=cong@tinh.example.vn; dmarc=fail", 0, PROOF_NONE, NONE,
		"file report, open report, note forwarded, mail T01 to " ANYONE },
	{ "DMARC passes", ANYONE, "Sự cố", "x", "authentication-results: mx.example.vn; dmarc=pass",
		0, PROOF_NONE, NONE, "file report, open report, mail T01 to " ANYONE },
	{ "DMARC fails elsewhere", ANYONE, "Sự cố", "x",
		"authentication-results: mx.example.org; dmarc=fail",
		0, PROOF_NONE, NONE, "file report, open report, mail T01 to " ANYONE },
	/* bursts */
	{ "a burst", ANYONE, "Sự cố khác", "x", NULL, TOGETHER | SAME_PROOF, PROOF_NONE, NONE,
		"file report, append burst" },
	{ "a burst, with an attachment", ANYONE, "Sự cố khác", "x", NULL,
		TOGETHER | SAME_PROOF | ATTACHED, PROOF_NONE, NONE,
		"file report, append burst, mail T32 to " ANYONE },
	{ "a burst, with an attachment, soon after", ANYONE, "Sự cố khác", "x", NULL,
		TOGETHER | SAME_PROOF | ATTACHED | JUST_TOLD, PROOF_NONE, NONE,
		"file report, append burst, note no-answer" },
	{ "a burst, trusted", AGENCY, "Sự cố khác", "x", NULL, TOGETHER | SAME_PROOF, PROOF_NONE,
		SIGNATURE_TRUSTED, ENCRYPTION_NONE,
		"file report, append burst, mail T32 to " AGENCY },
	{ "a burst, with another proof", AGENCY, "Sự cố khác", "x", NULL, TOGETHER, PROOF_NONE,
		NONE, "file report, open report, note hint, mail T02 to " AGENCY },
	{ "a burst, from junk", ANYONE, "Sự cố khác", "x", NULL,
		TOGETHER | SAME_PROOF | FROM_JUNK, PROOF_NONE, NONE,
		"file report, open report, note from-junk, note no-answer" },
	{ "a burst of machine mail", ANYONE, "x", "x", "auto-submitted: auto-replied",
		TOGETHER | SAME_PROOF, PROOF_NONE, NONE, "file auto-reply" },
	{ "a burst that is a copy", ANYONE, "x", "x", NULL, TWIN | TOGETHER | SAME_PROOF,
		PROOF_NONE, NONE, "file duplicate, note duplicate" },
	{ "a burst, rescued", ANYONE, "Sự cố", "x", NULL,
		AGAIN | OPENED_IT | TOGETHER | SAME_PROOF, PROOF_NONE, OPENS_NOW,
		"file report, open report, mail T01 to " ANYONE },
	/* replies */
	{ "reply by code", ANYONE, "Re: x", "x", NULL, ON_THREAD, PROOF_CODE, NONE,
		"file reply, append reply" },
	{ "reply by code from the thread's address", ANYONE, "Re: x", "x", NULL, 0, PROOF_CODE,
		NONE,
		"file reply, append reply" },
	{ "reply by Message-ID", ANYONE, "Re: x", "x", NULL, ON_THREAD, PROOF_MESSAGE_ID, NONE,
		"file reply, append reply" },
	{ "reply by tag", ANYONE, TAGGED, "x", NULL, ON_THREAD, PROOF_TAG, NONE,
		"file reply, append reply" },
	{ "third person by code", THIRD, "Re: x", "x", NULL, 0, PROOF_CODE, NONE,
		"file reply, append other-sender" },
	{ "third person, attachment", THIRD, "Re: x", "x", NULL, ATTACHED, PROOF_MESSAGE_ID, NONE,
		"file reply, append other-sender" },
	{ "third person, trusted", AGENCY, "Re: x", "x", NULL, 0, PROOF_CODE, SIGNATURE_TRUSTED,
		ENCRYPTION_NONE,
		"file reply, append other-sender" },
	{ "nobody by code", NULL, "Re: x", "x", NULL, TWO_FROM | ATTACHED, PROOF_CODE, NONE,
		"file reply, append other-sender" },
	{ "stranger with a tag", THIRD, TAGGED, "x", NULL, 0, PROOF_TAG, NONE,
		"file report, open report, note hint, mail T01 to " THIRD },
	{ "the thread's address, but only a tag", ANYONE, TAGGED, "x", NULL, 0, PROOF_TAG, NONE,
		"file report, open report, note hint, mail T01 to " ANYONE },
	{ "a tag of no ticket", ANYONE, TAGGED, "x", NULL, 0, PROOF_NONE, NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "a code of a ticket that is gone", ANYONE, "Re: x", "x", NULL, LOST_TICKET, PROOF_CODE,
		NONE,
		"file report, open report, mail T01 to " ANYONE },
	/* a mail to a reporter's own mail, whose Message-ID others saw too: a tag, not a proof */
	{ "a reporter answers their own mail", ANYONE, "Re: Sự cố", "x", NULL, ON_THREAD,
		PROOF_TAG, NONE,
		"file reply, append reply" },
	{ "a reporter answers their own mail with attachment", ANYONE, "Re: Sự cố", "x", NULL,
		ON_THREAD | ATTACHED, PROOF_TAG, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "a stranger answers the reporter's mail", THIRD, "Re: Sự cố", "x", NULL, 0, PROOF_TAG,
		NONE,
		"file report, open report, note hint, mail T01 to " THIRD },
	{ "an agency answers the reporter's mail", AGENCY, "Re: Sự cố", "x", NULL, 0, PROOF_TAG,
		NONE,
		"file report, open report, note hint, mail T02 to " AGENCY },
	{ "a bounce of the reporter's mail", "mailer-daemon@mx.example.org", "Undelivered", "x",
		NULL, BOUNCED, PROOF_TAG, NONE,
		"file bounce" },
	{ "a list's copy of an answer to the reporter's mail", THIRD, "Re: Sự cố", "x",
		"list-id: <x>", 0, PROOF_TAG, NONE,
		"file list" },
	/* decided again, when a key had arrived: still sealed */
	{ "still sealed", ANYONE, "...", "", NULL, AGAIN | OPENED_IT, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_NOT_FOR_US,
		"note still-sealed" },
	{ "still sealed, with all that would speak", AGENCY, TAGGED, "", NULL,
		AGAIN | OPENED_IT | ON_THREAD | ATTACHED | AMBIGUOUS | CUT | SAME_ID | TWIN,
		PROOF_CODE, SIGNATURE_BAD, ENCRYPTION_MALFORMED,
		"note still-sealed" },
	{ "still a sealed reply", ANYONE, "Re: x", "", NULL, AGAIN | JOINED_IT | ON_THREAD,
		PROOF_CODE, SIGNATURE_NONE, ENCRYPTION_EXPIRED_KEY,
		"note still-sealed" },
	{ "still a sealed copy", ANYONE, "...", "", NULL, AGAIN | TWIN, PROOF_NONE, SIGNATURE_NONE,
		ENCRYPTION_UNSUPPORTED,
		"note still-sealed" },
	/* and opened: in the ticket it opened */
	{ "rescued report", ANYONE, "Sự cố", "x", NULL, AGAIN | OPENED_IT, PROOF_NONE, OPENS_NOW,
		"file report, open report, mail T01 to " ANYONE },
	{ "rescued report, signed inside only", ANYONE, "Sự cố", "x", NULL, AGAIN | OPENED_IT,
		PROOF_NONE, SIGNATURE_UNKNOWN_KEY, ENCRYPTION_NONE,
		"file report, open report, mail T01 to " ANYONE },
	{ "rescued report of an agency", AGENCY, "Sự cố", "x", NULL, AGAIN | OPENED_IT, PROOF_NONE,
		OPENS_NOW,
		"file report, open report, mail T02 to " AGENCY },
	{ "rescued forgery", AGENCY, "Sự cố", "x", NULL, AGAIN | OPENED_IT, PROOF_NONE,
		SIGNATURE_BAD, ENCRYPTION_DECRYPTED,
		"file report, open report, mail T04 to vanthu@somau.example.vn" },
	{ "rescued, acknowledged by more than T03", ANYONE, "Sự cố", "x", NULL,
		AGAIN | OPENED_IT | ACKNOWLEDGED, PROOF_NONE, OPENS_NOW,
		"file report, open report, note no-answer" },
	{ "rescued, observing", ANYONE, "Sự cố", "x", NULL, AGAIN | OPENED_IT | OBSERVE, PROOF_NONE,
		OPENS_NOW,
		"file report, open report, note no-answer" },
	{ "rescued, with a code inside: a hint, its number is known outside", ANYONE, "Re: x", "x",
		NULL, AGAIN | OPENED_IT | ON_THREAD, PROOF_CODE, OPENS_NOW,
		"file report, open report, note hint, mail T01 to " ANYONE },
	{ "rescued, names its own ticket: no hint", ANYONE, TAGGED, "x", NULL,
		AGAIN | OPENED_IT | NAMES_OWN | ON_THREAD, PROOF_TAG, OPENS_NOW,
		"file report, open report, mail T01 to " ANYONE },
	{ "rescued, and equal to another mail now", ANYONE, "Sự cố", "x", NULL,
		AGAIN | OPENED_IT | TWIN | SAME_ID, PROOF_NONE, OPENS_NOW,
		"file report, open report, note same-message-id, mail T01 to " ANYONE },
	{ "rescued, made by a machine", ANYONE, "Sự cố", "x", "auto-submitted: auto-generated",
		AGAIN | OPENED_IT, PROOF_NONE, OPENS_NOW,
		"file auto-reply, open report, note no-answer" },
	{ "rescued command", DUTY, TAGGED, "close", NULL, AGAIN | OPENED_IT, PROOF_TAG,
		SIGNATURE_TRUSTED, ENCRYPTION_DECRYPTED,
		"file command, open report, note command, note hint, note no-answer" },
	{ "rescued thanks", ANYONE, TAGGED, "Cảm ơn.", NULL, AGAIN | OPENED_IT | NAMES_OWN,
		PROOF_TAG, OPENS_NOW,
		"file report, open report, note no-answer" },
	/* in the ticket it joined */
	{ "rescued reply", ANYONE, "Re: x", "x", NULL, AGAIN | JOINED_IT | ON_THREAD, PROOF_CODE,
		OPENS_NOW,
		"file reply, append reply" },
	{ "rescued reply, attachment", ANYONE, "Re: x", "x", NULL,
		AGAIN | JOINED_IT | ON_THREAD | ATTACHED, PROOF_CODE, OPENS_NOW,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "rescued reply, attachment, soon after its T03", ANYONE, "Re: x", "x", NULL,
		AGAIN | JOINED_IT | ON_THREAD | ATTACHED | JUST_TOLD, PROOF_CODE, OPENS_NOW,
		"file reply, append reply, note no-answer" },
	{ "rescued reply, From is another inside", THIRD, "Re: x", "x", NULL, AGAIN | JOINED_IT,
		PROOF_CODE, OPENS_NOW,
		"file reply, append other-sender" },
	{ "rescued reply by tag, From is another inside", THIRD, TAGGED, "x", NULL,
		AGAIN | JOINED_IT | ATTACHED, PROOF_TAG, OPENS_NOW,
		"file reply, note read-later" },
	{ "rescued reply that names nothing inside", ANYONE, "x", "x", NULL, AGAIN | JOINED_IT,
		PROOF_NONE, OPENS_NOW,
		"file report, note read-later" },
	{ "rescued reply, a code of another ticket inside", ANYONE, "Re: x", "x", NULL,
		AGAIN | JOINED_OTHER | ON_THREAD | ATTACHED, PROOF_CODE, OPENS_NOW,
		"file report, note read-later" },
	/* or in none */
	{ "rescued copy", ANYONE, "Sự cố", "x", NULL, AGAIN | TWIN, PROOF_NONE, OPENS_NOW,
		"file duplicate, note duplicate" },
	{ "decided again without a ticket", ANYONE, "Sự cố", "x", NULL, AGAIN, PROOF_NONE,
		OPENS_NOW,
		"file report, open report, mail T01 to " ANYONE },
	/* the ticket of a mail that was held is no reason not to join the one it names */
	{ "not decided before", ANYONE, "Re: x", "x", NULL, OPENED_IT | ON_THREAD, PROOF_CODE,
		OPENS_NOW,
		"file reply, append reply" },
	/* receipts */
	{ "reply with attachment", ANYONE, "Re: x", "x", NULL, ON_THREAD | ATTACHED, PROOF_CODE,
		NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "reply by tag with attachment", ANYONE, TAGGED, "x", NULL, ON_THREAD | ATTACHED,
		PROOF_TAG, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "reply with form", ANYONE, "Re: [tbsc] x", "x", NULL, ON_THREAD, PROOF_CODE, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "reply with form, fullwidth", ANYONE, "［ＴＢＳＣ］ x", "x", NULL, ON_THREAD, PROOF_CODE, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "reply with form, lenticular brackets", ANYONE, "【TBSC】 x", "x", NULL, ON_THREAD,
		PROOF_CODE, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "reply with form, stray marks", ANYONE, "[T\xcc\xa3" "BSC\xcc\x81] x", "x", NULL,
		ON_THREAD, PROOF_CODE, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "reply, trusted", AGENCY, "Re: x", "x", NULL, ON_THREAD, PROOF_CODE, SIGNATURE_TRUSTED,
		ENCRYPTION_NONE,
		"file reply, append reply, mail T32 to " AGENCY },
	{ "reply, unknown key", AGENCY, "Re: x", "x", NULL, ON_THREAD, PROOF_CODE,
		SIGNATURE_UNKNOWN_KEY, ENCRYPTION_NONE,
		"file reply, append reply" },
	{ "an hour after the last", ANYONE, "Re: x", "x", NULL, ON_THREAD | ATTACHED | HOUR_AGO,
		PROOF_CODE, NONE,
		"file reply, append reply, mail T32 to " ANYONE },
	{ "soon after the last", ANYONE, "Re: x", "x", NULL, ON_THREAD | ATTACHED | JUST_TOLD,
		PROOF_CODE, NONE,
		"file reply, append reply, note no-answer" },
	{ "worth a receipt, silent", ANYONE, "Re: x", "x", NULL, ON_THREAD | ATTACHED | SILENT,
		PROOF_CODE, NONE,
		"file reply, append reply, note no-answer" },
	{ "worth a receipt, observing", ANYONE, "Re: x", "x", NULL, ON_THREAD | ATTACHED | OBSERVE,
		PROOF_CODE, NONE,
		"file reply, append reply, note no-answer" },
	{ "worth a receipt, suppressed", ANYONE, "Re: x", "x", "x-auto-response-suppress: OOF",
		ON_THREAD | ATTACHED,
		PROOF_CODE, NONE, "file reply, append reply, note no-answer" },
	{ "worth a receipt, forged", AGENCY, "Re: x", "x", NULL, ON_THREAD | ATTACHED, PROOF_CODE,
		SIGNATURE_BAD,
		ENCRYPTION_NONE, "file reply, append reply, note no-answer" },
	{ "an acknowledged ticket's reply", ANYONE, "Re: x", "x", NULL,
		ON_THREAD | ATTACHED | ACKNOWLEDGED, PROOF_CODE,
		NONE, "file reply, append reply, mail T32 to " ANYONE },
	{ "sealed reply", ANYONE, "Re: x", "", NULL, ON_THREAD, PROOF_CODE, SIGNATURE_NONE,
		ENCRYPTION_MALFORMED,
		"file reply, append reply, mail T03 to " ANYONE },
	{ "sealed reply, soon after", ANYONE, "Re: x", "", NULL, ON_THREAD | JUST_TOLD, PROOF_CODE,
		SIGNATURE_NONE,
		ENCRYPTION_NOT_FOR_US, "file reply, append reply, note no-answer" },
	/* thanks */
	{ "thanks on the thread", ANYONE, TAGGED, "Cảm ơn.", NULL, ON_THREAD, PROOF_CODE, NONE,
		"file thanks, append reply" },
	{ "thanks by tag", ANYONE, TAGGED, "Cảm ơn.", NULL, ON_THREAD, PROOF_TAG, NONE,
		"file thanks, append reply" },
	{ "a third person's thanks", THIRD, TAGGED, "Cảm ơn.", NULL, 0, PROOF_CODE, NONE,
		"file thanks, append other-sender" },
	{ "a stranger's thanks by tag", THIRD, TAGGED, "Cảm ơn.", NULL, 0, PROOF_TAG, NONE,
		"file report, open report, note hint, note no-answer" },
	/* commands */
	{ "command with a ticket", DUTY, TAGGED, "close", NULL, 0, PROOF_TAG, SIGNATURE_TRUSTED,
		ENCRYPTION_NONE,
		"file command, append command, note command" },
	{ "command without", DUTY, "x", "close", NULL, 0, PROOF_NONE, SIGNATURE_TRUSTED,
		ENCRYPTION_NONE,
		"file command, open report, note command, note no-answer" },
	/* remarks */
	{ "same Message-ID", ANYONE, "Sự cố", "x", NULL, SAME_ID, PROOF_NONE, NONE,
		"file report, open report, note same-message-id, mail T01 to " ANYONE },
	{ "ambiguous twice", ANYONE, "Sự cố", "x", NULL, AMBIGUOUS, PROOF_NONE, NONE,
		"file report, open report, note ambiguous, note ambiguous, mail T01 to " ANYONE },
	{ "cut, on a reply", ANYONE, "Re: x", "x", NULL, CUT | ON_THREAD, PROOF_CODE, NONE,
		"file reply, append reply, note truncated" },
	{ "all remarks on a bounce", ANYONE, "x", "x", NULL, SAME_ID | AMBIGUOUS | CUT | BOUNCED,
		PROOF_NONE, NONE,
		"file bounce, note same-message-id, note ambiguous, note ambiguous, "
		"note truncated" },
};

static const struct id first_ticket = { { 0x11 } }, twin_ticket = { { 0x22 } },
	own_ticket = { { 0x33 } };

static void
facts_again(struct facts *f, const struct row *row)
{
	f->again = row->flags & AGAIN;
	f->earlier_first = row->flags & OPENED_IT;
	if (row->flags & (OPENED_IT | JOINED_OTHER))
		f->earlier = own_ticket;
	if (row->flags & JOINED_IT)
		f->earlier = first_ticket;
	if (row->flags & NAMES_OWN)
		f->ticket = own_ticket;
}

static struct facts
row_facts(const struct row *row)
{
	struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1, .proof = row->proof };
	bool found = (row->proof != PROOF_NONE && !(row->flags & LOST_TICKET)) ||
		row->flags & TOGETHER;

	f.sha256 = g_strnfill(64, 'c');
	f.is_twin = row->flags & TWIN;
	f.twin_ticket = f.is_twin ? twin_ticket : (struct id){ { 0 } };
	f.twin_owed = row->flags & OWED;
	f.burst = row->flags & TOGETHER;
	f.burst_joins = row->flags & SAME_PROOF;
	f.same_message_id = row->flags & SAME_ID;
	f.silent = row->flags & SILENT;
	f.from_junk = row->flags & FROM_JUNK;
	f.is_oversize = row->flags & OVERSIZE;
	f.ticket = found ? first_ticket : (struct id){ { 0 } };
	f.ticket_number = found ? g_strdup(SAMPLE_TICKET) : NULL;
	f.thread_address = found ? g_strdup("Nguoi.Bao@Example.ORG") : NULL;
	f.from_is_participant = row->flags & ON_THREAD;
	f.acknowledged = row->flags & ACKNOWLEDGED;
	facts_again(&f, row);
	if (row->flags & HOUR_AGO)
		f.last_receipt = NOW - HOUR;
	if (row->flags & JUST_TOLD)
		f.last_receipt = NOW - HOUR + 1;
	return f;
}

static struct letter *
row_letter(const struct row *row)
{
	struct letter *l = sample_letter(row->from, row->subject, row->text, row->fields);

	if (row->flags & TWO_FROM)
		l->n_from = 2;
	if (row->flags & ATTACHED)
		sample_part(l, "nhat-ky.zip", "application/zip", 1500000);
	if (row->flags & BOUNCED)
		l->bounce = g_new0(struct bounce, 1);
	if (row->flags & FED_BACK)
		l->feedback = g_new0(struct feedback, 1);
	if (row->flags & SPEAKS_EN)
		l->language = g_strdup("en");
	l->truncated = row->flags & CUT;
	if (row->flags & AMBIGUOUS) {
		g_ptr_array_add(l->notes, g_strdup("2 subject fields"));
		g_ptr_array_add(l->notes, g_strdup("bare CR in the header"));
	}
	return l;
}

static struct verdict
row_verdict(const struct row *row)
{
	bool is_duty = g_strcmp0(row->from, DUTY) == 0;

	return sample_verdict(row->signature, row->encryption,
		row->signature != SIGNATURE_TRUSTED ? NULL
			: is_duty ? "responder:truc.mot" : "agency:so-mau");
}

static char *
effects_short(const struct plan *plan)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < plan->effects->len; i++) {
		const struct effect *e = plan->effects->pdata[i];

		g_string_append_printf(out, "%s%s %s", i ? ", " : "", effect_kind_word(e->kind),
			e->kind == EFFECT_FILE ? kind_word(e->mail_kind) : e->word);
		if (e->kind == EFFECT_MAIL)
			g_string_append_printf(out, " to %s", e->recipient);
	}
	return g_string_free(out, FALSE);
}

static const char *
ticket_print(struct id id)
{
	return id_is_null(id) ? "" : id_equal(id, first_ticket) ? " (its ticket)" :
		id_equal(id, twin_ticket) ? " (the twin's ticket)" : " (?)";
}

static void
effect_print(GString *out, const struct effect *e)
{
	g_string_append_printf(out, "\t%s %s%s: %s\n", effect_kind_word(e->kind),
		e->kind == EFFECT_FILE ? kind_word(e->mail_kind) : e->word, ticket_print(e->ticket),
			e->why);
	if (e->kind == EFFECT_OPEN)
		g_string_append_printf(out, "\t\tsubject \"%s\", reporter \"%s\", language %s\n",
			e->subject,
			e->reporter, e->language);
	if (e->kind != EFFECT_MAIL)
		return;
	g_string_append_printf(out, "\t\tto %s, language %s, in reply to %s\n", e->recipient,
		e->language,
		e->in_reply_to ? e->in_reply_to : "nothing");
	for (guint i = 0; i < e->values->len; i++) {
		const struct value *v = e->values->pdata[i];

		g_string_append_printf(out, "\t\t%s = %s\n", v->name, v->text);
	}
}

/* The sentences of the rule table, up to where a detail of the mail stands. */
static void
all_reached(const char *plans)
{
	g_autofree char *table = rules_print();
	g_auto(GStrv) lines = g_strsplit(table, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		if (**line != '\t' || strcmp(*line, "\tnothing") == 0)
			continue;
		const char *sentence = strstr(*line, ": ") + 2;
		g_autofree char *fixed = g_strndup(sentence, strcspn(sentence, "<"));

		if (strstr(plans, g_strchomp(fixed)) == NULL) {
			g_test_message("no row reaches: %s", *line);
			g_test_fail();
		}
	}
}

static void
test_plans(void)
{
	struct site *answers = sample_site(NULL);
	struct site *observes = sample_site((const char *const[]){ "policy.mode", "observe",
		NULL });
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		g_autoptr(letter_auto) l = row_letter(row);
		struct facts f = row_facts(row);
		struct verdict v = row_verdict(row);
		struct plan *plan = plan_mail(row->flags & OBSERVE ? observes : answers, &f, l, &v,
			NOW);
		g_autofree char *effects = effects_short(plan);

		if (strcmp(effects, row->effects) != 0) {
			g_test_message("%s: %s", row->name, effects);
			g_test_fail();
		}
		g_string_append_printf(all, "%s\n", row->name);
		for (guint j = 0; j < plan->effects->len; j++)
			effect_print(all, plan->effects->pdata[j]);
		plan_free(plan);
		facts_clear(&f);
		verdict_clear(&v);
	}
	sample_golden("plans.txt", all->str);
	all_reached(all->str);
	g_string_free(all, TRUE);
	site_free(answers);
	site_free(observes);
}

static void
test_table(void)
{
	g_autofree char *table = rules_print();

	sample_golden("rules.txt", table);
}

static void
test_held(void)
{
	static const char *const languages[] = { "vi", "en" };
	struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1 };
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
		struct site *site = sample_site((const char *const[]){ "hotline.languages.0",
			languages[i], NULL });
		struct plan *plan = plan_held(site, &f, "mime", "mime: depth limit 32");

		g_assert_cmpuint(plan->effects->len, ==, 2);
		for (guint j = 0; j < plan->effects->len; j++)
			effect_print(all, plan->effects->pdata[j]);
		plan_free(plan);
		site_free(site);
	}
	sample_golden("held.txt", all->str);
	g_string_free(all, TRUE);
}

static void
test_print(void)
{
	struct site *site = sample_site(NULL);
	g_autoptr(letter_auto) l = sample_letter(ANYONE, "Sự cố", "x", NULL);
	struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);
	struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1 };
	struct plan *plan = plan_mail(site, &f, l, &v, NOW);
	g_autofree char *text = plan_print(plan);

	g_assert_cmpstr(text, ==, "file report: a person's mail that joins no ticket\n"
		"open report: no ticket named that we know\n"
		"mail T01: a new report\n");
	plan_free(plan);
	site_free(site);
}

static char *
sealed_plan(const struct site *site, const struct letter *l, enum encryption word)
{
	struct verdict v = sample_verdict(SIGNATURE_NONE, word, NULL);
	struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1, .sha256 = (char *)"c" };
	struct plan *plan = plan_mail(site, &f, l, &v, NOW);
	GString *all = g_string_new(NULL);

	/* a ticket's own language is our business; what leaves is the mail */
	for (guint j = 0; j < plan->effects->len; j++) {
		const struct effect *e = plan->effects->pdata[j];

		if (e->kind != EFFECT_OPEN)
			effect_print(all, e);
	}
	g_assert_nonnull(strstr(all->str, "mail T03"));
	plan_free(plan);
	return g_string_free(all, FALSE);
}

/* Sealed mails of every cause lead to the same plan, values included, under the same facts; and so
 * do those of which an outer layer was opened, whatever is read there. */
static void
test_one_answer(void)
{
	static const char *const languages[] = { "vi", "en", "fr", NULL };
	struct site *site = sample_site(NULL);
	g_autofree char *first = NULL;

	for (int e = 0; e < encryption_count; e++)
		for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
			if (e == ENCRYPTION_DECRYPTED || e == ENCRYPTION_NONE)
				continue;
			g_autoptr(letter_auto) l = sample_letter(ANYONE, "...", "", NULL);

			l->own_sha256[0] = (guint8)e;
			g_autofree char *plan = sealed_plan(site, l, (enum encryption)e);

			l->within_encryption = true;
			l->language = g_strdup(languages[i]);
			l->message_id[0] = (char)('a' + e + (int)i);
			g_autofree char *within = sealed_plan(site, l, (enum encryption)e);

			if (first == NULL)
				first = g_strdup(plan);
			g_assert_cmpstr(plan, ==, first);
			g_assert_cmpstr(within, ==, first);
		}
	site_free(site);
}

/* Cleared facts say "no receipt yet", not "one in 1970". */
static void
test_facts_clear(void)
{
	struct facts f = { .sha256 = g_strdup("c"), .ticket_number = g_strdup("x"),
		.thread_address = g_strdup("y"), .is_twin = true, .last_receipt = 5 };

	facts_clear(&f);
	g_assert_null(f.sha256);
	g_assert_null(f.ticket_number);
	g_assert_null(f.thread_address);
	g_assert_false(f.is_twin);
	g_assert_cmpint(f.last_receipt, ==, -1);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/rules/plans", test_plans);
	g_test_add_func("/desk/rules/table", test_table);
	g_test_add_func("/desk/rules/held", test_held);
	g_test_add_func("/desk/rules/print", test_print);
	g_test_add_func("/desk/rules/one-answer", test_one_answer);
	g_test_add_func("/desk/rules/facts-clear", test_facts_clear);
	return g_test_run();
}
