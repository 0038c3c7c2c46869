# SPDX-License-Identifier: ISC
#
# protected: mail that comes signed, encrypted or both, from the raw bytes to the answer.  Every mail of
# tests/corpus/protected is read by inspect and taken in by the gateway; both must say what is known from how it
# was made.  The answers are opened with the reporters' keys by plain gpg: none of them may show in clear what
# came encrypted, and those to what could not be opened must be one and the same, whatever the cause.

import atexit
import base64
import glob
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import packets
import people
from flow import HOTLINE, SOURCE, Site, done, mail, note, ok, parse, rfc3339, same, text_of, wait_until

SIGNATURES = {"good-trusted", "good-unknown-key", "good-from-mismatch", "good-weak-algo", "expired-at-signing", "revoked",
	"unverifiable", "bad", "partial", "none"}
ENCRYPTIONS = {"decrypted", "not-for-us", "expired-key", "unsupported", "malformed", "none"}
MARKS = ("lúc 9 giờ (", "lúc 8 giờ (", "Báo cáo ", "Incident number", "Người gửi")	# in every mail of the corpus
BARE = "T38"	# the answer without content
AGENCY = "cntt@so-mau.example.org"


def made(site):
	"""The corpus for this site's hotline, its parties configured; (expected, its People)."""
	folder = site.path("corpus")
	run = subprocess.run([sys.executable, "-B", f"{SOURCE}/tests/corpus/protected/make-protected.py", folder,
		site.path("gnupg"), site.fingerprint], capture_output=True, text=True)
	if not ok(run.returncode == 0, "the corpus is made", run.stderr):
		done()
	with open(f"{folder}/expected.json", encoding="utf-8") as file:
		expected = json.load(file)
	for path in glob.glob(f"{folder}/certificates/*"):
		shutil.copy(path, site.path("certificates"))
	for name in ("gone.asc", "old.asc"):	# what a retired key leaves in the home, with and without its secret
		subprocess.run(["gpg", "--homedir", site.path("gnupg"), "--batch", "--import", f"{folder}/{name}"],
			capture_output=True, check=True)
	subprocess.run(["gpgconf", "--homedir", site.path("gnupg"), "--kill", "all"], capture_output=True)
	configure(site, expected["parties"], [expected["keys"][name] for name in ("gone", "old")])
	persons = people.People(f"{folder}/people")
	atexit.register(persons.close)	# if the test ends early
	return expected, persons


def configure(site, parties, old_keys=()):
	site.configure(more=parties)
	with open(site.path("ungcuu.conf"), encoding="utf-8") as file:
		text = file.read()
	key = f'key = "{site.fingerprint}";'
	listed = ", ".join(f'"{old}"' for old in old_keys)
	text = people.changed(text, key, f"{key} old_keys = [ {listed} ];")
	with open(site.path("ungcuu.conf"), "w", encoding="utf-8") as file:
		file.write(text)


def raw_of(site, name, kind="lf"):
	with open(site.path("corpus", f"{name}.{kind}.eml"), "rb") as file:
		return file.read()


def seen(answer, wanted):
	"""What an answer of inspect says, beside what is expected, of everything there is an expectation for."""
	if wanted["outcome"] == "held":
		reason = answer.get("reason") or ""
		return ("held", wanted["reason"] if wanted["reason"] in reason else reason), ("held", wanted["reason"])
	signer = answer.get("signer") or {}
	found = {"outcome": answer.get("outcome"), "signature": answer.get("signature"),
		"encryption": answer.get("encryption"), "fingerprint": signer.get("fingerprint"),
		"party": signer.get("party"), "header_protection": answer.get("header_protection"),
		"from": (answer.get("from") or {}).get("address"), "subject": answer.get("subject"),
		"text": (answer.get("text") or "").strip(), "outside": (answer.get("outside_signature") or "").strip()}
	wanted = {name: wanted[name].strip() if name in ("text", "outside") else wanted[name] for name in found
		if wanted[name] is not None or name in ("fingerprint", "party")}
	return {name: found[name] for name in wanted}, wanted


def inspected(site, expected):
	"""Both line ends of every mail through inspect, some at a time."""
	rows = [(name, kind) for name in expected["mails"] for kind in ("lf", "crlf")]
	with ThreadPoolExecutor(3) as pool:
		answers = list(pool.map(lambda row: site.ctl("inspect", site.path("corpus", "{}.{}.eml".format(*row))), rows))
	words = set(), set()
	for (name, kind), answer in zip(rows, answers):
		found, wanted = seen(answer, expected["mails"][name])
		same((answer["exit"], found), (0, wanted), f"inspect: {name}, {kind.upper()}")
		if answer.get("outcome") == "opened":
			words[0].add(answer.get("signature"))
			words[1].add(answer.get("encryption"))
	same(words, (SIGNATURES, ENCRYPTIONS), "every word of both vocabularies was reached")


# ---- the same through the gateway --------------------------------------------------------------------

def by_mail(site, names):
	"""name: (ticket, its first letter), by the digest of the mail."""
	digests = {hashlib.sha256(raw_of(site, name)).hexdigest(): name for name in names}
	found = {}
	for ticket in site.tickets():
		shown = site.ctl("ticket", "show", ticket["id"])
		letters = shown.get("letters", [])
		if len(letters) == 1 and letters[0]["sha256"] in digests:
			found[digests[letters[0]["sha256"]]] = ticket, letters[0]
	return found


def ticket_kind(wanted):
	if wanted["outcome"] == "held":
		return "unreadable"
	return "report" if wanted["encryption"] in ("none", "decrypted") else "sealed"


def taken_in(site, expected):
	mails = expected["mails"]
	for name in mails:
		site.deliver(raw_of(site, name))
	code = site.once(seconds=600)
	same(code, 1, "--once ends with 1: mails and an answer were held")
	found = by_mail(site, mails)
	same(sorted(set(mails) - set(found)), [], "every mail has a ticket of its own")
	for name, (ticket, letter) in found.items():
		wanted = mails[name]
		words = ("none", "none") if wanted["outcome"] == "held" else (wanted["signature"], wanted["encryption"])
		same((ticket["signature"], ticket["encryption"], ticket["kind"]), (*words, ticket_kind(wanted)),
			f"ticket list: {name}")
		if wanted["outcome"] == "opened" and wanted["text"] is not None:
			same(letter["text"].strip(), wanted["text"].strip(), f"ticket show, text: {name}")
	held = site.ctl("hold", "list", "--limit", "500").get("held", [])
	same(len(held), sum(wanted["outcome"] == "held" for wanted in mails.values()), "no other mail is held")
	site.balanced("balanced: the corpus", seen=len(mails))
	return found


# ---- answers -----------------------------------------------------------------------------------------

def outgoing(site):
	return site.ctl("queue", "list", "--limit", "500").get("outgoing", [])


def dearmoured(armoured):
	lines = armoured.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1].split(b"\n-----END")[0].split(b"\n")
	return base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")))


def ciphertext(raw):
	"""The armoured message of one of our encrypted mails, or None."""
	message = parse(raw)
	parts = list(message.iter_parts()) if message.get_content_type() == "multipart/encrypted" else []
	right = [part.get_content_type() for part in parts] == ["application/pgp-encrypted", "application/octet-stream"] and \
		parts[0].get_payload(decode=True).strip() == b"Version: 1"
	return parts[1].get_payload(decode=True) if right else None


def shown_text(raw):
	"""All that anybody on the way can read: the header decoded and the text."""
	message = parse(raw)
	header = "\n".join(f"{name}: {value}" for name, value in message.items())
	return f"{header}\n{text_of(message)}\n{raw.decode(errors='replace')}"


def opened_answer(site, persons, raw, key):
	"""The inner entity of an encrypted answer, or None: decrypted and verified by plain gpg with this key."""
	armoured = ciphertext(raw)
	if armoured is None:
		return None
	plain, signer, _ = persons.opened(armoured)
	named = packets.recipients(dearmoured(armoured))
	right = signer == site.fingerprint and len(named) == 1 and named[0] in persons.subkeys(key)[1:]
	return plain if right and plain else None


def check_rows(site, expected, found):
	rows = {}
	for row in outgoing(site):
		rows.setdefault(row["ticket"], []).append(row)
	for name, (ticket, _) in found.items():
		answer, of_ticket = expected["mails"][name]["answer"], rows.get(ticket["id"], [])
		same([(row["template"], row["encrypted"], row["recipient"], row["state"]) for row in of_ticket],
			[(*answer, "sent")] if answer else [], f"answered: {name}")
		if expected["mails"][name]["encryption"] != "none" and of_ticket:
			ok(all(row["encrypted"] or row["template"] in ("T03", BARE) for row in of_ticket),
				f"answered by nothing that has content in clear: {name}", of_ticket)
	return rows


def check_answers(site, persons, expected, found, rows):
	"""What left, one by one: signed or encrypted as its row says, by plain gpg, and without a byte of the mail."""
	keys = {address: expected["keys"][name] for address, name in expected["owners"].items()}
	answers = {parse(raw)["Message-ID"].strip("<>"): raw for raw in site.acks_raw()}
	names = {ticket["id"]: name for name, (ticket, _) in found.items()}
	sent = [row for of_ticket in rows.values() for row in of_ticket if row["state"] == "sent"]
	same(sorted(row["message_id"].strip("<>") for row in sent), sorted(answers), "exactly the rows that are sent left")
	for row in sent:
		raw, name = answers.get(row["message_id"].strip("<>"), b""), names.get(row["ticket"], "?")
		if row["encrypted"]:
			key = keys.get(row["recipient"])
			inner = opened_answer(site, persons, raw, key) if key else None
			ok(inner and row["ticket"] in text_of(parse(inner)), f"gpg opens and verifies the answer: {name}",
				raw[:2000])
		else:
			same(site.verify(raw), site.fingerprint, f"gpg verifies the answer: {name}")
		text = shown_text(raw)
		ok(not any(mark in text for mark in MARKS), f"no byte of the sender's in clear: {name}", text[:3000])


def check_encrypted(site, persons, name, raw, key):
	"""One encrypted answer in full."""
	outer = parse(raw)
	match = re.fullmatch(r"\[(NBH-\d{4}-\d{6})\] (\w.*)", outer["Subject"])
	if not ok(match, f"{name}: outside the tag and a word of its kind", outer["Subject"]):
		return None
	ok("Đã tiếp nhận" not in outer["Subject"] and "..." not in outer["Subject"], f"{name}: not the true subject",
		outer["Subject"])
	same((outer["Auto-Submitted"], HOTLINE in outer["From"], outer["Reply-To"]), ("auto-replied", True, None),
		f"{name}: header")
	check_autocrypt(site, persons, name, outer)
	plain = opened_answer(site, persons, raw, key)
	if not ok(plain, f"{name}: gpg decrypts it with the reporter's key alone, signed inside by the hotline", raw[:3000]):
		return None
	ok(plain.isascii() and plain.count(b"\n") == plain.count(b"\r\n"), f"{name}: canonical inside")
	inner = parse(plain)
	same(inner["Content-Type"].params.get("hp"), "cipher", f"{name}: the header is protected inside")
	ok("Đã tiếp nhận" in (inner["Subject"] or "") and match.group(1) in inner["Subject"],
		f"{name}: the true subject inside", inner["Subject"])
	others = ("From", "To", "Date", "Message-ID", "In-Reply-To")
	same([inner[field] for field in others], [outer[field] for field in others], f"{name}: the other fields, too")
	said = dict(value.split(": ", 1) for value in inner.get_all("HP-Outer", []))
	same(str(parse(f"Subject: {said.get('Subject')}\n\n".encode())["Subject"]), outer["Subject"],
		f"{name}: HP-Outer says the outer one")
	first = next(part for part in inner.walk() if part.get_content_type() == "text/plain")
	same((first["Content-Type"].params.get("hp-legacy-display"), first.get_content().splitlines()[0]),
		("1", f"Subject: {inner['Subject']}"), f"{name}: and shown to programs that know nothing of it")
	return match.group(2)


def check_autocrypt(site, persons, name, outer):
	field = str(outer["Autocrypt"] or "")
	packets_of = re.search(r"keydata=([A-Za-z0-9+/= ]+)", field)
	run = persons.gpg("--with-colons", "--show-keys", may_fail=True,
		feed=base64.b64decode(packets_of.group(1).replace(" ", "")) if packets_of else b"")
	ok(f"addr={HOTLINE}" in field and f":{site.fingerprint}:".encode() in run.stdout,
		f"{name}: our certificate comes along", field)


def check_content_free(site, raw):
	"""Signed, and nothing that follows from what was inside."""
	text = text_of(parse(raw))
	ok(site.fingerprint in re.sub(r"\s", "", text) and "+84 000 000 000" in text, f"{BARE} has fingerprint and phone", text)
	for words in ("Chữ ký số của thư đã nhận", "Digital signature of the mail", "Tệp kèm theo", "Attached files",
			"Mã biên nhận", "Receipt code", "SHA-256"):
		ok(words.lower() not in text.lower(), f"{BARE} does not say: {words}", text)


# ---- one answer, whatever the cause ------------------------------------------------------------------

def without_particulars(raw):
	"""The mail with what differs from one to the next taken out."""
	header = [name for name, _ in parse(raw).items()]
	body = text_of(parse(raw))
	body = re.sub(r"(?m)^((?:Mã luồng|Thread code): ).*$", r"\1-", body)
	body = re.sub(r"(?m)^\s*[0-9a-f ]{32,}$", "-", body)
	return header, re.sub(r"[0-9]+", "#", re.sub(r"#+ (?=\w+ #)", "", body))


CAUSES = ("not-for-us", "not-for-us-hidden", "expired-key", "expired-key-and-sender", "unsupported", "malformed-no-mdc",
	"malformed-tampered", "malformed-tampered-aead", "malformed-concatenated", "malformed-no-message", "malformed-armour",
	"layers-not-for-us-inside")


def shape_of(site, ticket):
	"""All that can be seen of the answer before it leaves, and how long after the receipt it is due."""
	letter = site.ctl("ticket", "show", ticket["id"])["letters"][0]
	rows = [row for row in outgoing(site) if row["ticket"] == ticket["id"]]
	if len(rows) != 1 or not rows[0]["next_try"]:
		return rows
	shape = {key: rows[0][key] for key in ("template", "recipient", "state", "attempts", "signed", "encrypted", "reason")}
	shape["due"] = rfc3339(rows[0]["next_try"]) - rfc3339(letter["received"])
	return {**shape, "ticket": (ticket["kind"], ticket["reporter"])}


def check_one_answer():
	site = Site()
	_, persons = made(site)
	ok(site.daemon_start(), "a daemon for what cannot be opened")
	shapes, known = {}, set()
	for name in CAUSES:	# one by one, so that each is on its own clock
		site.deliver(raw_of(site, name))
		new = wait_until(lambda: [ticket for ticket in site.tickets() if ticket["id"] not in known])
		if ok(len(new) == 1, f"taken in: {name}", new):
			known.add(new[0]["id"])
			shapes[name] = shape_of(site, new[0])
	first = shapes.get(CAUSES[0])
	ok(isinstance(first, dict) and first["due"] > 0, "the answer waits, and until when can be seen", first)
	for name in CAUSES[1:]:
		same(shapes.get(name), first, f"queue list: {name} as {CAUSES[0]}")
	ok(wait_until(lambda: len(site.acks()) == len(CAUSES), 90), "all of them leave")
	same(site.daemon_stop(), 0, "the daemon ends in order")
	same([(row["template"], row["state"], row["encrypted"]) for row in outgoing(site)],
		[("T03", "sent", False)] * len(CAUSES), "as T03")
	answers = site.acks_raw()
	for raw in answers:
		same(site.verify(raw), site.fingerprint, f"signed: {parse(raw)['Subject']}")
	for raw in answers[1:]:
		same(without_particulars(raw), without_particulars(answers[0]),
			f"alike but for number, times and digest: {parse(raw)['Subject']}")
	text = text_of(parse(answers[0])) if answers else ""
	ok(site.fingerprint in re.sub(r"\s", "", text) and "+84 000 000 000" in text,
		"with the present key and the phone", text)
	persons.close()
	site.close()


# ---- encryption that fails ---------------------------------------------------------------------------

GOOD_FOR = 14	# seconds; long enough for a busy machine to read the certificate


def check_held():
	"""A certificate that ran out after it was read: the hub's clock, set back, does not know, and gpg refuses."""
	site = Site(hooked=True)
	expected, persons = made(site)
	sender, begin = "vua.het@so-het.example.org", time.time()
	key = persons.key(f"Sở Hết <{sender}>", expires=f"seconds={GOOD_FOR}", made=None)
	parties = expected["parties"].replace("  agencies = (", f'  agencies = ( {{ id = "so-het"; name = "Sở Hết"; '
		f'addresses = [ "{sender}" ]; keys = [ "{key}" ]; }},')
	with open(site.path("certificates", "het.asc"), "wb") as file:
		file.write(persons.certificate(key))
	configure(site, parties)
	site.deliver(people.mail(people.fields(sender, "Báo cáo rõ"), persons.signed(people.text_entity("Thư rõ.\n"), key)))
	same((site.once(), [ticket["signature"] for ticket in site.tickets()]), (0, ["good-trusted"]),
		"a certificate that is good for seconds is read")
	ok(time.time() < begin + GOOD_FOR, "in time", time.time() - begin)
	wait_until(lambda: time.time() > begin + GOOD_FOR + 2)
	site.hooks(f"clock=-{int(1000 * (time.time() - begin - GOOD_FOR / 2))}")
	entity = people.text_entity("Nội dung phải giữ kín.\n")
	site.deliver(people.mail(people.fields(sender, "Báo cáo kín"), persons.encrypted(entity, [site.fingerprint])))
	same(site.once(), 1, "encryption fails: --once ends with 1")
	same(sorted((row["template"], row["recipient"], row["state"], row["encrypted"]) for row in outgoing(site)),
		[("T01", sender, "sent", False), ("T02", sender, "held", False)], "the answer is held")
	same(len(site.acks_raw()), 1, "and never leaves in clear")
	persons.close()
	site.close()


# ---- a key that comes later --------------------------------------------------------------------------

def check_rescue():
	site = Site()
	expected, persons = made(site)
	late = persons.key(f"Hotline <{HOTLINE}>")
	entity = people.text_entity("Máy chủ bị mã hoá, gửi cho khoá chưa nạp.\n")
	site.deliver(people.mail(people.fields(AGENCY, "Báo cáo cần cứu"),
		persons.encrypted(entity, [late], sign=expected["keys"]["agency"])))
	site.once()
	before = site.tickets()
	same([(row["kind"], row["encryption"], row["signature"]) for row in before], [("sealed", "not-for-us", "none")],
		"encrypted to a key of ours that is not here yet")
	same([row["template"] for row in outgoing(site)], ["T03"], "is answered by T03")
	path = site.path("late.asc")
	with open(path, "wb") as file:
		file.write(persons.secret(late))
	imported = site.ctl("key", "import", path)
	same((imported["exit"], imported.get("fingerprint")), (0, late), "key import takes it")
	configure(site, expected["parties"], [late])
	site.once()
	after = site.tickets()
	same([(row["id"], row["kind"], row["encryption"], row["signature"]) for row in after],
		[(row["id"], "report", "decrypted", "good-trusted") for row in before], "and the same ticket is a report")
	letters = site.ctl("ticket", "show", after[0]["id"]).get("letters", []) if after else []
	same([letter["text"].strip() for letter in letters], ["Máy chủ bị mã hoá, gửi cho khoá chưa nạp."], "with its text")
	for row in outgoing(site):
		ok(row["template"] == "T03" or row["encrypted"], "whatever is answered now is encrypted", row)
	texts = [shown_text(raw) for raw in site.acks_raw()]
	ok(not any("khoá chưa nạp" in text or "Báo cáo cần cứu" in text for text in texts), "nothing of it in clear")
	same(site.once(), 0, "and it is done with")
	same(len(site.tickets()), 1, "once")
	site.balanced("balanced: a mail opened later", seen=1)
	persons.close()
	site.close()


# ---- forged in the name of a party -------------------------------------------------------------------

def check_forged(site, found, rows):
	"""T04 goes to the directory's address alone, with nothing of the mail it is about."""
	forged = [row for of_ticket in rows.values() for row in of_ticket if row["template"] == "T04"]
	answers = {parse(raw)["Message-ID"].strip("<>"): raw for raw in site.acks_raw()}
	ok(len(forged) >= 8, "mails in a party's name are there", len(forged))
	for row in forged:
		raw = answers.get(row["message_id"].strip("<>"))
		if raw is None:
			ok(False, "T04 left", row)
			continue
		message = parse(raw)
		same((message["To"], message["In-Reply-To"], message["References"]), (row["recipient"], None, None),
			"T04: to the directory, on no thread")
	receivers = {parse(raw)["To"] for raw in answers.values()}
	told = {row["ticket"] for row in forged if row["recipient"] == AGENCY}
	same([name for name in ("bad-second-address", "mismatch-second-address") if found[name][0]["id"] not in told], [],
		"another address of the party is told through the first")
	ok("ke.gian@xau.example.org" in receivers, "who forges no party's name is answered like anybody")


# ---- all of it ---------------------------------------------------------------------------------------

site = Site()
expected, persons = made(site)
same(site.run("ungcuud", "-f", site.path("ungcuu.conf"), "-n")[0], 0, "the configuration is accepted")
same(({wanted["signature"] for wanted in expected["mails"].values()},
	{wanted["encryption"] for wanted in expected["mails"].values()}), (SIGNATURES, ENCRYPTIONS), "the corpus has every word")
plain = site.path("corpus", "encrypted-trusted.lf.eml")
first = site.ctl("inspect", plain)
same(site.once(), 0, "a first run, which makes the index of certificates")
second = site.ctl("inspect", plain)
same([first.get(key) for key in ("signature", "encryption", "text")], [second.get(key) for key in ("signature", "encryption", "text")],
	"inspect says the same with the daemon's index and without")
inspected(site, expected)
found = taken_in(site, expected)
rows = check_rows(site, expected, found)
check_answers(site, persons, expected, found, rows)
answers = {row["ticket"]: raw for raw in site.acks_raw() for of_ticket in rows.values() for row in of_ticket
	if row["message_id"].strip("<>") == parse(raw)["Message-ID"].strip("<>")}


def answer_to(name):
	ticket = found.get(name, ({"id": None},))[0]["id"]
	if not ok(ticket in answers, f"{name} was answered"):
		return None
	return answers[ticket]


words = set()
for name, key in (("encrypted-trusted", "agency"), ("encrypted-trusted-rsa3072", "isp"),
		("header-cipher-around-signed", "agency"), ("autocrypt", "autocrypt"), ("attached-key", "attached")):
	raw = answer_to(name)
	if raw:
		words.add(check_encrypted(site, persons, name, raw, expected["keys"][key]))
same(len(words), 1, "the word outside is the same for all of its kind")
raw = answer_to("encrypted-stranger")
if raw:
	check_content_free(site, raw)
check_forged(site, found, rows)
site.deliver(mail("Thư sau tất cả.\n", sender="sau@xa.example.org"))
same((site.once(), any("sau@xa.example.org" in ack["To"] for ack in site.acks())), (0, True), "the next mail is handled")
note(f"{len(expected['mails'])} mails")
persons.close()
site.close()
check_one_answer()
check_held()
check_rescue()
done()
