# SPDX-License-Identifier: ISC
#
# mailset: what a hotline's mailbox gets in a bad month, about 200 mails of every sort: the corpus of protected
# mails, plain ones in two languages and several charsets, small to 25 MB, machine mail, a copy through an alias,
# and some in Junk.  Each with what must become of it, known from how it was made.

import atexit
import base64
import glob
import json
import os
import quopri
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import people
from flow import HOTLINE, SOURCE, parse, text_of
from people import fields, file_entity, multipart, text_entity

ALIAS = "report@example.vn"
GONE = "gone@reporter.example"		# nobody has this mailbox
BUSY = "later@reporter.example"		# servers.py: never takes a mail now
MB = 1 << 20


@dataclass
class Mail:
	name: str
	raw: bytes			# LF
	sender: str			# of the envelope; "" for a machine
	words: tuple = ("report", "none", "none")	# kind of the ticket, signature, encryption; None: no ticket
	answer: tuple = None		# template, is encrypted, recipient; None: none
	kind: str = "report"		# as the ledger counts it
	folder: str = "INBOX"
	recipients: tuple = (HOTLINE,)
	copies: int = 0			# further ones, which are duplicates
	state: str = "sent"		# of the answer, in the end
	marks: tuple = ()		# words no answer may hold


# ---- the corpus --------------------------------------------------------------------------------------

def corpus(site):
	"""Makes it for this site's hotline and configures its parties; (expected, its People)."""
	folder = site.path("corpus")
	run = subprocess.run([sys.executable, "-B", f"{SOURCE}/tests/corpus/protected/make-protected.py", folder,
		site.path("gnupg"), site.fingerprint], capture_output=True, text=True)
	if run.returncode:
		raise RuntimeError(run.stderr)
	with open(f"{folder}/expected.json", encoding="utf-8") as file:
		expected = json.load(file)
	for path in glob.glob(f"{folder}/certificates/*"):
		shutil.copy(path, site.path("certificates"))
	persons = people.People(f"{folder}/people")
	atexit.register(persons.close)	# if the test ends early
	# What a retired key leaves in the home, with and without its secret.
	for name in ("old", "gone"):
		subprocess.run(["gpg", "--homedir", site.path("gnupg"), "--batch", "--import"],
			input=persons.certificate(expected["keys"][name]), capture_output=True, check=True)
	listed = persons.gpg("--with-colons", "--with-keygrip", "--list-keys", expected["keys"]["old"]).stdout.decode()
	for grip in re.findall(r"^grp:+([0-9A-F]{40}):", listed, re.M):
		shutil.copy(f"{persons.home}/private-keys-v1.d/{grip}.key", site.path("gnupg/private-keys-v1.d"))
	subprocess.run(["gpgconf", "--homedir", site.path("gnupg"), "--kill", "all"], capture_output=True)
	return expected, persons


def configure(site, expected):
	"""The corpus's parties and old keys in the configuration of a site that has its hotline key."""
	listed = ", ".join(f'"{expected["keys"][name]}"' for name in ("gone", "old"))
	site.configure(key=f'{site.fingerprint}"; old_keys = [ {listed} ]; ticket_format = "%i-%y-%06n',
		more=expected["parties"])


def of_corpus(site, expected):
	for name, wanted in expected["mails"].items():
		with open(site.path("corpus", f"{name}.lf.eml"), "rb") as file:
			raw = file.read()
		is_held = wanted["outcome"] == "held"
		kind = "unreadable" if is_held else "report" if wanted["encryption"] in ("none", "decrypted") else "sealed"
		words = ("none", "none") if is_held else (wanted["signature"], wanted["encryption"])
		yield Mail(name, raw, wanted["from"], (kind, *words), wanted["answer"] and tuple(wanted["answer"]),
			kind="held" if is_held else "report")


# ---- plain ones --------------------------------------------------------------------------------------

VIETNAMESE = ("Máy chủ thư điện tử của đơn vị bị mã hoá từ đêm qua.", "Nhận được thư giả mạo ngân hàng, đã có người bấm vào.",
	"Cổng thông tin bị thay đổi giao diện.", "Có lượng truy cập bất thường từ nước ngoài vào hệ thống một cửa.",
	"Tài khoản quản trị đăng nhập lúc nửa đêm, không phải chúng tôi.")
ENGLISH = ("A workstation beacons to an unknown host every minute.", "We found a web shell on the upload server.",
	"Credentials of two staff members are offered for sale.", "The backup host is encrypted, with a ransom note.")


def eight_bit(text, charset="utf-8"):
	return f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + \
		people.canonical(text.encode(charset))


def quoted(text, charset):
	return f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode() + \
		people.canonical(quopri.encodestring(text.encode(charset)))


def in_base64(text):
	return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + \
		people.canonical(base64.encodebytes(text.encode()))


def with_html(text):
	return multipart("alternative", text_entity(text), text_entity(f"<html><body><p>{text}</p></body></html>",
		"text/html; charset=utf-8"))


def only_html(text):
	return text_entity(f"<html><body><p>{text}</p></body></html>", "text/html; charset=utf-8")


def with_file(text):
	return multipart("mixed", text_entity(text), file_entity("nhat-ky.txt", text.encode() * 20, "text/plain"))


SHAPES = (eight_bit, text_entity, in_base64, with_html, only_html, with_file)


def report(name, text, entity, sender, **more):
	subject = f"Báo cáo sự cố {name}" if not text.isascii() else f"Incident report {name}"
	raw = people.mail(fields(sender, subject, name="Người Gửi Thư", message_id=f"{name}.{os.getpid()}@{sender.rpartition('@')[2]}"),
		entity)
	return Mail(name, raw, sender, answer=more.pop("answer", ("T01", False, sender)),
		marks=("Người Gửi Thư", text[:20]), **more)


def plain(n, domain="reporter.example"):
	"""n reports, each of a person of its own."""
	for number in range(n):
		text = (VIETNAMESE + ENGLISH)[number % (len(VIETNAMESE) + len(ENGLISH))] + f"\nLần {number}.\n"
		if number % 9 >= len(VIETNAMESE):
			text = text.replace("Lần", "Case")
		yield report(f"plain-{number}", text, SHAPES[number % len(SHAPES)](text), f"p{number}@{domain}")


def charsets():
	for name, charset, text in (("latin", "iso-8859-1", "Un serveur a été chiffré à midi.\n"),
			("utf16", "utf-16", "Máy chủ bị mã hoá.\n"), ("ascii", "us-ascii", "The server is down.\n")):
		sender = f"{name}@reporter.example"
		yield report(f"charset-{name}", text, quoted(text, charset), sender)


def large():
	for name, size in (("2", 2 * MB), ("8", 8 * MB), ("25", 25 * MB)):
		sender = f"lon{name}@reporter.example"
		data = (b"".join(n.to_bytes(4, "big") for n in range(65536)) * (size // (4 * 65536) + 1))[:size * 74 // 100]
		yield report(f"large-{name}", "Kèm tệp lớn.\n", multipart("mixed", text_entity("Kèm tệp lớn.\n"),
			file_entity("anh-o-dia.bin", data)), sender)


# ---- machines, copies, addresses that take nothing ---------------------------------------------------

def machines():
	def made(name, kind, sender, subject, entity, envelope, **more):
		return Mail(name, people.mail(fields(sender, subject, **more), entity), envelope, None, kind=kind)
	notice = multipart("report; report-type=delivery-status", text_entity("I'm sorry to have to inform you.\n"),
		b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
		b"Final-Recipient: rfc822; xa@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n",
		b"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <x@example.org>\r\nSubject: x\r\n")
	yield made("bounce", "bounce", "mailer-daemon@mx.reporter.example", "Undelivered Mail Returned to Sender", notice, "",
		Auto_Submitted="auto-replied")
	yield made("vacation", "auto-reply", "nghi@reporter.example", "Tự động trả lời: vắng mặt",
		text_entity("Tôi đi vắng đến thứ hai.\n"), "", Auto_Submitted="auto-replied")
	yield made("vacation-older", "auto-reply", "nghi2@reporter.example", "Out of office", text_entity("Away.\n"),
		"nghi2@reporter.example", X_Auto_Response_Suppress="All", Precedence="auto_reply")
	yield made("list", "list", "tin@reporter.example", "Bản tin tuần", text_entity("Bản tin.\n"),
		"tin-bounces@reporter.example", List_Id="<tin.reporter.example>", List_Unsubscribe="<mailto:x@reporter.example>")
	yield made("read-receipt", "receipt", "doc@reporter.example", "Read: x", multipart(
		"report; report-type=disposition-notification", text_entity("Đã đọc.\n"),
		b"Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; doc@reporter.example\r\n"
		b"Disposition: manual-action/MDN-sent-manually; displayed\r\n"), "")


def others():
	text = "Gửi cả hai địa chỉ.\n"
	yield report("both-addresses", text, text_entity(text), "haidiachi@reporter.example", recipients=(HOTLINE, ALIAS),
		copies=1)
	text = "Gửi địa chỉ thứ hai.\n"
	yield report("alias", text, text_entity(text), "mot@reporter.example", recipients=(ALIAS,))
	yield report("gone", "Không có hộp thư.\n", text_entity("Không có hộp thư.\n"), GONE, state="held")
	yield report("busy", "Hộp thư bận.\n", text_entity("Hộp thư bận.\n"), BUSY, state="protected")


# ---- Junk --------------------------------------------------------------------------------------------

def junk(persons, expected, hotline):
	agency, unknown = expected["keys"]["agency"], expected["keys"]["unknown"]
	owner = {name: address for address, name in reversed(expected["owners"].items())}

	def made(name, entity, sender, words, answer):
		raw = people.mail(fields(sender, f"Thư rác {name}", name="Người gửi"), entity)
		return Mail(f"junk-{name}", raw, sender, words, answer, folder="Junk")

	def body(name):
		return text_entity(f"Trong thư mục rác ({name}).\n")
	yield made("plain", body("plain"), "rac@reporter.example", ("report", "none", "none"), None)
	yield made("trusted", persons.signed(body("trusted"), agency), owner["agency"], ("report", "good-trusted", "none"),
		("T01", False, owner["agency"]))
	yield made("unknown-key", persons.signed(body("unknown"), unknown), owner["unknown"],
		("report", "good-unknown-key", "none"), ("T01", False, owner["unknown"]))
	entity = body("bad")
	yield made("bad", people.wrap_signed(people.changed(entity, b"(bad)", b"(BAD)"), persons.detached(entity, agency)),
		owner["agency"], ("report", "bad", "none"), None)
	yield made("mismatch", persons.signed(body("mismatch"), agency), "rac2@reporter.example",
		("report", "good-from-mismatch", "none"), None)
	yield made("encrypted-trusted", persons.encrypted(body("kín"), [hotline], agency), owner["agency"],
		("report", "good-trusted", "decrypted"), ("T01", True, owner["agency"]))
	yield made("encrypted", persons.encrypted(body("kín"), [hotline]), "rac3@reporter.example",
		("report", "none", "decrypted"), None)
	yield made("not-for-us", persons.encrypted(body("kín"), [expected["keys"]["stranger"]]), "rac4@reporter.example",
		("sealed", "none", "not-for-us"), None)


def whole(site, expected, persons, n_plain=80):
	"""All of it, by name."""
	found = [*of_corpus(site, expected), *plain(n_plain), *charsets(), *large(), *machines(), *others(),
		*junk(persons, expected, site.fingerprint)]
	return {mail.name: mail for mail in found}


# ---- what became of them -----------------------------------------------------------------------------

def outgoing(site):
	return site.ctl("queue", "list", "--limit", "500").get("outgoing", [])


def tickets_of(site, names):
	"""name: what ticket show says, by the digest of its first letter; `names` by digest, for mails that came twice
	with all their digests."""
	with ThreadPoolExecutor(3) as pool:
		shown = list(pool.map(lambda ticket: site.ctl("ticket", "show", ticket["id"]), site.tickets()))
	found = {}
	for ticket in shown:
		firsts = [letter["sha256"] for letter in ticket.get("letters", []) if letter["relation"] == "first"]
		name = names.get(firsts[0]) if len(firsts) == 1 else None
		found[f"{name} again" if name in found else name or ticket.get("id")] = ticket
	return found


def words_of(site, tickets):
	"""name: (words of its ticket, its answers)."""
	rows = {}
	for row in outgoing(site):
		rows.setdefault(row["ticket"], []).append((row["template"], row["encrypted"], row["recipient"], row["state"]))
	return {name: ((ticket["kind"], ticket["signature"], ticket["encryption"]), rows.get(ticket["id"], []))
		for name, ticket in tickets.items()}


def expected_words(mails):
	return {mail.name: (mail.words, [(*mail.answer, mail.state)] if mail.answer else [])
		for mail in mails.values() if mail.words}


def expected_counts(mails):
	counts = Counter(mail.kind for mail in mails.values())
	counts["duplicate"] += sum(mail.copies for mail in mails.values())
	return {kind: n for kind, n in sorted(counts.items()) if n}


# ---- our answers, read as their receivers do -----------------------------------------------------------

def ciphertext(raw):
	"""The armoured message of one of our encrypted mails, or None."""
	message = parse(raw)
	parts = list(message.iter_parts()) if message.get_content_type() == "multipart/encrypted" else []
	right = [part.get_content_type() for part in parts] == ["application/pgp-encrypted", "application/octet-stream"] and \
		parts[0].get_payload(decode=True).strip() == b"Version: 1"
	return parts[1].get_payload(decode=True) if right else None


def opened_answer(site, persons, raw, key):
	"""The inner entity of an encrypted answer, or None: decrypted and verified by plain gpg, for this key alone."""
	armoured = ciphertext(raw)
	if armoured is None:
		return None
	plain, signer, named = persons.opened(armoured)
	return plain if signer == site.fingerprint and len(named) == 1 and named[0] in persons.subkeys(key)[1:] else None


def in_clear(raw):
	"""All that anybody on the way can read: the header decoded and the text."""
	message = parse(raw)
	header = "\n".join(f"{name}: {value}" for name, value in message.items())
	return f"{header}\n{text_of(message)}\n{raw.decode(errors='replace')}"
