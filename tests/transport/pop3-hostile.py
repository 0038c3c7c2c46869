# SPDX-License-Identifier: ISC
#
# pop3-hostile: what a broken or hostile POP3 server can say.  Nothing of it may be believed, cost more than the
# deadline, lose a mail or have one removed that was not to be, or be answered with a password; each time the same
# driver works on with an honest server.

import base64
import hashlib
import re
import ssl
import time

from fetching import Authority, Driver, Fake, PASSWORD, done, folder, ok, same

CAPA = "USER\r\nSASL PLAIN\r\nTOP\r\nUIDL\r\nRESP-CODES"
SOON = 20	# seconds, on a busy machine; without a deadline it would be for ever
MAIL = b"Received: by mx; Mon, 2 Nov 2026 10:00:00 +0700\r\nSubject: x\r\n\r\n.noi dung\r\n"
AT = 1793588400000
driver = Driver("pop3")


def lines(text):
	return text if isinstance(text, bytes) else text.encode()


def stuffed(raw):
	return re.sub(rb"(?m)^\.", b"..", raw)


class Drop:
	"""An honest server but for the answers in `odd`: {first word(s) of a command: octets, or a function of talk and line}."""

	def __init__(self, mails=(MAIL,) * 3, capa=CAPA, odd=None, uids=None):
		self.mails, self.capa, self.odd = list(mails), capa, odd or {}
		self.uids = uids or [f"uid-{n}" for n in range(1, len(self.mails) + 1)]
		self.removed, self.quits = [], 0

	def __call__(self, talk):
		if self.answer_oddly(talk, b"greeting") is None:
			talk.say("+OK hello\r\n")
		self.serve(talk)

	def answer_oddly(self, talk, line):
		for words, reply in self.odd.items():
			if line.upper().startswith(words.upper().encode()):
				if callable(reply):
					return reply(talk, line)
				talk.say(lines(reply))
				return True
		return None

	def serve(self, talk):
		marked = []
		while True:
			line = talk.hear()
			if line.upper() == b"QUIT":	# before the client hears of it
				self.removed += marked
				self.quits += 1
			if self.answer_oddly(talk, line) is None:
				self.answer(talk, line, marked)
			if line.upper() == b"QUIT":
				return

	def answer(self, talk, line, marked):
		words = line.split(b" ")
		verb, n = words[0].upper(), int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
		if verb == b"CAPA":
			talk.say(f"+OK\r\n{self.capa}\r\n.\r\n" if self.capa else "-ERR what?\r\n")
		elif verb == b"AUTH":
			talk.say("+ \r\n")
			talk.hear()
			talk.say("+OK\r\n")
		elif verb == b"STAT":
			talk.say(f"+OK {len(self.mails)} {sum(map(len, self.mails))}\r\n")
		elif verb == b"UIDL":
			talk.say("+OK\r\n" + "".join(f"{n} {uid}\r\n" for n, uid in enumerate(self.uids, 1)) + ".\r\n")
		elif verb == b"LIST":
			talk.say("+OK\r\n" + "".join(f"{n} {len(raw)}\r\n" for n, raw in enumerate(self.mails, 1)) + ".\r\n")
		elif verb in (b"RETR", b"TOP"):
			raw = self.mails[n - 1]
			talk.say(b"+OK\r\n" + stuffed(raw if verb == b"RETR" else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n") + b".\r\n")
		elif verb == b"DELE":
			marked.append(n)
			talk.say("+OK marked\r\n")
		else:
			talk.say("+OK\r\n")


def opened(server, patience=1, **settings):
	return driver.open(server.port, host="127.0.0.1", tls=settings.pop("tls", "none-loopback-only"), patience=patience, **settings)


def drip(talk, line=None):
	while True:
		talk.say("x")
		time.sleep(0.1)


def flood(data, first=b""):
	def play(talk, line=None):
		talk.say(first)
		while True:
			talk.say(data)
	return play


def stall(talk, line=None):
	talk.wait_gone()


def cut(data):
	def play(talk, line=None):
		talk.say(data)
		talk.close()
		return True
	return play


def password_was_told(server):
	code = base64.b64encode(b"\0doi-ung-cuu\0" + PASSWORD.encode())
	return any(code in line or line.upper().startswith(b"PASS") for line in server.heard)


def uids():
	result, rows, identity, more = driver.list()
	return [row[0] for row in rows] if (result, more) == ("done", False) else result


def works_again(name):
	server = Fake(Drop())
	result = opened(server)
	found = (result, uids(), driver.take("uid-2")[:2], driver.date("uid-2"))
	server.close()
	ok(found == ("done", ["uid-1", "uid-2", "uid-3"], ("done", len(MAIL)), ("done", AT)) and driver.process.poll() is None,
		f"{name}: an honest server afterwards works", found)


# ---- an honest one first: the tests below break what works --------------------------------------------

works_again("at the start")
drop = Drop()
honest = Fake(drop)
same(opened(honest), "done", "open")
same(uids(), ["uid-1", "uid-2", "uid-3"], "list")
same(driver.take("uid-1")[2], hashlib.sha256(MAIL).hexdigest(), "a mail, byte for byte")
same(driver.settle(["uid-3", "uid-1"]), ("done", [["uid-3", "done", "-", "-", "-"], ["uid-1", "done", "-", "-", "-"]]), "remove")
same((drop.removed, drop.quits), ([3, 1], 1), "those, and by QUIT")
ok(password_was_told(honest), "the password goes to it")
ok(not any(line.upper().startswith(b"APOP") for line in honest.heard), "APOP is not used")
same(honest.talks, 1, "all in one session")
honest.close()

# ---- greeting, TLS ---------------------------------------------------------------------------------------

GREETINGS = (
	("a no", cut("-ERR go away\r\n"), "later: ", "go away"),
	("nothing", stall, "later: ", "not through within 1 s"),
	("the end", cut(""), "later: ", "closed"),
	("half a line", cut("+OK hel"), "later: ", "closed"),
	("another protocol", cut("220 mail ESMTP\r\n"), "later: ", "cannot be understood"),
	("a continuation", cut("+ go on\r\n"), "later: ", "cannot be understood"),
	("a NUL", cut(b"+OK \0\r\n"), "later: ", "NUL"),
	("drops", drip, "later: ", ""),
	("a line without end", flood(b"x" * 65536), "later: ", "too long"),
)
for name, play, how, why in GREETINGS:
	server = Fake(Drop(odd={"greeting": play}))
	started = time.monotonic()
	result = opened(server)
	took = time.monotonic() - started
	ok(result.startswith(how) and why in result, f"greeting: {name}: {how.strip()} {why}", result)
	ok(took < SOON and not password_was_told(server), f"greeting: {name}: in time, and no password", f"{took:.1f} s")
	server.close()

place = folder()
authority = Authority(place, "ca")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("pop3"))


def stls(behind=b"", inner=CAPA):
	def play(talk, line):
		talk.say(b"+OK begin\r\n" + behind)
		talk.start_tls(context)
		talk.server.heard.append(b"-- TLS --")
		Drop(capa=inner).serve(talk)
	return play


OFFER = "SASL PLAIN\r\nSTLS"
server = Fake(Drop(capa=OFFER, odd={"STLS": stls()}))
same(opened(server, tls="starttls", ca=authority.pem), "done", "STLS: works")
inside = server.heard[server.heard.index(b"-- TLS --") + 1:]
ok(inside[0] == b"CAPA", "STLS: capabilities are asked again under TLS", inside)
same([line for line in server.heard[:server.heard.index(b"-- TLS --")]], [b"CAPA", b"STLS"], "STLS: and nothing else before")
server.close()
ROWS = (
	("clear text behind the yes", Drop(capa=OFFER, odd={"STLS": stls(b"+OK\r\nSASL PLAIN\r\n.\r\n")}), "never: ", "behind"),
	("not offered", Drop(), "never: ", "offers no STLS"),
	("no CAPA", Drop(capa=None), "never: ", "offers no STLS"),
	("no way to log in under TLS", Drop(capa=OFFER, odd={"STLS": stls(inner="TOP")}), "never: ", "offers none"),
	("a no", Drop(capa=OFFER, odd={"STLS": "-ERR not now\r\n"}), "later: ", "not now"),
	("no TLS after the yes", Drop(capa=OFFER, odd={"STLS": lambda talk, line: (talk.say("+OK\r\n"), time.sleep(0.2),
		talk.say("+OK still clear\r\n"))}), "later: ", "TLS"),
)
for name, drop, how, why in ROWS:
	server = Fake(drop)
	result = opened(server, tls="starttls", ca=authority.pem)
	ok(result.startswith(how) and why in result, f"STLS: {name}: {how.strip()} {why}", result)
	ok(not password_was_told(server), f"STLS: {name}: no password", server.heard)
	server.close()

# ---- login -------------------------------------------------------------------------------------------------


def scram(first, last=b"v=AAAA", end=b"+OK done\r\n"):
	def play(talk, line):
		talk.say("+ \r\n")
		nonce = re.search(rb"r=(.*)", base64.b64decode(talk.hear())).group(1)
		talk.say(b"+ " + base64.b64encode(first.replace(b"NONCE", nonce)) + b"\r\n")
		talk.hear()
		if last:
			talk.say(b"+ " + base64.b64encode(last) + b"\r\n")
			talk.hear()
		talk.say(end)
		return True
	return Drop(capa="SASL SCRAM-SHA-256", odd={"AUTH": play})


GOOD = b"r=NONCEabc,s=" + base64.b64encode(b"salt") + b",i=4096"
ROWS = (
	("SCRAM: a proof that is none", scram(GOOD), "never: ", "does not prove"),
	("SCRAM: no proof, but OK", scram(GOOD, None), "never: ", "does not prove"),
	("SCRAM: another nonce", scram(GOOD.replace(b"NONCE", b"stolen")), "never: ", "SCRAM"),
	("SCRAM: too many rounds", scram(GOOD.replace(b"4096", b"4000000000")), "never: ", "SCRAM"),
	("in use", Drop(odd={"AUTH": "-ERR [IN-USE] locked\r\n"}), "later: ", "IN-USE"),
	("too soon", Drop(odd={"AUTH": "-ERR [LOGIN-DELAY] wait\r\n"}), "later: ", "LOGIN-DELAY"),
	("trouble", Drop(odd={"AUTH": "-ERR [SYS/TEMP] disk\r\n"}), "later: ", "SYS/TEMP"),
	("trouble for good", Drop(odd={"AUTH": "-ERR [SYS/PERM] no such\r\n"}), "never: ", "SYS/PERM"),
	("in use, said to PASS", Drop(capa="USER", odd={"PASS": "-ERR [in-use] locked\r\n"}), "later: ", "in-use"),
	("continuations without end", Drop(odd={"AUTH": flood(b"+ \r\n")}), "later: ", ""),
	("the end", Drop(odd={"AUTH": cut("")}), "later: ", "closed"),
	("a way that is not there", Drop(capa="SASL KERBEROS"), "never: ", "offers none"),
)
for name, drop, how, why in ROWS:
	server = Fake(drop)
	started = time.monotonic()
	result = opened(server)
	ok(result.startswith(how) and why in result and "not tried again" not in result, f"login: {name}: {how.strip()}", result)
	ok(time.monotonic() - started < SOON and b"STAT" not in server.heard, f"login: {name}: in time, and not gone on")
	server.close()
for name, code in (("AUTH", "[AUTH] wrong"), ("no code", "wrong password")):
	server = Fake(Drop(odd={"AUTH": f"-ERR {code}\r\n"}))
	result, again = opened(server), opened(server)
	ok(result.startswith("never: ") and "login refused" in result and "wrong" in result, f"login refused, {name}: never", result)
	ok(again.startswith("never: ") and "not tried again for 300 s" in again and server.talks == 1,
		f"login refused, {name}: not tried again", (again, server.talks))
	server.close()
for name, capa in (("no CAPA", None), ("USER alone", "USER")):
	server = Fake(Drop(capa=capa))
	same(opened(server), "done", f"login: {name}: by USER and PASS")
	ok(b"PASS " + PASSWORD.encode() in server.heard, f"login: {name}: the password as it is", server.heard)
	server.close()

# ---- commands ---------------------------------------------------------------------------------------------

STALLS = (("stalls", stall, "not through within 1 s"), ("drips", drip, ""), ("sends a line without end", flood(b"x" * 65536), ""),
	("sends lines without end", flood(b"9 x\r\n" * 4096, b"+OK\r\n"), ""), ("closes", cut(""), "closed"),
	("closes within the yes", cut("+O"), "closed"), ("closes behind the yes", cut("+OK\r\n"), "closed"))
for verb, ask in (("CAPA", None), ("STAT", None), ("UIDL", None), ("LIST", None), ("TOP", lambda: driver.date("uid-1")[0]),
		("RETR", lambda: driver.take("uid-1", most=1000000)[0]), ("DELE", lambda: driver.settle(["uid-1"])[0]),
		("QUIT", lambda: driver.settle(["uid-1"])[0])):
	for name, play, why in STALLS:
		if verb in ("STAT", "DELE", "QUIT") and ("without end" in name and "lines" in name or "behind" in name):
			continue	# said yes in one line, and that was all
		drop = Drop(odd={verb: play})
		server = Fake(drop)
		started = time.monotonic()
		result = opened(server)
		if ask:
			same((result, len(uids())), ("done", 3), f"{verb}: up to there all is well")
			result = ask()
		took = time.monotonic() - started
		refused = "never: fetch: mail size limit" if verb == "RETR" and "lines" in name else "later: "
		ok(result.startswith(refused) and why in result, f"{verb}: the server {name}: {refused.strip()}", result)
		ok(took < SOON and drop.removed == ([] if verb != "QUIT" else drop.removed), f"{verb}: the server {name}: in time, nothing removed",
			f"{took:.1f} s")
		server.close()
ok(driver.process.poll() is None and driver.rss() < 60000, "the same process bore all of it, with little memory",
	(driver.process.poll(), driver.process.poll() is None and driver.rss()))
works_again("commands")

# ---- lists ------------------------------------------------------------------------------------------------

LISTS = (
	("a uid twice", {"UIDL": "+OK\r\n1 a\r\n2 b\r\n3 a\r\n.\r\n"}, ["b"], "another mail"),
	("a uid three times", {"UIDL": "+OK\r\n1 a\r\n2 a\r\n3 a\r\n.\r\n"}, [], "another mail"),
	("a missing number", {"UIDL": "+OK\r\n1 a\r\n3 c\r\n.\r\n"}, ["a", "c"], "has none"),
	("an empty uid", {"UIDL": "+OK\r\n1 a\r\n2 \r\n3 c\r\n.\r\n"}, ["a", "c"], "empty"),
	("a control character", {"UIDL": b"+OK\r\n1 a\r\n2 b\x07\r\n3 c\r\n.\r\n"}, ["a", "c"], "character"),
	("8 bit", {"UIDL": b"+OK\r\n1 a\r\n2 b\xff\r\n3 c\r\n.\r\n"}, ["a", "c"], "character"),
	("a blank within", {"UIDL": "+OK\r\n1 a\r\n2 b b\r\n3 c\r\n.\r\n"}, ["a", "c"], "character"),
	("71 characters", {"UIDL": f"+OK\r\n1 a\r\n2 {'b' * 71}\r\n3 c\r\n.\r\n"}, ["a", "c"], "more than 70"),
	("a mark of ours", {"UIDL": "+OK\r\n1 a\r\n2 a,ungcuu-2\r\n3 c\r\n.\r\n"}, ["a", "c"], "ours"),
	("the last one", {"UIDL": "+OK\r\n1 a\r\n2 b\r\n3 b\x7f\r\n.\r\n"}, ["a", "b"], "character"),
)
for name, odd, expected, why in LISTS:
	server = Fake(Drop(odd=odd))
	opened(server)
	result, rows, _, more = driver.list()
	found = [row[0] for row in rows]
	if more:	# the fault comes behind the last of the others
		result = driver.list(after=found[-1])[0]
	ok(found == expected and result.startswith("never: ") and why in result, f"UIDL: {name}: the others are listed, then never", (found, result))
	ok("stay untaken" in result, f"UIDL: {name}: and says what it means", result)
	lines_ = driver.ask("check")[1]
	ok(any(line.startswith("fail: maildrop: ") and why in line for line in lines_), f"UIDL: {name}: check says so", lines_)
	server.close()
ODD = (
	("number 0", {"UIDL": "+OK\r\n0 a\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n"}, "later: "),
	("a number that is not there", {"UIDL": "+OK\r\n1 a\r\n2 b\r\n4000000000 c\r\n.\r\n"}, "later: "),
	("a number twice", {"UIDL": "+OK\r\n1 a\r\n1 b\r\n3 c\r\n.\r\n"}, "later: "),
	("no number", {"UIDL": "+OK\r\nabc\r\n.\r\n"}, "later: "),
	("not there", {"UIDL": "-ERR what?\r\n"}, "never: "),
	("trouble", {"UIDL": "-ERR [SYS/TEMP] disk\r\n"}, "later: "),
	("STAT without numbers", {"STAT": "+OK many\r\n"}, "later: "),
	("STAT of 4 billion", {"STAT": "+OK 4000000000 1\r\n"}, "never: "),
	("STAT of more than there are", {"STAT": "+OK 400000 1\r\n"}, "done"),
	("LIST refused", {"LIST": "-ERR no\r\n"}, "later: "),
)
for name, odd, how in ODD:
	server = Fake(Drop(odd=odd))
	started = time.monotonic()
	result = opened(server)
	ok(result.startswith(how), f"UIDL: {name}: {how.strip()}", result)
	ok(time.monotonic() - started < SOON, f"UIDL: {name}: in time")
	server.close()
SIZES = (
	("numbers 0 and 9", "+OK\r\n0 5\r\n9 5\r\n1 10\r\n.\r\n"), ("none", "+OK\r\n.\r\n"),
	("words", "+OK\r\n1 x\r\n2\r\n3 -5\r\n.\r\n"), ("a size beyond 64 bits", "+OK\r\n1 99999999999999999999999\r\n.\r\n"),
)
for name, reply in SIZES:
	server = Fake(Drop(odd={"LIST": reply}))
	opened(server)
	same(uids(), ["uid-1", "uid-2", "uid-3"], f"LIST: {name}: every mail is listed")
	same(driver.take("uid-3")[:2], ("done", len(MAIL)), f"LIST: {name}: and taken")
	server.close()

# ---- mails ------------------------------------------------------------------------------------------------


def sized(size, body=None):
	odd = {"LIST": f"+OK\r\n1 {size}\r\n.\r\n"}
	if body is not None:
		odd["RETR"] = body
	return Fake(Drop(mails=(MAIL,), odd=odd))


server = sized(len(MAIL) + 10)
opened(server)
first, second = (driver.take("uid-1") for _ in range(2))
ok(first[0].startswith("later: ") and "told of" in first[0], "mail: less than was told: later", first)
same(second[:2], ("done", len(MAIL)), "mail: as much at the second attempt: that is the mail")
server.close()
server = sized(len(MAIL) - 10)
opened(server)
same(driver.take("uid-1")[:2], ("done", len(MAIL)), "mail: more than was told (line ends counted as one): the mail")
server.close()
server = sized(100000000)
opened(server)
result = driver.take("uid-1")
ok(result[0].startswith("never: fetch: mail size limit") and b"RETR 1" not in server.heard, "mail: told to be too large: not asked for", result)
server.close()
server = sized(50, b"+OK\r\n" + b"x" * 3000000 + b"\r\n.\r\n")
opened(server)
result = driver.take("uid-1", most=1000000)
ok(result[0].startswith("never: fetch: mail size limit") and result[1] <= 1000000, "mail: larger than it may be, whatever was told", result)
ok(driver.process.poll() is None, "and the driver lives")
server.close()
server = sized(50, b"+OK\r\n.\r\n")
opened(server)
for n in range(3):
	result = driver.take("uid-1")
	ok(result[0].startswith("later: "), f"mail: nothing of one that is there, time {n + 1}: later", result)
server.close()
server = sized(0, b"+OK\r\n.\r\n")
opened(server)
same(driver.take("uid-1")[:2], ("done", 0), "mail: one of no bytes is one")
server.close()
for name, body, how in (
		("a no in the middle", b"+OK\r\nSubject: x\r\n-ERR broken\r\n", "later: "),
		("cut", b"+OK\r\nSubject: x\r\n\r\nhal", "later: "), ("cut behind a dot", b"+OK\r\nSubject: x\r\n.", "later: "),
		("cut behind a line", b"+OK\r\nSubject: x\r\n", "later: ")):
	server = sized(len(MAIL), cut(body))
	opened(server)
	result = driver.take("uid-1")
	ok(result[0].startswith(how) and "closed" in result[0], f"mail: {name}: {how.strip()}", result)
	server.close()
server = sized(20, "-ERR no such\r\n")
opened(server)
ok(driver.take("uid-1")[0].startswith("later: mail: the server says no: no such"), "mail: a no: later")
same(uids(), ["uid-1"], "and the session goes on")
server.close()
# What a mail says must never be taken for the server's own words.
EXACT = (b"a\n.\r\nb", b"\n.\r\n+OK\r\n", b".\r\r\n", b"a\r\n.\rb\r\n", b"x\r.\r\n", b".", b"..", b"\r\n.x", b"\0\r\n.\0", b"a\r", b"\r\r\n", b"\n")
for raw in EXACT:
	raw = b"Subject: x\r\n\r\n" + raw
	wire = b"".join(b"." + part if part.startswith(b".") else part for part in re.split(rb"(?<=\r\n)", raw))
	tail = b"" if raw.endswith(b"\r\n") else b"\r\n"
	server = sized(len(raw), b"+OK\r\n" + wire + tail + b".\r\n")
	opened(server)
	result = driver.take("uid-1")
	ok(result[:3] == ("done", len(raw), hashlib.sha256(raw).hexdigest()), f"mail: {raw[14:]!r}: byte for byte", (result, wire))
	same(driver.settle([])[0], "done", "and the next answer is the server's")
	ok(server.heard[-1] == b"QUIT", "in step", server.heard[-3:])
	server.close()

# Only the header: by TOP, or by RETR as far as that goes.
HEADER = MAIL[:MAIL.index(b"\r\n\r\n") + 4]
big = HEADER + b"x" * 70 * 100000 + b"\r\n"
for name, drop, asked in (("TOP", Drop(mails=(big, MAIL)), b"TOP 1 0"), ("no TOP", Drop(mails=(big, MAIL), capa="USER"), b"RETR 1"),
		("TOP refused", Drop(mails=(big, MAIL), odd={"TOP": "-ERR no\r\n"}), b"RETR 1")):
	server = Fake(drop)
	opened(server)
	uids()
	result = driver.take("uid-1", most=0)
	ok(result[:3] == ("done", len(HEADER), hashlib.sha256(HEADER).hexdigest()) and asked in server.heard, f"header alone: {name}", result)
	same(driver.take("uid-2")[:2], ("done", len(MAIL)), f"header alone: {name}: the next mail is taken")
	server.close()
server = Fake(Drop(mails=(b"X: y\r\n" * 1000000 + b"\r\n",)))
opened(server)
uids()
result = driver.take("uid-1", most=0)
ok(result[0].startswith("never: ") and "limit" in result[0], "header alone: too large itself: never", result)
server.close()

# One mail at which the server gives up must not stand before the others.
broken = Drop(mails=(MAIL,) * 9, odd={"RETR 2": cut("+OK\r\nhal")})
server = Fake(broken)
opened(server)
for look in range(3):
	all_uids = uids()
	results = [driver.take(uid)[0] for uid in all_uids]
	ok([result for result in results if result == "done"] == ["done"] * 8 and results[1].startswith("later: "),
		f"a mail that breaks the session, look {look + 1}: all the others are taken", results)
ok("not tried for 600 s" in results[1], "and in the end it waits", results[1])
server.close()
every = Drop(mails=(MAIL,) * 9, odd={"RETR": cut("+OK\r\nhal")})
server = Fake(every)
opened(server)
results = [driver.take(uid)[0] for uid in uids()]
ok(all(result.startswith("later: ") for result in results) and server.talks <= 7, "every one: later, and few logins", (results, server.talks))
server.close()

# ---- arrival ------------------------------------------------------------------------------------------------

server = Fake(Drop(capa="USER"))
opened(server)
uids()
same(driver.date("uid-1"), ("done", -1), "arrival: no TOP: not known")
ok(not any(line.startswith(b"TOP") for line in server.heard), "and not asked")
server.close()
for name, reply, found in (("TOP refused", "-ERR no\r\n", ("done", -1)),
		("a header of 10 MB", b"+OK\r\nReceived: x; 2 Nov 2026 03:00:00 +0000\r\n" + b"X: y\r\n" * 1700000 + b".\r\n", ("done", AT)),
		("no header", "+OK\r\n.\r\n", ("done", -1)), ("a year that is none", "+OK\r\nReceived: ;1 Jan 99999 00:00\r\n.\r\n", ("done", -1)),
		("31 February", "+OK\r\nReceived: ;31 Feb 2026 00:00 +0000\r\n.\r\n", ("done", -1)),
		("comments without end", b"+OK\r\nReceived: ;" + b"(" * 3000 + b" 1 Nov 2026 00:00\r\n.\r\n", ("done", -1))):
	server = Fake(Drop(odd={"TOP": reply, "LIST": "+OK\r\n1 20000000\r\n.\r\n"}))
	opened(server)
	uids()
	same(driver.date("uid-1"), found, f"arrival: {name}")
	server.close()

# ---- removing ------------------------------------------------------------------------------------------------

drop = Drop(odd={"DELE 2": "-ERR no\r\n"})
server = Fake(drop)
opened(server)
uids()
result, rows = driver.settle(["uid-1", "uid-2", "uid-3", "uid-9"])
same((result, [row[1] for row in rows]), ("done", ["done", "later", "done", "never"]), "remove: one by one")
same(drop.removed, [1, 3], "remove: those")
server.close()
for name, reply in (("a no", "-ERR some are left\r\n"), ("the end", cut("")), ("nonsense", "hm\r\n")):
	drop = Drop(odd={"QUIT": reply})
	server = Fake(drop)
	opened(server)
	uids()
	result, rows = driver.settle(["uid-1"])
	ok(result.startswith("later: QUIT") and rows == [], f"remove: {name} to QUIT: nothing counts as removed", (result, rows))
	server.close()
drop = Drop(odd={"DELE 2": cut("+O")})
server = Fake(drop)
opened(server)
uids()
ok(driver.settle(["uid-1", "uid-2"])[0].startswith("later: "), "remove: the end between: later")
same((drop.removed, drop.quits), ([], 0), "remove: and no QUIT, so nothing is removed")
server.close()
# Another session, other numbers.
drop = Drop()
server = Fake(drop)
opened(server)
uids()
drop.uids, drop.mails = ["uid-0", "uid-1", "uid-3"], [MAIL] * 3
driver.settle([])
same([row[1] for row in driver.settle(["uid-2", "uid-3"])[1]], ["never", "done"], "remove: by uid, whatever the numbers are now")
same(drop.removed, [3], "remove: the right one")
server.close()
works_again("at the end")
same(driver.end(), 0, "the driver ended well")
done()
