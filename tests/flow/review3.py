# SPDX-License-Identifier: ISC
#
# review3: one mail, or one file, that must not take the rest with it.  A From address longer than any frame; a
# revoked key that came by mail; an attachment full of keys; a file of certificates that became unreadable; an
# index of certificates that is damaged; a folder that takes long to read.

import os
import sqlite3
import tempfile

import people
from flow import Site, done, mail, ok, same, wait_until

SENDER = "cntt@so-mau.example.org"
FRIEND = "linh@phuong.example.org"
PARTIES = 'directory = {{ agencies = ( {{ id = "so-mau"; name = "Sở Mẫu"; addresses = [ {1} "{0}" ]; keys = [ "{2}" ]; }} ); }};'


def start(more=""):
	"""A site that knows one agency, by its address and `more`; the people, the agency's key."""
	site = Site()
	persons = people.People(tempfile.mkdtemp(prefix="ungcuu-people-", dir=os.environ.get("TMPDIR", "/tmp")))
	key = persons.key(f"Sở Mẫu <{SENDER}>")
	certify(site, "so-mau.asc", persons.certificate(key))
	site.configure(more=PARTIES.format(SENDER, more, key))
	persons.hotline(site.path("gnupg"), site.fingerprint)
	return site, persons, key


def end(site, persons):
	persons.remove()
	site.close()


def certify(site, name, octets):
	with open(site.path("certificates", name), "wb") as file:
		file.write(octets)


def deliver(site, sender, entity, subject="Báo cáo", **more):
	site.deliver(people.mail(people.fields(sender, subject, **more), entity))


def signatures(site):
	return sorted(ticket["signature"] for ticket in site.tickets())


def answers(site, address):
	"""Template, state and encryption of each answer to this address."""
	rows = site.ctl("queue", "list").get("outgoing", [])
	return [(row["template"], row["state"], row["encrypted"]) for row in rows if row["recipient"] == address]


# ---- what no frame can hold --------------------------------------------------------------------------

site, persons, key = start()
entity = people.text_entity("Máy chủ bị mã hoá.\n")
with open(site.path("long.eml"), "wb") as file:
	file.write(f"From: {'a' * 55000}@so-mau.example.org\n".encode() +
		people.mail(people.fields(SENDER, "Dài", From=None), persons.signed(entity, key)))
with open(site.path("long.eml"), "rb") as file:
	site.deliver(file.read())
deliver(site, SENDER, persons.signed(entity, key))
site.deliver(mail())
same(site.once(seconds=60), 0, "a From address longer than a frame: all is handled")
same(signatures(site), ["good-from-mismatch", "good-trusted", "none"], "it is nobody's")
same(len(site.acks()), 2, "and the mails beside it are answered")
shown = site.ctl("inspect", site.path("long.eml"))
same((shown["exit"], shown.get("signature")), (0, "good-from-mismatch"), "inspect says the same")
site.balanced("balanced", seen=3)
end(site, persons)

many = "".join(f'"lien-he-{i}@{"so-mau." * 20}example.org", ' for i in range(400))
site, persons, key = start(more=many)
deliver(site, SENDER, persons.signed(entity, key))
same((site.once(seconds=60), signatures(site)), (0, ["good-trusted"]), "a party with more addresses than a frame holds")

# ---- keys that come by mail --------------------------------------------------------------------------

friend = persons.key(f"Linh <{FRIEND}>")
revoked = persons.gpg("--dearmor", feed=persons.revoked(friend)).stdout
private = persons.encrypted(people.text_entity("Kín.\n"), [site.fingerprint])
deliver(site, FRIEND, private, Autocrypt=people.autocrypt(persons.certificate(friend, False), FRIEND))
site.once()
deliver(site, FRIEND, private)
site.once()
same(answers(site, FRIEND), [("T01", "sent", True)] * 2, "a key that came by mail encrypts the answers")
deliver(site, FRIEND, private, Autocrypt=people.autocrypt(revoked, FRIEND))
site.once()
deliver(site, FRIEND, private)
site.once()
same(answers(site, FRIEND)[2:], [("T38", "sent", False)] * 2, "revoked, it encrypts nothing any more")

crowd = b"".join(b"%%no-protection\nKey-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519\n"
	b"Name-Email: bao@xa.example.org\n%%commit\n" for _ in range(12))
persons.gpg("--generate-key", feed=crowd)
ring = persons.gpg("--export", "--armor", "=bao@xa.example.org").stdout
deliver(site, "bao@xa.example.org", people.multipart("mixed", entity,
	people.file_entity("keys.asc", ring, "application/pgp-keys")))
site.once()
with sqlite3.connect(site.path("db/ungcuu.db")) as database:
	same(database.execute("SELECT count(*) FROM pin WHERE state <> 'forgotten'").fetchone(), (4,),
		"of an attachment full of keys no more are kept than of a mail")
end(site, persons)

# ---- the folder and its index ------------------------------------------------------------------------

site, persons, key = start()
deliver(site, SENDER, persons.signed(entity, key))
same((site.once(), signatures(site)), (0, ["good-trusted"]), "a registered certificate")
certify(site, "so-mau.asc", persons.certificate(key) + b"\n" * 5000000)
deliver(site, SENDER, persons.signed(entity, key))
same((site.once(), signatures(site)), (0, ["good-trusted", "unverifiable"]),
	"its file became one that is not read: what it said before is no longer believed")
certify(site, "so-mau.asc", persons.certificate(key))
deliver(site, SENDER, persons.signed(entity, key))
same((site.once(), signatures(site)), (0, ["good-trusted"] * 2 + ["unverifiable"]), "and readable again")

index = site.path("db/ungcuu.db.certificates")
with open(index, "rb+") as file:
	pages = bytearray(file.read())
	pages[4096:] = bytes(octet ^ 0x55 for octet in pages[4096:])
	file.seek(0)
	file.write(pages)
deliver(site, SENDER, persons.signed(entity, key))
same((site.once(), signatures(site)), (0, ["good-trusted"] * 3 + ["unverifiable"]),
	"a damaged index is made anew, and nobody has to start the gateway again")
certificate = persons.certificate(key)
for number in range(256):
	certify(site, f"copy{number}.asc", certificate)
site.deliver(mail())
ok(site.daemon_start(), "a folder of many files")
ok(wait_until(lambda: "event=certificates n=" in site.daemon_text(), 120), "is read")
ok(0 < site.daemon_text().find("event=accepted") < site.daemon_text().find("event=certificates n="),
	"and no answer waits until all of it is", site.daemon_text()[-3000:])
same(site.daemon_stop(), 0, "the daemon ends in order")
same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")
site.balanced("balanced: folder and index", seen=5)
end(site, persons)
done()
