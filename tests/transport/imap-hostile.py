# SPDX-License-Identifier: ISC
#
# imap-hostile: what a broken or hostile IMAP server can say.  Nothing of it may be believed, cost more than the
# deadline, or be answered with a password; each time the same driver, or where the library itself cannot bear
# it the next one, works on with an honest server.

import base64
import hashlib
import re
import ssl
import time

from fetching import Authority, Driver, Fake, PASSWORD, done, folder, ok, same

CAPABILITY = "IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS"
SOON = 20	# seconds, on a busy machine; without a deadline it would be for ever
MAIL = b"Subject: x\r\n\r\nnoi dung\r\n"
driver = Driver()


def answer(talk, line, capability=CAPABILITY):
	"""What an honest server says to the start of a session."""
	words = line.split(b" ", 2)
	verb = words[1].upper() if len(words) > 1 else b""
	if verb == b"CAPABILITY":
		talk.ok(f"* CAPABILITY {capability}\r\n")
	elif verb == b"AUTHENTICATE":
		talk.say("+ \r\n")
		tag = talk.tag
		talk.hear()
		talk.tag = tag
		talk.ok()
	elif verb == b"LIST":
		talk.ok('* LIST (\\HasNoChildren) "." "Done"\r\n')
	elif verb == b"SELECT":
		talk.ok("* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n", b"OK [READ-WRITE] done")
	elif verb == b"LOGOUT":
		talk.ok("* BYE x\r\n")
	else:
		return False
	return True


def item(number, uid, size=len(MAIL), more=""):
	return f'* {number} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE "01-Nov-2026 10:00:00 +0700"{more})\r\n'


def script(verb, reply, capability=CAPABILITY):
	"""A server that is honest but for the answer to one command."""
	def play(talk):
		talk.say("* OK hello\r\n")
		while True:
			line = talk.hear()
			if verb.encode() in line.upper():
				reply(talk, line)
			elif not answer(talk, line, capability):
				uid = int((re.search(rb"UID FETCH (\d+) ", line) or [0, 0])[1])
				if b" FETCH " in line and not uid:
					talk.ok("".join(item(n, n) for n in (1, 2, 3)))
				elif b" FETCH " in line and b"BODY" not in line:
					talk.ok(item(uid, uid))
				elif b" FETCH " in line:
					talk.ok(item(uid, uid, more=f" BODY[] {{{len(MAIL)}}}\r\n").encode()[:-3] + MAIL + b")\r\n")
				else:
					talk.ok()
	return play


def opened(server, patience=2):
	return driver.open(server.port, host="127.0.0.1", tls="none-loopback-only", patience=patience)


def says(reply):
	return lambda talk, line: (talk.ok(reply) if not callable(reply) else reply(talk))


def drip(talk):
	while True:
		talk.say("x")
		time.sleep(0.1)


def flood(data, count=10 ** 9):
	def play(talk):
		for _ in range(count):
			talk.say(data)
	return play


def stall(talk):
	talk.wait_gone()


def cut(data):
	def play(talk):
		talk.say(data.replace("TAG", talk.tag.decode()))
		talk.close()
	return play


def password_was_told(server):
	code = base64.b64encode(b"\0doi-ung-cuu\0" + PASSWORD.encode())
	return any(code in line or b"LOGIN" in line.upper().split(b" ")[1:2] for line in server.heard)


def works_again():
	"""The honest server, after the other one."""
	global driver
	server = Fake(script("XNONE", None))
	if driver.process.poll() is not None:
		driver = Driver()
	result = opened(server)
	taken = driver.take("7.2") if result == "done" else None
	server.close()
	return result == "done" and taken[:2] == ("done", len(MAIL)), (result, taken)


# ---- an honest one first: the tests below break what works --------------------------------------------

good, detail = works_again()
ok(good, "an honest server: works", detail)
honest = Fake(script("XNONE", None))
same(opened(honest), "done", "open")
result, listed, identity, more = driver.list()
same((result, [row[0] for row in listed], identity, more), ("done", ["7.1", "7.2", "7.3"], "7/INBOX", False), "list")
same([row[1] for row in listed], [1793502000000] * 3, "INTERNALDATE with its zone")
ok(password_was_told(honest), "the password goes to it")

# ---- greeting and TLS ------------------------------------------------------------------------------------

GREETINGS = (
	("PREAUTH", cut("* PREAUTH welcome\r\n"), "never: ", "PREAUTH"),
	("PREAUTH that goes on", lambda talk: (talk.say("* PREAUTH hi\r\n"), stall(talk)), "never: ", "PREAUTH"),
	("BYE", cut("* BYE overloaded\r\n"), "later: ", "overloaded"),
	("nothing", stall, "later: ", "not through within 2 s"),
	("the end", lambda talk: None, "later: ", "closed"),
	("half a line", cut("* OK hel"), "later: ", "closed"),
	("another protocol", cut("220 mail ESMTP\r\n"), "later: ", "cannot be understood"),
	("drops", drip, "later: ", "not through within 2 s"),
	("a line without end", flood(b"x" * 65536), "later: ", "bytes in one answer"),
)
for name, play, how, why in GREETINGS:
	server = Fake(play)
	started = time.monotonic()
	result = opened(server)
	took = time.monotonic() - started
	ok(result.startswith(how) and why in result, f"greeting: {name}: {how.strip()} {why}", result)
	ok(took < SOON, f"greeting: {name}: in time", f"{took:.1f} s")
	ok(not password_was_told(server), f"greeting: {name}: no password")
	server.close()

place = folder()
authority = Authority(place, "ca")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("imap"))


def starttls(before_yes=b"", after_yes=b"", inner="IMAP4rev1 AUTH=PLAIN", outer="IMAP4rev1 STARTTLS AUTH=PLAIN"):
	def play(talk):
		talk.say("* OK hello\r\n")
		while True:
			line = talk.hear()
			if b"STARTTLS" in line:
				talk.say(before_yes + talk.tag + b" OK begin\r\n" + after_yes)
				talk.start_tls(context)
				talk.server.heard.append(b"-- TLS --")
				script("XNONE", None, inner)(Inside(talk))
			elif not answer(talk, line, outer):
				talk.ok()
	return play


class Inside:
	"""The same talk under TLS; no second greeting."""

	def __init__(self, talk):
		self.__dict__["talk"] = talk
		self.__dict__["greeted"] = False

	def __getattr__(self, name):
		return getattr(self.talk, name)

	def __setattr__(self, name, value):
		setattr(self.talk, name, value)

	def say(self, data):
		if not self.greeted and data == "* OK hello\r\n":
			self.__dict__["greeted"] = True
			return
		self.talk.say(data)


server = Fake(starttls())
same(driver.open(server.port, tls="starttls", ca=authority.pem, patience=3), "done", "STARTTLS: works")
inside = server.heard[server.heard.index(b"-- TLS --") + 1:]
ok(inside and b"CAPABILITY" in inside[0], "STARTTLS: capabilities are asked again under TLS", inside[:2])
ok(not any(b"AUTHENTICATE" in line for line in server.heard[:server.heard.index(b"-- TLS --")]), "and no login before")
server.close()
ROWS = (
	("clear text behind the yes", starttls(after_yes=b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n2 OK x\r\n"), "never: ", "behind"),
	("not offered", starttls(outer="IMAP4rev1 AUTH=PLAIN"), "never: ", "offers no STARTTLS"),
	("login disabled under TLS", starttls(inner="IMAP4rev1 LOGINDISABLED"), "never: ", "offers none"),
	("a no", script("STARTTLS", lambda talk, line: talk.ok(b"", b"NO not now"), "IMAP4rev1 STARTTLS AUTH=PLAIN"), "later: ",
		"not now"),
	("PREAUTH", cut("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"), "never: ", "PREAUTH"),
	("no TLS after the yes", script("STARTTLS", lambda talk, line: (talk.ok(), time.sleep(0.2), talk.say("* OK still clear\r\n")),
		"IMAP4rev1 STARTTLS"), "later: ", "TLS"),
)
for name, play, how, why in ROWS:
	server = Fake(play)
	result = driver.open(server.port, tls="starttls", ca=authority.pem, patience=3)
	ok(result.startswith(how) and why in result, f"STARTTLS: {name}: {how.strip()} {why}", result)
	ok(not password_was_told(server), f"STARTTLS: {name}: no password", server.heard)
	server.close()

# ---- login -------------------------------------------------------------------------------------------------


def scram(first, last=b"v=AAAA", end=b"OK done"):
	def play(talk, line):
		tag = talk.tag
		talk.say("+ \r\n")
		nonce = re.search(rb"r=(.*)", base64.b64decode(talk.hear())).group(1)
		talk.say(b"+ " + base64.b64encode(first.replace(b"NONCE", nonce)) + b"\r\n")
		heard = talk.hear()
		if heard != b"*" and last:
			talk.say(b"+ " + base64.b64encode(last) + b"\r\n")
			talk.hear()
		talk.tag = tag
		talk.ok(b"", b"BAD cancelled" if heard == b"*" else end)
	return script("AUTHENTICATE SCRAM", play, "IMAP4rev1 AUTH=SCRAM-SHA-256")


GOOD = b"r=NONCEabc,s=" + base64.b64encode(b"salt") + b",i=4096"
ROWS = (
	("a proof that is none", scram(GOOD), "never: ", "does not prove"),
	("no proof, but OK", scram(GOOD, None), "never: ", "does not prove"),
	("our nonce alone", scram(GOOD.replace(b"abc", b"")), "never: ", ""),
	("another nonce", scram(GOOD.replace(b"NONCE", b"stolen")), "never: ", ""),
	("too few rounds", scram(GOOD.replace(b"4096", b"1")), "never: ", ""),
	("too many rounds", scram(GOOD.replace(b"4096", b"4000000000")), "never: ", ""),
	("no salt", scram(GOOD.replace(b"s=", b"t=")), "never: ", ""),
	("busy", script("AUTHENTICATE", lambda talk, line: talk.ok(b"", b"NO [UNAVAILABLE] try later")), "later: ", "UNAVAILABLE"),
	("endless lines", script("AUTHENTICATE", lambda talk, line: flood(b"* OK x\r\n")(talk)), "later: ", ""),
	("BYE", script("AUTHENTICATE", lambda talk, line: cut("* BYE no\r\n")(talk)), "later: ", ""),
)
for name, play, how, why in ROWS:
	server = Fake(play)
	started = time.monotonic()
	result = opened(server, patience=3)
	ok(result.startswith(how) and why in result, f"login: {name}: {how.strip()}", result)
	ok(time.monotonic() - started < SOON, f"login: {name}: in time")
	ok(not any(line.upper().endswith(b"SELECT INBOX") for line in server.heard), f"login: {name}: not gone on")
	server.close()

server = Fake(script("AUTHENTICATE", lambda talk, line: talk.ok(b"", b"NO [AUTHENTICATIONFAILED] wrong")))
result = opened(server)
ok(result.startswith("never: ") and "wrong" in result, "login refused: never", result)
server.close()

# ---- commands ---------------------------------------------------------------------------------------------

STALLS = (("stalls", stall, "not through within 2 s"), ("drips", drip, "not through within 2 s"),
	("sends a line without end", flood(b"x" * 65536), "bytes in one answer"),
	("sends untagged lines without end", flood(b"* 1 EXISTS\r\n" * 4096), "bytes in one answer"),
	("closes", cut(""), "closed"), ("closes within the yes", cut("TAG OK par"), "closed"),
	("says BYE", cut("* BYE going down\r\n"), ""), ("answers another tag", cut("zzz OK done\r\n"), ""),
	("says BAD", lambda talk: talk.ok(b"", b"BAD what?"), ""))
ASKS = (
	("SELECT", lambda: driver.list()[0]),
	("UID FETCH", lambda: driver.take("7.1")[0]),
	("UID MOVE", lambda: driver.settle(["7.1"])[0]),
)
for verb, ask in ASKS:
	for name, play, why in STALLS:
		server = Fake(script(verb, lambda talk, line, play=play: play(talk)))
		opened(server)
		started = time.monotonic()
		result = ask()
		took = time.monotonic() - started
		ok(result.startswith("later: ") and why in result, f"{verb}: the server {name}: later", result)
		ok(took < SOON, f"{verb}: the server {name}: in time", f"{took:.1f} s")
		server.close()
for verb, ask in (("UID FETCH", lambda: driver.take("7.1")[0]), ("FETCH 1:3", lambda: driver.list()[0]),
		("LIST", lambda: "nothing")):
	server = Fake(script(verb, lambda talk, line: talk.ok(item(1, 1) if b"FETCH" in line else
		'* LIST (\\HasNoChildren) "." "Done"\r\n', b"NO not now")))
	opened(server)
	result = ask()
	ok(not result.startswith("dead"), f"{verb}: no after half an answer", result)
	ok(not driver.ask("close")[0].startswith("dead"), f"{verb}: and the driver lives")
	server.close()
ok(driver.process.poll() is None and driver.rss() < 100000, "the same process bore all of it, with little memory",
	(driver.process.poll(), driver.process.poll() is None and driver.rss()))
good, detail = works_again()
ok(good, "and works on", detail)

# ---- lists ------------------------------------------------------------------------------------------------

LISTS = (
	("a UID twice", item(1, 5) + item(2, 5) + item(3, 6), "later: ", "do not ascend"),
	("UID 0", item(1, 0) + item(2, 2) + item(3, 3), "done", None),
	("numbers that were not asked", item(9, 9) + item(1, 1) + item(2, 2) + item(3, 3), "done", ["7.1", "7.2", "7.3"]),
	("news of flags between", "* 2 FETCH (FLAGS (\\Seen))\r\n" + item(1, 1) + item(2, 2) + "* 3 EXISTS\r\n" + item(3, 3),
		"done", ["7.1", "7.2", "7.3"]),
	("a number too large for a UID", item(1, 99999999999) + item(2, 2) + item(3, 3), None, None),
	("a date that is none", item(1, 1).replace("01-Nov-2026", "31-Feb-2026") + item(2, 2) + item(3, 3), "done",
		["7.1", "7.2", "7.3"]),
	("no date", "* 1 FETCH (UID 1 RFC822.SIZE 3)\r\n" + item(2, 2) + item(3, 3), "done", ["7.1", "7.2", "7.3"]),
	("the last two left out", item(1, 1), "done", ["7.1", "7.2", "7.3"]),
)
for name, reply, how, uids in LISTS:
	server = Fake(script("FETCH 1:3", says(reply)))
	opened(server)
	result, listed, _, _ = driver.list()
	if how:
		ok(result.startswith(how), f"list: {name}: {how.strip()}", result)
	if how == "done" and uids:
		same([row[0] for row in listed], uids, f"list: {name}: what is listed")
	ok(not any(row[0] in ("7.0", "7.9") or not re.fullmatch(r"7\.[1-9]\d{0,9}", row[0]) for row in listed),
		f"list: {name}: no uid that is none", listed)
	server.close()
for words in (b"OK done", b"NO one of them is broken"):
	def hides(talk, line, words=words):
		first, last = re.search(rb"FETCH (\d+)(?::(\d+))?", line).groups()
		told = [n for n in range(int(first), int(last or first) + 1) if n != 2 and (not last or words[:2] == b"OK")]
		talk.ok("".join(item(n, n) for n in told), b"OK done" if told else words)
	server = Fake(script(" FETCH ", hides))
	opened(server)
	result, listed, _, _ = driver.list()
	same((result, [row[0] for row in listed], driver.holes), ("done", ["7.1", "7.3"], True),
		f"list: one mail is never told of ({words.decode()}): the others are, and that there is a hole")
	server.close()
server = Fake(script(" FETCH ", says(b"")))
opened(server)
same((driver.list()[:2], driver.holes), (("done", []), True), "list: none is told of: an empty list with holes")
server.close()
server = Fake(script(" FETCH ", lambda talk, line: talk.ok(b"", b"NO not now")))
opened(server)
result = driver.list()[0]
ok(result.startswith("later: ") and "not now" in result, "list: refused: later", result)
server.close()
# CONDSTORE: what has not changed is not listed again.
modseq, count = 12, 3
server = Fake(script("SELECT", lambda talk, line: talk.ok(f"* {count} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n"
	f"* OK [HIGHESTMODSEQ {modseq}] x\r\n", b"OK [READ-WRITE] done"), CAPABILITY + " CONDSTORE"))
opened(server)


def pages():
	"""What lies after 7.3, and whether the server was asked."""
	before = len([line for line in server.heard if b" FETCH " in line])
	result, listed, _, _ = driver.list(after="7.3")
	return result, listed, len([line for line in server.heard if b" FETCH " in line]) > before


same([row[0] for row in driver.list()[1]], ["7.1", "7.2", "7.3"], "CONDSTORE: the list")
same(pages(), ("done", [], False), "CONDSTORE: unchanged: not asked")
modseq = 13
same(pages(), ("done", [], True), "CONDSTORE: changed: asked")
same(pages(), ("done", [], False), "CONDSTORE: and then it is as it was seen")
count = 2
same(pages()[2], True, "CONDSTORE: another count: asked")
same([row[0] for row in driver.list()[1]], ["7.1", "7.2"], "CONDSTORE: from the start: always asked")
ok(any(b"CONDSTORE" in line for line in server.heard), "CONDSTORE: it is asked for")
server.close()
server = Fake(script("SELECT", says("* 3 EXISTS\r\n* OK [UIDVALIDITY 0] x\r\n")))
opened(server)
result = driver.list()[0]
ok(result.startswith("never: ") and "UIDVALIDITY" in result, "list: no UIDVALIDITY: never", result)
server.close()

# ---- mails ------------------------------------------------------------------------------------------------


def body(uid=1, size=None, literal=None, data=MAIL, close=b")\r\n", extra=b""):
	size = len(data) if size is None else size
	literal = len(data) if literal is None else literal
	return (f"* 1 FETCH (UID {uid} RFC822.SIZE {size} BODY[] {{{literal}}}\r\n".encode() + data + close + extra)


HUGE = b"* 1 FETCH (UID 1 RFC822.SIZE 25 BODY[] {4294967294}\r\n" + MAIL
BODIES = (
	("another UID", body(uid=2), "later: "),
	("two mails", body() + body(uid=2), "later: "),
	("the same mail twice", body() + body(), "later: "),
	("no body", b"* 1 FETCH (UID 1 RFC822.SIZE 22)\r\n", "later: "),
	("NIL for a body", b"* 1 FETCH (UID 1 RFC822.SIZE 22 BODY[] NIL)\r\n", "later: "),
	("NIL and no size", b"* 1 FETCH (UID 1 RFC822.SIZE 0 BODY[] NIL)\r\n", "later: "),
	("an empty body", body(size=22, data=b""), "later: "),
	("no UID", b"* 1 FETCH (RFC822.SIZE 22 BODY[] {22}\r\n" + MAIL[:22] + b")\r\n", "later: "),
	("a literal too short", body(literal=5), "later: "),
	("a literal too long", body(literal=len(MAIL) + 40), "later: "),
	("a literal of 4 GB", HUGE, "later: "),
	("a literal that wraps to 5", body(literal=4294967301), "later: "),
	("less than the size told", body(size=len(MAIL) + 10), "later: "),
	("more than the size told", body(size=len(MAIL) - 10), "later: "),
	("a negative literal", body(literal=-1), "later: "),
)
for name, reply, how in BODIES:
	server = Fake(script("BODY.PEEK", says(reply)))
	opened(server)
	driver.list()
	started = time.monotonic()
	result, size, digest, _ = driver.take("7.1")
	ok(result.startswith(how), f"mail: {name}: {how.strip()}", (result, size))
	ok(time.monotonic() - started < SOON, f"mail: {name}: in time")
	server.close()
server = Fake(script("BODY.PEEK", lambda talk, line: (talk.say(body()[:40]), talk.close())))
opened(server)
result = driver.take("7.1")[0]
ok(result.startswith("later: ") and "closed" in result, "mail: the end within a literal: later, at once", result)
server.close()
server = Fake(script("BODY.PEEK", says(b"")))
opened(server)
driver.list()
result = driver.take("7.1")[0]
ok(result.startswith("later: "), "mail: OK with nothing, though it is still there: later", result)
server.close()
server = Fake(script("BODY.PEEK", says(body(size=len(MAIL) + 10))))
opened(server)
driver.list()
results = [driver.take("7.1")[0] for _ in range(2)]
ok(results[0].startswith("later: ") and results[1] == "done", "mail: an inexact size is accepted when it comes again the same",
	results)
ok("event=size-inexact uid=7.1" in driver.log(), "and logged")
server.close()
server = Fake(script("BODY.PEEK", lambda talk, line: talk.say(body(size=100, literal=10 ** 9, data=b"x" * 5000))))
opened(server)
result, size, _, _ = driver.take("7.1", most=1000)
ok(result.startswith(("never: fetch: mail size limit", "later: ")) and size <= 1000,
	"mail: no more than the limit is handed on, whatever size was told", (result, size))
server.close()
server = Fake(script("BODY.PEEK", says(b'* 1 FETCH (UID 1 RFC822.SIZE 11 BODY[] "Subject: xy")\r\n')))
opened(server)
same(driver.take("7.1")[:2], ("done", 11), "mail: a body as a quoted text")
server.close()

# ---- mails in a batch ---------------------------------------------------------------------------------------

TEXTS = {uid: b"Subject: %d\r\n\r\nnoi dung %d\r\n" % (uid, uid) for uid in (1, 2, 3)}


def piece(uid, data=None, size=None):
	data = TEXTS[uid] if data is None else data
	return f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(data) if size is None else size} BODY[] {{{len(data)}}}\r\n".encode() + \
		data + b")\r\n"


def batching(reply):
	"""A server whose answer to several mails at once is this; alone it gives each as it is."""
	def play(talk):
		talk.say("* OK hello\r\n")
		while True:
			line = talk.hear()
			alone = re.search(rb"UID FETCH (\d+) ", line)
			if b"UID FETCH" in line and not alone:
				reply(talk)
			elif alone:
				uid = int(alone[1])
				talk.ok(piece(uid) if b"BODY" in line else item(uid, uid, len(TEXTS[uid])))
			elif not answer(talk, line):
				talk.ok("".join(item(n, n, len(TEXTS[n])) for n in (1, 2, 3)) if b"FETCH" in line else "")
	return play


def asked(server):
	"""(batches, mails asked for alone)"""
	lines = [line for line in server.heard if b"BODY.PEEK" in line]
	alone = [line for line in lines if re.search(rb"UID FETCH \d+ ", line)]
	return len(lines) - len(alone), len(alone)


ALL = b"".join(piece(uid) for uid in (1, 2, 3))
OTHER = b"Subject: 2\r\n\r\nnoi dung X\r\n"
BATCHES = (
	# answer to the batch, how many are asked for alone afterwards
	("as they are", ALL, 0),
	("in another order", piece(3) + piece(1) + piece(2), 0),
	("news of flags between", piece(1) + b"* 2 FETCH (FLAGS (\\Seen))\r\n" + piece(2) + b"* 3 EXISTS\r\n" + piece(3), 0),
	("one is missing", piece(1) + piece(3), 1),
	("nothing at all", b"", 3),
	("one that nobody asked for", ALL + b"* 9 FETCH (UID 9 RFC822.SIZE 2 BODY[] {2}\r\nxy)\r\n", 0),
	("one twice, not the same", ALL + piece(2, OTHER), 1),
	("one three times", ALL + piece(2, OTHER) + piece(2, OTHER), 1),
	("one of another size than listed", piece(1) + piece(2, b"Subject: 2\r\n\r\n") + piece(3), 1),
	("one that is cut", piece(1) + piece(2, b"Subject: 2\r\n\r\n", len(TEXTS[2])) + piece(3), 1),
	("one NIL", piece(1) + b"* 2 FETCH (UID 2 RFC822.SIZE 0 BODY[] NIL)\r\n" + piece(3), 1),
	("one without UID", piece(1) + piece(2).replace(b"UID 2 ", b"") + piece(3), 1),
)
for name, reply, alone in BATCHES:
	server = Fake(batching(lambda talk, reply=reply: talk.ok(reply)))
	opened(server)
	driver.list()
	driver.expect(["7.1", "7.2", "7.3"])
	taken = [driver.take(f"7.{uid}")[:3] for uid in TEXTS]
	same(taken, [("done", len(text), hashlib.sha256(text).hexdigest()) for text in TEXTS.values()],
		f"batch: {name}: each mail is what it is")
	same(asked(server), (1, alone), f"batch: {name}: asked for")
	server.close()
# One that does not come to its end.  The driver is a new one each time: what it learns, it keeps.
for name, play in (("stalls", stall), ("closes in the middle", lambda talk: (talk.say(ALL[:60]), talk.close())),
		("sends without end", flood(b"x" * 65536)), ("says BAD", lambda talk: talk.ok(b"", b"BAD what?")),
		("tells of 4 GB", lambda talk: talk.say(HUGE)), ("says no", lambda talk: talk.ok(b"", b"NO not so many"))):
	server = Fake(batching(play))
	driver.end()
	driver = Driver()
	opened(server)
	driver.list()
	driver.expect(["7.1", "7.2", "7.3"])
	started = time.monotonic()
	result = driver.take("7.1")[0]
	ok(result.startswith("later: ") and time.monotonic() - started < SOON, f"batch: the server {name}: later", result)
	driver.expect(["7.1", "7.2", "7.3"])
	same([driver.take(f"7.{uid}")[:2] for uid in TEXTS], [("done", len(text)) for text in TEXTS.values()],
		f"batch: the server {name}: then they are taken one by one")
	same(asked(server), (1, 3), f"batch: the server {name}: and no batch again")
	ok("event=batch-failed mails=3" in driver.log(), f"batch: the server {name}: logged", driver.log())
	server.close()

# ---- waiting ------------------------------------------------------------------------------------------------

IDLES = CAPABILITY + " IDLE"


def idling(*said, then=b""):
	"""Says this to IDLE, a piece at a time; `then` to DONE, the answer of an honest one if it is empty."""
	def play(talk, line):
		tag = talk.tag
		for words in said:
			talk.say(words.replace(b"TAG", tag) if isinstance(words, bytes) else words)
			time.sleep(0.05)
		if talk.hear() == b"DONE":
			talk.tag = tag
			talk.ok() if not then else then(talk)
	return play


HELLO, NEWS = b"+ idling\r\n", b"* 4 EXISTS\r\n"
WAITS = (
	# what is said, news, how; seconds it waits for news
	("news", idling(HELLO, NEWS), True, "done"),
	("news in one piece with the go-ahead", idling(HELLO + NEWS), True, "done"),
	("news before the go-ahead", idling(NEWS + HELLO), True, "done"),
	("that it is still here, then news", idling(HELLO, b"* OK Still here\r\n", b"* OK Still here\r\n", NEWS), True, "done"),
	("nothing", idling(HELLO), False, "done"),
	("that it is still here", idling(HELLO, b"* OK Still here\r\n"), False, "done"),
	("news, and more with its answer", idling(HELLO, NEWS, then=lambda talk: talk.ok("* 5 EXISTS\r\n")), True, "done"),
	("no", idling(b"TAG NO not now\r\n"), None, "later: "),
	("BAD", idling(b"TAG BAD what?\r\n"), None, "later: "),
	("OK without being asked", idling(HELLO, b"TAG OK done\r\n"), None, "later: "),
	("BYE", idling(HELLO, b"* BYE going down\r\n"), None, "later: "),
	("half a line", idling(HELLO, b"* 4 EXI"), None, "later: "),
	("a second go-ahead", idling(HELLO, HELLO), None, "later: "),
	("nothing to DONE", idling(HELLO, NEWS, then=stall), None, "later: "),
	("nothing at all", lambda talk, line: stall(talk), None, "later: "),
	("a drip", lambda talk, line: drip(talk), None, "later: "),
	("lines without end", lambda talk, line: flood(NEWS * 4096)(talk), None, "later: "),
	("a line without end", lambda talk, line: (talk.say(HELLO), flood(b"* 4" + b"x" * 65536)(talk)), None, "later: "),
	("that it is still here, without end", lambda talk, line: (talk.say(HELLO), flood(b"* OK Still here\r\n" * 999)(talk)),
		None, None),
	("nothing and goes", lambda talk, line: (talk.say(HELLO), talk.close()), None, "later: "),
)
for name, play, news, how in WAITS:
	server = Fake(script("IDLE", play, IDLES))
	opened(server)
	driver.list()
	started = time.monotonic()
	result, told = driver.wait(2)
	ok(how is None or result.startswith(how), f"IDLE: the server says {name}: {how}", result)
	ok(news is None or told == news, f"IDLE: the server says {name}: news: {news}", told)
	ok(time.monotonic() - started < SOON, f"IDLE: the server says {name}: in time", time.monotonic() - started)
	server.close()
	good = how == "done" or works_again()
	ok(good is True or good[0], f"IDLE: the server says {name}: and the driver works on", good)
server = Fake(script("IDLE", idling(HELLO)))
opened(server)
ok(driver.wait(60)[0].startswith("never: "), "IDLE is not offered: never")
server.close()

# ---- room ---------------------------------------------------------------------------------------------------

ROOMS = (
	("a quota", '* QUOTA "" (STORAGE 10 512)\r\n', ("done", 10240, 524288)),
	("two roots: the fuller one", '* QUOTA "" (STORAGE 10 512)\r\n* QUOTA "b" (MESSAGE 1 9 STORAGE 500 512)\r\n',
		("done", 512000, 524288)),
	("no limit", '* QUOTA "" (STORAGE 10 0)\r\n', ("done", 66, 0)),
	("no resource", '* QUOTA "" ()\r\n', ("done", 66, 0)),
	("only a count", '* QUOTA "" (MESSAGE 3 1000)\r\n', ("done", 66, 0)),
	("nothing", "", ("done", 66, 0)),
)
for name, reply, expected in ROOMS:
	server = Fake(script("GETQUOTAROOT", says('* QUOTAROOT INBOX ""\r\n' + reply), CAPABILITY + " QUOTA"))
	opened(server)
	result, lines = driver.ask("room")
	facts = dict(line.split("\t") for line in lines)
	# The three mails of INBOX and of Done, where they are added up.
	found = (result, int(facts["used"]), int(facts["limit"]))
	same(found, expected if expected[2] else ("done", 6 * len(MAIL), 0), f"room: the server says {name}")
	server.close()
for name, play in (("no", lambda talk, line: talk.ok(b"", b"NO not you")), ("nothing at all", lambda talk, line: stall(talk)),
		("nonsense", says('* QUOTA "" (STORAGE -1 x)\r\n'))):
	server = Fake(script("GETQUOTAROOT", play, CAPABILITY + " QUOTA"))
	opened(server)
	result = driver.ask("room")[0]
	ok(result.startswith("later: "), f"room: the server says {name}: later", result)
	server.close()

# ---- moves ------------------------------------------------------------------------------------------------


def copyuid(codes, still=()):
	"""MOVE answers with these codes; then these are still there."""
	def play(talk):
		talk.say("* OK hello\r\n")
		moved = False
		while True:
			line = talk.hear()
			if b"UID MOVE" in line:
				talk.ok("".join(f"* OK [COPYUID {code}] x\r\n" for code in codes))
				moved = True
			elif b"UID FETCH" in line and moved:
				talk.ok("".join(f"* {n} FETCH (UID {n} RFC822.SIZE 5)\r\n" for n in still))
			elif not answer(talk, line):
				talk.ok("".join(item(n, n) for n in (1, 2, 3)))
	return play


MOVES = (
	("all", ["9 1:3 11:13"], (), "done", ["done 9.11", "done 9.12", "done 9.13"]),
	("two codes", ["9 1 11", "9 2:3 12:13"], (), "done", ["done 9.11", "done 9.12", "done 9.13"]),
	("ranges the other way round", ["9 3:1 13:11"], (), "done", ["done 9.11", "done 9.12", "done 9.13"]),
	("one only", ["9 2 12"], (1,), "done", ["later -", "done 9.12", "never -"]),
	("none, all still there", [], (1, 2, 3), "done", ["later -"] * 3),
	("none, all gone", [], (), "done", ["never -"] * 3),
	("told moved, still there", ["9 1:3 11:13"], (2,), "done", ["done 9.11", "later -", "done 9.13"]),
	("a mail that was not asked", ["9 1:4 11:14"], (), "later: ", None),
	("counts that differ", ["9 1:3 11:12"], (), "later: ", None),
	("a range of 4 billion", ["9 1:4294967295 1:4294967295"], (), "later: ", None),
	("no UIDVALIDITY", ["0 1:3 11:13"], (), "later: ", None),
)
for name, codes, still, how, rows in MOVES:
	server = Fake(copyuid(codes, still))
	opened(server)
	started = time.monotonic()
	result, moved = driver.settle(["7.1", "7.2", "7.3"])
	ok(result.startswith(how), f"move: {name}: {how.strip()}", result)
	if rows:
		same([f"{row[1]} {row[4]}" for row in moved], rows, f"move: {name}: one by one")
	ok(time.monotonic() - started < SOON, f"move: {name}: in time")
	server.close()
for words, how in ((b"NO [OVERQUOTA] full", "later: "), (b"NO [TRYCREATE] no such", "later: ")):
	server = Fake(script("UID MOVE", lambda talk, line, words=words: talk.ok(b"", words)))
	opened(server)
	result = driver.settle(["7.1"])[0]
	ok(result.startswith(how), f"move: {words.decode()}: {how.strip()}", result)
	server.close()


def copies(talk, line):
	"""Copies, but does not remove at the first time."""
	if b"UID COPY" in line:
		talk.ok("", b"OK [COPYUID 9 1 11] x")
	elif len([heard for heard in talk.server.heard if b"UID EXPUNGE" in heard]) < 2:
		talk.ok("", b"NO not now")
	else:
		talk.ok()


def copying(talk):
	talk.say("* OK hello\r\n")
	while True:
		line = talk.hear()
		gone = len([heard for heard in talk.server.heard if b"UID EXPUNGE" in heard]) > 1
		if b"UID COPY" in line or b"EXPUNGE" in line:
			copies(talk, line)
		elif not answer(talk, line, "IMAP4rev1 AUTH=PLAIN UIDPLUS"):
			talk.ok("" if gone or b"UID FETCH" not in line else "* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n")


server = Fake(copying)
opened(server)
result = driver.settle(["7.1"])[0]
ok(result.startswith("later: ") and "not now" in result, "copy: the original cannot be removed: later", result)
result, moved = driver.settle(["7.1"])
same((result, moved), ("done", [["7.1", "done", "-", "9/Done", "9.11"]]), "copy: then it can: done")
same(len([line for line in server.heard if b"UID COPY" in line]), 1, "copy: not copied twice")
ok(not any(re.search(rb"^\d+ EXPUNGE", line) for line in server.heard), "copy: never a plain EXPUNGE")
server.close()
# Two folders made in the same second have the same UIDVALIDITY, and mails of the same UID.
server = Fake(copying)
opened(server)
driver.settle(["7.1"])
driver.settle(["7.1"])
driver.settle(["7.1"], "Junk")
same(len([line for line in server.heard if b"UID COPY" in line]), 2, "copy: a mail of another folder is copied, too")
server.close()
server = Fake(script("FETCH 1:3", lambda talk, line: talk.ok("".join(item(n, n, 5000000) for n in (1, 2, 3)))))
opened(server)
driver.list()
same(driver.take("7.1", "Junk", 1000)[:2], ("done", len(MAIL)), "mail: its size is not that of another folder's")
server.close()
server = Fake(script("SELECT", lambda talk, line: talk.ok("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n", b"OK [READ-ONLY] x")))
opened(server)
result = driver.settle(["7.1"])[0]
ok(result.startswith("never: ") and "read-only" in result, "move: out of a read-only folder: never", result)
ok(any("read-only" in line for line in driver.ask("check")[1]), "and check says so")
server.close()

# ---- what the library itself cannot bear ------------------------------------------------------------------

for name, verb, reply in (
		("nested parentheses", "FETCH 1:3", b"* 1 FETCH (X " + b"(" * 200000),
		("nested parentheses in a capability", "CAPABILITY", b"* X " + b"(" * 200000),
		("a yes without capabilities", "CAPABILITY", b"")):
	server = Fake(script(verb, lambda talk, line, reply=reply: talk.ok(reply)))
	result = opened(server)
	if result == "done":
		result = driver.list()[0]
	ok(result.startswith("later: ") or result in ("dead -11", "dead 1"), f"{name}: ends this process at most", result)
	good, detail = works_again()
	ok(good, f"{name}: the next one works", detail)
	server.close()
for name in ("list", "folders"):
	server = Fake(script("LIST", lambda talk, line: talk.ok(
		b'* LIST () "." Done\r\n' + b"".join(b'* LIST () "." "f%d"\r\n' % n for n in range(30000)))))
	if opened(server, patience=20) == "done":
		if name == "folders":
			count = len(driver.ask("folders")[1])
			ok(count == 10001, "a list of folders without end is cut at its limit", count)
	server.close()
same(driver.end(), 0, "the last driver ended well")
done()
