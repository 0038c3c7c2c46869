# SPDX-License-Identifier: ISC
#
# copies: one mail that lies in two mailboxes of ours is one ticket and one acknowledgement, whichever copy is
# better; and policy.burst: mails of one address in a short time share a ticket only where the same proof stands
# behind From.

import atexit
import os
import time

import people
from flow import Site, done, mail, same

AGENCY = "cntt@so.example.vn"
OURS = "Authentication-Results: mx.example.vn; "
SECOND = '''}, { name = "second"; type = "maildir"; path = "Second"; done_folder = "Done"; held_folder = "Held";
  poll = "5s"; folders = [ "INBOX", "Junk" ];'''
PARTY = '''directory = { agencies = ( { id = "so-mau"; name = "Sở mẫu"; language = "vi";
  addresses = [ "%s" ]; keys = [ "%s" ]; } ); };'''


def events(site, ticket):
	return [row["event"] for row in site.ctl("explain", ticket)["events"]]


def relations(site, ticket):
	return [letter["relation"] for letter in site.ctl("ticket", "show", ticket)["letters"]]


# ---- two mailboxes

def second_mailbox(site):
	for folder in ("Second", "Second/.Junk"):
		for name in ("cur", "new", "tmp"):
			os.makedirs(site.path(folder, name), mode=0o700)


# name, folders its copies lie in with what our server says there, acknowledgements
COPIES = (
	("in both", (("Maildir", ""), ("Second", "")), 1),
	("in junk and in both", (("Second/.Junk", ""), ("Maildir", ""), ("Second", "")), 1),
	("in junk alone", (("Second/.Junk", ""),), 0),
	("spoilt on one way", (("Maildir", OURS + "dmarc=fail"), ("Second", OURS + "dmarc=pass")), 1),
	("spoilt on both", (("Maildir", OURS + "dmarc=fail"), ("Second", OURS + "dmarc=fail")), 0),
)

site = Site(prepare=second_mailbox, mailbox=SECOND, more='authserv_ids = [ "mx.example.vn" ];')
for n, (name, copies, _) in enumerate(COPIES):
	base = mail(f"Báo cáo {n}.\n", sender=f"nguoi{n}@reporter.example", subject=name)
	for copy, (folder, said) in enumerate(copies):
		head = [f"Delivered-To: box{copy}@example.vn", f"Received: from x by mx.example.vn; {n} {copy}", said]
		raw = b"".join(line.encode() + b"\n" for line in head if line) + base
		with open(site.path(folder, "new", f"{int(time.time())}.n{n}c{copy}.mx"), "wb") as file:
			file.write(raw)
same(site.once(), 0, "copies in two mailboxes and a folder for junk are taken in")
tickets = {ticket["subject"]: ticket["id"] for ticket in site.tickets()}
same(sorted(tickets), sorted(name for name, _, _ in COPIES), "one ticket for each mail")
for n, (name, copies, answers) in enumerate(COPIES):
	same([ack["To"] for ack in site.acks()].count(f"nguoi{n}@reporter.example"), answers,
		f"{'one acknowledgement' if answers else 'no answer'}: {name}")
	same("duplicate" in events(site, tickets[name]), len(copies) > 1, f"explain tells of its copies: {name}")
ledger = site.ctl("ledger")["mailboxes"]
same([box["unexplained"] for box in ledger], [0, 0], "both mailboxes are explained")
same(sum(box["accounted"]["duplicate"] for box in ledger), sum(len(copies) - 1 for _, copies, _ in COPIES),
	"every further copy is accounted as one")
site.close()

# ---- bursts

site = Site(mode='answer"; burst = "30m')
for n in range(3):
	site.deliver(mail(f"Máy {n} bị mã hoá.\n", sender="lan@reporter.example", subject=f"Máy {n}"), hours_old=3 - n / 10)
site.deliver(mail(sender="binh@reporter.example"), hours_old=2.9)
same(site.once(), 0, "three mails of one address, one of another")
found = {ticket["reporter"]: ticket for ticket in site.tickets()}
same(sorted(found), ["binh@reporter.example", "lan@reporter.example"], "a ticket for each address")
lan = found["lan@reporter.example"]
same(relations(site, lan["id"]), ["first", "burst", "burst"], "the later ones are labelled")
same((lan["reports"], len(site.acks())), (3, 2), "counted as reports, and not acknowledged again")
site.deliver(mail("Một giờ sau.\n", sender="lan@reporter.example", subject="Sau đó"), hours_old=2)
same((site.once(), len(site.tickets()), len(site.acks())), (0, 3, 3), "past the time: a ticket of its own")
site.balanced("balanced", seen=5)
site.close()

site = Site()
for n in range(3):
	site.deliver(mail(f"Máy {n} bị mã hoá.\n", sender="lan@reporter.example", subject=f"Máy {n}"))
same((site.once(), len(site.tickets()), len(site.acks())), (0, 3, 3), "unless it is set, nothing is joined")
site.close()

# A signed reporter's ticket: nothing unsigned joins it as if it were theirs, nor the other way round.
site = Site(mode='answer"; burst = "30m')
persons = people.People(site.path("people"))
atexit.register(persons.close)
key = persons.key(f"Agency <{AGENCY}>")
with open(site.path("certificates", "agency.asc"), "wb") as file:
	file.write(persons.certificate(key))
site.configure(more=PARTY % (AGENCY, key))


def signed(subject):
	return people.mail(people.fields(AGENCY, subject), persons.signed(people.text_entity(f"{subject}.\n"), key))


def where(subject):
	"""The ticket this mail is in, as shown."""
	for ticket in site.tickets():
		shown = site.ctl("ticket", "show", ticket["id"])
		if subject in [letter["subject"] for letter in shown["letters"]]:
			return shown
	return {}


# subject, is it signed; its relation, what its ticket's first mail proved, is there a hint to another ticket
for subject, is_signed, relation, proved, hint in (("Một", True, "first", "good-trusted", False),
		("Hai", True, "burst", "good-trusted", False), ("Giả", False, "first", "none", True),
		("Giả nữa", False, "burst", "none", True), ("Ba", True, "first", "good-trusted", True)):
	site.deliver(signed(subject) if is_signed else mail(sender=AGENCY, subject=subject))
	same(site.once(), 0, f"{subject}: of one From")
	shown = where(subject)
	found = {letter["subject"]: letter["relation"] for letter in shown["letters"]}
	same((found[subject], shown["signature"]), (relation, proved), f"{subject}: beside mails of the same proof only")
	same("hint" in [row["event"] for row in shown["events"]], hint, f"{subject}: its ticket hints at the other")
same(len(site.tickets()), 3, "three tickets in all")
done()
