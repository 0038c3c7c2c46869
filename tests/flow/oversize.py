# SPDX-License-Identifier: ISC
#
# oversize: mails larger than policy.max_size: the header is stored and opened, a ticket, an answer that says how to
# hand in evidence, the server copy whole in held_folder; by Maildir and, as root, by IMAP.

import hashlib
import os

from flow import Site, done, mail, ok, parse, same, text_of, wait_until
from realsite import RealSite, needs_root
from servers import Servers, USER

LIMIT = 'answer"; max_size = "64KB'
BIG = "x" * 70 + "\n"


def large(lines=2000, **more):
	return mail(BIG * lines, **more)


def oversize(site):
	return [row for row in site.tickets() if row["kind"] == "oversize"]


def answers(site):
	return [row["template"] for row in site.ctl("queue", "list", "--limit", "100")["outgoing"]]


site = Site(mode=LIMIT)
raw = large()
name = site.deliver(raw)
site.deliver(mail("Thư vừa phải.\n", sender="binh@reporter.example"))
same(site.once(), 0, "--once ends well: nothing is held")
same(site.in_folder("Maildir"), [], "the folder is empty")
same(site.in_folder("Maildir", ".Held"), [name], "the large mail is in the held folder")
with open(site.path("Maildir/.Held/cur", os.listdir(site.path("Maildir/.Held/cur"))[0]), "rb") as file:
	same(hashlib.sha256(file.read()).hexdigest(), hashlib.sha256(raw).hexdigest(), "byte for byte")
rows = oversize(site)
same(len(rows), 1, "it has a ticket")
same((rows[0]["subject"], rows[0]["reporter"], rows[0]["signature"], rows[0]["encryption"]),
	(parse(raw)["subject"], "an@reporter.example", "none", "none"), "with what its header says")
same(sorted(answers(site)), ["T01", "T35"], "its sender is told how to hand in evidence, the other one as ever")
answer = [each for each in site.acks() if "an@reporter.example" in each["to"]][0]
ok(rows[0]["id"] in answer["subject"] and "SHA-256" in text_of(answer), "the answer names the ticket", answer["subject"])
account = site.balanced("balanced", seen=2)["accounted"]
same((account["oversize"], account["held"], account["pending"]), (1, 0, 0), "accounted as oversize")
same(site.once(), 0, "a second run")
same((len(site.tickets()), len(site.acks())), (2, 2), "does nothing more")

# A copy of it is one, an automatic one is not answered, an encrypted one is not opened.
site.deliver(raw)
site.deliver(large(sender="may@reporter.example", headers=("Auto-Submitted: auto-replied",)))
site.deliver(b"From: c@reporter.example\nTo: x@example.vn\nSubject: ma hoa\nMessage-ID: <kin@reporter.example>\n"
	b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\nMIME-Version: 1.0\n\n'
	+ BIG.encode() * 2000)
bare = b"From: d@reporter.example\nSubject: khong co ma so\n\n"
site.deliver(bare + b"a\n" + BIG.encode() * 2000)	# no Message-ID, no Date: two mails, not one
site.deliver(bare + b"b\n" + BIG.encode() * 2000)
same(site.once(), 0, "more of them")
account = site.balanced("all balanced", seen=7)["accounted"]
same((account["oversize"], account["duplicate"]), (6, 0), "six too large, one of them a copy")
same(len(oversize(site)), 5, "a ticket each")
same(sorted(answers(site)), ["T01"] + ["T35"] * 4, "the automatic one is not answered")
same(len(site.in_folder("Maildir", ".Held")), 6, "all of them lie in the held folder")
site.deliver(b"Subject: khong co dong trong\n" + BIG.encode() * 2000)	# all of it is header
same(site.once(), 1, "one whose header cannot be read is held")
same(site.balanced("and balanced", seen=8)["accounted"]["oversize"], 7, "as too large")
explained = site.ctl("explain", oversize(site)[0]["id"])
ok("policy.max_size" in str(explained), "explain says why", explained)

# Killed between storing and moving: not lost, not doubled.
again = Site(mode=LIMIT, hooked=True)
again.deliver(raw)
again.hooks("fault=maildir.settle.before fetch kill")
ok(again.once() in (0, 1), "fetch is killed before it moves the mail")
same(again.once(), 0, "the next run")
same((len(oversize(again)), len(again.acks()), len(again.in_folder("Maildir", ".Held"))), (1, 1, 1), "one of each")
again.balanced("balanced after the kill", seen=1)

# ---- IMAP
needs_root()
world = Servers(users=(USER, "an@reporter.example"))
real = RealSite(world, mode=LIMIT)
real.post(large(60000))
real.post(mail("Thư nhỏ.\n"))
same(real.once(), 0, "IMAP: --once ends well")
same((real.lying(), real.lying("Done"), real.lying("Held")), (0, 1, 1), "IMAP: the folders, Held made for it")
same(len(oversize(real)), 1, "IMAP: a ticket")
ok(wait_until(lambda: world.count("an@reporter.example") == 2, 30), "IMAP: both are answered")
ok(len(world.fetch(USER, "Held")[0]) > 60000 * 70, "IMAP: whole")
real.balanced("IMAP: balanced", seen=2)
done()
