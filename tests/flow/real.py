# SPDX-License-Identifier: ISC
#
# real: the main job with real servers.  About 200 mails of every sort go through Postfix into Dovecot, are taken
# in over IMAPS and then STARTTLS, and answered through Postfix; the answers are fetched from the reporters'
# mailboxes and read by plain gpg.  The same mails through a Maildir must come to the same words.

import glob
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor

import mailset
from flow import HOTLINE, Site, done, note, ok, parse, same, text_of, wait_until
from mailset import ALIAS, BUSY, GONE
from realsite import RealSite, needs_root
from servers import Servers, USER

MARKS = ("lúc 9 giờ (", "lúc 8 giờ (", "Incident number", "Người gửi", "Trong thư mục rác")	# of corpus and Junk


def digest(raw):
	return hashlib.sha256(raw).hexdigest()


def difference(found, expected):
	return "\n".join(f"{name}: found {found.get(name)}, expected {expected.get(name)}"
		for name in sorted({*found, *expected}) if found.get(name) != expected.get(name))


# ---- a Maildir -------------------------------------------------------------------------------------------------

def through_maildir(site, mails):
	"""(words, tickets)"""
	names = {}
	os.makedirs(site.path("Maildir/.Junk/new"), mode=0o700)
	for part in ("cur", "tmp"):
		os.makedirs(site.path("Maildir/.Junk", part), mode=0o700)
	for mail in mails.values():
		for n in range(1 + mail.copies):
			raw = (f"Received: from mx{n}.example.org\n".encode() if mail.copies else b"") + mail.raw
			names[digest(raw)] = mail.name
			base = site.deliver(raw)
			if mail.folder != "INBOX":
				os.rename(site.path("Maildir/new", base), site.path("Maildir", f".{mail.folder}", "new", base))
	same(site.once(seconds=300), 1, "a Maildir: --once ends with 1, for mails were held")
	tickets = mailset.tickets_of(site, names)
	box = site.balanced("a Maildir: balanced", seen=len(names))
	return mailset.words_of(site, tickets), tickets, box["accounted"]


# ---- real servers ----------------------------------------------------------------------------------------------

def post(world, site, mails):
	"""Through Postfix, and into Junk as Dovecot's own filter would."""
	before = world.count(USER)
	by_smtp = [mail for mail in mails if mail.folder == "INBOX"]
	world.submit([(mail.raw, mail.sender, [recipient]) for mail in by_smtp for recipient in mail.recipients])
	for mail in mails:
		if mail.folder != "INBOX":
			site.post(mail.raw, folder=mail.folder)
	n = before + sum(1 + mail.copies for mail in by_smtp)
	ok(wait_until(lambda: world.count(USER) == n, 60), f"{n} mails lie in the mailbox", world.count(USER))


def through_servers(world, site, mails):
	everyone = list(mails.values())
	half = len(everyone) // 2
	post(world, site, everyone[:half])
	same(site.ctl("check")["exit"], 0, "check is content with both servers")
	same(site.once(seconds=300), 1, "IMAPS and submissions: --once ends with 1, for mails were held")
	secure = re.findall(r"submissions/good/smtpd\[\d+\]: connect from", world.logs("postfix.log"))
	ok(len(secure) <= 4, "many answers over one connection", len(secure))
	site.starttls()
	post(world, site, everyone[half:])
	same(site.ctl("check")["exit"], 0, "STARTTLS: check is content with both servers")
	same(site.once(seconds=300), 1, "STARTTLS: --once ends with 1, for mails were held")
	log = world.logs("postfix.log")
	ok("postfix/submission/good/smtpd" in log and "sasl_method=SCRAM-SHA-256" in log, "STARTTLS was used, and SCRAM")
	# 2.3 says "Login:", 2.4 "Logged in:"
	logins = re.findall(r"imap-login: .*?user=<ungcuu@example.vn>.*?method=([^\s,]+)", world.logs("dovecot.log"))
	same(set(logins) - {"PLAIN"}, {"SCRAM-SHA-256"}, "logins by SCRAM-SHA-256")
	same((site.lying(), site.lying("Junk")), (0, 0), "nothing is left in INBOX and Junk")
	raws = world.fetch(USER, "Done")
	same(len(raws), sum(1 + mail.copies for mail in everyone), "all of them lie in Done")
	ids = {str(parse(mail.raw.split(b"\n\n")[0] + b"\n\n")["Message-ID"]): mail.name for mail in everyone}
	names = {digest(raw): ids.get(str(parse(raw.split(b"\r\n\r\n")[0] + b"\r\n\r\n")["Message-ID"])) for raw in raws}
	same(len(names), len(raws), "no two of them are equal to the byte")
	tickets = mailset.tickets_of(site, names)
	box = site.balanced("real servers: balanced", seen=len(raws))
	return mailset.words_of(site, tickets), tickets, box["accounted"]


# ---- the answers -----------------------------------------------------------------------------------------------

def fetched(world, n):
	"""(user, raw) of all that lies in anybody's mailbox but the hotline's."""
	def lying():
		return [path for path in glob.glob(world.path("mail/*/Maildir/new/*")) if f"/{USER}/" not in path]
	wait_until(lambda: len(lying()) >= n, 60)
	users = [user for user in world.passwords if user != USER]
	with ThreadPoolExecutor(3) as pool:
		return [(user, raw) for user, raws in zip(users, pool.map(world.fetch, users)) for raw in raws]


def check_answers(world, site, persons, expected, mails, tickets):
	rows = {row["message_id"].strip("<>"): row for row in mailset.outgoing(site)}
	sent = {message_id: row for message_id, row in rows.items() if row["state"] == "sent"}
	names = {ticket["id"]: name for name, ticket in tickets.items()}
	keys = {address: expected["keys"][name] for address, name in expected["owners"].items()}
	answers = fetched(world, len(sent))
	same(sorted(parse(raw)["Message-ID"].strip("<>") for _, raw in answers), sorted(sent),
		"exactly what was sent lies in the mailboxes, each once")
	wrong = []
	for user, raw in answers:
		row = sent.get(parse(raw)["Message-ID"].strip("<>"))
		name = names.get(row["ticket"]) if row else None
		mail = mails.get(name)
		if not mail or user != row["recipient"] or user != parse(raw)["To"] or b"Return-Path: <>" not in raw.split(b"\r\n\r\n")[0]:
			wrong.append(f"{name}: to {user}, row {row}\n{raw[:600]}")
			continue
		if row["encrypted"]:
			inner = mailset.opened_answer(site, persons, raw, keys.get(user)) if user in keys else None
			good = inner and row["ticket"] in text_of(parse(inner))
		else:
			good = site.verify(raw) == site.fingerprint and row["ticket"] in text_of(parse(raw))
		clear = mailset.in_clear(raw)
		if not good or any(mark in clear for mark in (*MARKS, *mail.marks)):
			wrong.append(f"{name}: to {user}: {'leaks' if good else 'not good'}\n{raw[:3000]}")
	ok(not wrong, f"plain gpg reads {len(answers)} answers, which hold nothing of the sender's", "\n".join(wrong)[:20000])
	same(world.count(USER), 0, "none came back to the hotline")
	log = world.logs("postfix.log")
	ok(f"to=<{GONE}>" not in log.replace("NOQUEUE", "") or "status=sent" not in
		"".join(line for line in log.splitlines() if GONE in line), "nothing was sent to a mailbox that is not there")
	waiting = [row for row in rows.values() if row["recipient"] == BUSY]
	ok(len(waiting) == 1 and waiting[0]["attempts"] >= 1 and waiting[0]["next_try"] and "450" in (waiting[0]["reason"] or ""),
		"4xx: the answer waits for another try, and says why", waiting)
	held = [row for row in rows.values() if row["recipient"] == GONE]
	ok(len(held) == 1 and "550" in (held[0]["reason"] or ""), "5xx: the answer is held, and says why", held)


def check_junk(name, mails, tickets):
	marked = {mail for mail, ticket in tickets.items() if any(event["event"] == "from-junk" for event in ticket["events"])}
	same(marked, {mail.name for mail in mails.values() if mail.folder == "Junk"}, f"{name}: reports from Junk are marked so")


# ---- all of it ---------------------------------------------------------------------------------------------------

needs_root()
maildir = Site(mailbox='folders = [ "INBOX", "Junk" ];')
expected, persons = mailset.corpus(maildir)
mailset.configure(maildir, expected)
mails = mailset.whole(maildir, expected, persons)
people_there = {mail.sender for mail in mails.values()} | {mail.answer[2] for mail in mails.values() if mail.answer}
world = Servers(users=(USER, *sorted(people_there - {"", GONE, BUSY, HOTLINE})), aliases={ALIAS: USER})
site = RealSite(world, like=maildir)
mailset.configure(site, expected)
with ThreadPoolExecutor(1) as pool:
	other = pool.submit(through_maildir, maildir, mails)
	words, tickets, counts = through_servers(world, site, mails)
	words_maildir, tickets_maildir, counts_maildir = other.result()
wanted = mailset.expected_words(mails)
ok(words == wanted, "real servers: the right tickets, verdicts and answers", difference(words, wanted))
not_there = {BUSY: "protected", GONE: "held"}	# a Maildir takes everything
wanted = {name: (words_, [(*row[:3], "sent" if row[2] in not_there else row[3]) for row in rows])
	for name, (words_, rows) in wanted.items()}
ok(words_maildir == wanted, "a Maildir: the same words", difference(words_maildir, wanted))
for name, found in (("real servers", counts), ("a Maildir", counts_maildir)):
	same({kind.replace("_", "-"): n for kind, n in sorted(found.items()) if n}, mailset.expected_counts(mails),
		f"{name}: counted as what they are")
check_junk("real servers", mails, tickets)
check_junk("a Maildir", mails, tickets_maildir)
check_answers(world, site, persons, expected, mails, tickets)
same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")
ok(not any(user in site.log for user in people_there if user), "the log names nobody",
	[line for line in site.log.split("\n") if any(user and user in line for user in people_there)][:5])
note(f"{len(mails)} mails")
persons.close()
done()
