# SPDX-License-Identifier: ISC
#
# gateway/transport/smtp.c against submission servers that refuse, stall, drip, hang up, lie and inject, at
# every command: what becomes of the mail, what of the next one, and what the server got to see.  The servers are
# threads of this test on loopback; the other side is smtp-client.  The real ones: smtp-servers.py.

import base64
import os
import re
import select
import shutil
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["TOP_SRCDIR"], "tests", "flow"))
import flow
import servers
from flow import done, ok, same, wait_until
from submitting import CLIENT, MAIL, PLACE, TO, Client, expect

USER, PASSWORD = "ungcuu@example.vn", "mật-khẩu,=1"


# ---- the server --------------------------------------------------------------------------------------------

class Fake:
	"""`script`: replies by stage (greeting, EHLO, STARTTLS, AUTH, ANSWER to a challenge, MAIL, RCPT, DATA, TEXT, RSET):
	bytes, or a function of the connection, which may return bytes.  A list is used up by one per command, then
	the usual."""

	USUAL = {"greeting": b"220 fake", "EHLO": b"250-fake\r\n250-SIZE 100000\r\n250 AUTH PLAIN", "STARTTLS": b"220 go",
		"AUTH": b"235 in", "ANSWER": b"235 in", "MAIL": b"250 ok", "RCPT": b"250 ok", "DATA": b"354 go",
		"TEXT": b"250 ok", "RSET": b"250 ok", "QUIT": b"221 bye"}

	def __init__(self, script=None, tls=None, certificate="good"):
		self.script = {stage: list(each) if isinstance(each, list) else each
			for stage, each in (script or {}).items()}
		self.tls, self.certificate = tls, certificate
		self.connections, self.mails, self.faults = [], [], []
		self.listener = socket.create_server((servers.CERTIFICATES[certificate][0], 0))
		self.port = self.listener.getsockname()[1]
		threading.Thread(target=self.accept, daemon=True).start()

	def accept(self):
		while True:
			try:
				peer, _ = self.listener.accept()
			except OSError:
				return
			Connection(self, peer)

	def close(self):
		self.listener.shutdown(socket.SHUT_RDWR)	# wakes accept()
		self.listener.close()

	@property
	def commands(self):
		"""All it was told, once the client has gone."""
		for each in self.connections:
			each.join(10)
		return [line for each in self.connections for line in each.lines]

	def verbs(self):
		return [line.split(" ")[0].split(":")[0] for line in self.commands]


class Connection(threading.Thread):
	def __init__(self, fake, peer):
		super().__init__(daemon=True)
		self.fake, self.peer, self.rest, self.lines = fake, peer, b"", []
		fake.connections.append(self)
		self.start()

	def run(self):
		try:
			with self.peer:
				self.talk()
		except (OSError, ValueError, EOFError):
			pass

	def read_line(self):
		while b"\r\n" not in self.rest:
			more = self.peer.recv(65536)
			if not more:
				raise EOFError
			self.rest += more
		line, _, self.rest = self.rest.partition(b"\r\n")
		return line

	def answer(self, stage):
		step = self.fake.script.get(stage, Fake.USUAL[stage])
		if isinstance(step, list):
			step = step.pop(0) if step else Fake.USUAL[stage]
		if callable(step):
			step = step(self)
		if step is not None:
			self.peer.sendall(step + b"\r\n")
		return step or b""

	def start_tls(self):
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(tls.path(self.fake.certificate, "pem"), tls.path(self.fake.certificate, "key"))
		self.peer = context.wrap_socket(self.peer, server_side=True)

	def talk(self):
		if self.fake.tls == "implicit":
			self.start_tls()
		self.answer("greeting")
		challenged = False
		while True:
			line = self.read_line()
			self.lines.append(line.decode("utf-8", "replace"))
			stage = "ANSWER" if challenged else line.split(b" ")[0].split(b":")[0].decode().upper()
			said = self.answer(stage if stage in Fake.USUAL else "QUIT")
			challenged = said.startswith(b"334")
			if stage == "STARTTLS" and said.startswith(b"220"):
				self.start_tls()
			elif stage == "DATA" and said.startswith(b"354"):
				text = []
				while (line := self.read_line()) != b".":
					text.append(line[1:] if line.startswith(b".") else line)
				self.fake.mails.append(b"".join(line + b"\r\n" for line in text))
				self.answer("TEXT")


def stall(connection):
	"""Says nothing until the other side gives up."""
	while connection.peer.recv(65536):
		pass
	raise EOFError


def hang_up(connection):
	connection.peer.shutdown(socket.SHUT_RDWR)
	raise EOFError


def forever(piece, pause=0.0):
	def run(connection):
		while True:
			connection.peer.sendall(piece)
			if pause and select.select([connection.peer], [], [], pause)[0]:
				raise EOFError
	return run


# ---- one run -----------------------------------------------------------------------------------------------

def try_one(script, tls_kind=None, mails=1, **settings):
	"""Sends over a Fake: its answers and the Fake, closed."""
	fake = Fake(script, tls_kind)
	if tls_kind:
		settings = {"tls": tls_kind, "ca_file": tls.path("ca", "pem"), **settings}
	client = Client(fake.port, **settings)
	answers = [client.send(name=f"id{n}") for n in range(mails)]
	code, fake.client_log = client.end()
	if code != 0:
		fake.faults.append(f"the client ended with {code}: {fake.client_log}")
	fake.close()
	return answers, fake


# ---- the tests ---------------------------------------------------------------------------------------------

def test_plain_way():
	answers, fake = try_one({})
	expect("a mail", answers[0], "done", 250)
	same(fake.mails, [MAIL], "its very bytes arrive")
	same(fake.verbs(), ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"], "in this order")
	same(fake.commands[:3], ["EHLO [127.0.0.1]", f"MAIL FROM:<> SIZE={len(MAIL)}", f"RCPT TO:<{TO}>"],
		"address literal, null sender, size, one recipient")
	client = Client((fake := Fake({"EHLO": b"250-fake\r\n250-SIZE\r\n250-DSN\r\n250 X"})).port)
	expect("an envelope sender", client.send(sender="ungcuu+1@example.vn", name="ab12"), "done", 250)
	expect("a recipient for xtext", client.send(to="an+b=c@reporter.example"), "done", 250)
	expect("a recipient too long for it", client.send(to="+" * 235 + "@reporter.example"), "done", 250)
	client.end()
	same([line for line in fake.commands if line.startswith("RCPT")], [
		f"RCPT TO:<{TO}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{TO}",
		"RCPT TO:<an+b=c@reporter.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;an+2Bb+3Dc@reporter.example",
		f"RCPT TO:<{'+' * 235}@reporter.example>"], "with DSN: the original recipient, where it fits")
	same(fake.commands[1], f"MAIL FROM:<ungcuu+1@example.vn> RET=HDRS ENVID=ab12 SIZE={len(MAIL)}",
		"with DSN: the outgoing id, headers only")
	dotted = b"A: b\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n"
	client = Client((fake := Fake()).port)
	expect("dots", client.send(dotted), "done", 250)
	expect("no line end at the end", client.send(b"A: b\r\n\r\nx"), "done", 250)
	client.end()
	same(fake.mails, [dotted, b"A: b\r\n\r\nx\r\n"], "dots at line starts arrive as they were")


def test_many():
	client = Client((fake := Fake()).port)
	answers = {client.send(name=f"n{n}")[:2] for n in range(505)}
	client.end()
	same((answers, len(fake.mails)), ({("done", 250)}, 505), "505 mails")
	same([each.lines.count("DATA") for each in fake.connections], [500, 5], "a new connection after 500")
	same(fake.verbs().count("RSET"), 499 + 4, "RSET between two")


# Of a 5xx, by stage: whose fault.  A second mail then goes through.
REFUSALS = (
	("greeting", False), ("EHLO", False), ("AUTH", False), ("MAIL", False), ("RCPT", True), ("DATA", True),
	("TEXT", True))
# Replies that speak for themselves.
EXCEPTIONS = (
	("MAIL", b"552 5.3.4 too big", "never"), ("MAIL", b"550 5.3.4 too big", "never"),
	("TEXT", b"552 5.3.4 too big", "never"), ("RCPT", b"552 5.2.2 full", "never"),
	("RCPT", b"555 5.5.4 unsupported option", "later"),
	("RCPT", b"530 5.7.0 Must issue STARTTLS first", "later"), ("RCPT", b"535 5.7.8 who?", "later"),
	("RCPT", b"503 5.5.1 login first", "later"), ("DATA", b"534 5.7.9 too weak", "later"),
	("RCPT", b"553 5.7.1 <x@example.vn>: Sender address rejected: not owned by user", "later"),
	("RCPT", b"550 5.1.8 sender domain unknown", "later"), ("RCPT", b"553 5.1.3 bad mailbox", "never"),
	("TEXT", b"550 5.4.5 daily limit", "later"), ("TEXT", b"550 5.7.60 cannot send as this sender", "later"),
	("TEXT", b"554 5.7.1 spam", "never"), ("RCPT", b"550 5.1.80 no", "never"), ("RCPT", b"550", "never"),
	("RCPT", b"251 2.1.5 will forward", "done"), ("RCPT", b"250-two\r\n250 lines", "done"),
)


def test_replies():
	for stage, is_mails in REFUSALS:
		for code in (421, 451, 550):
			login = {"user": USER, "password": PASSWORD} if stage == "AUTH" else {}
			answers, fake = try_one({stage: [b"%d 1.2.3 no" % code]}, "implicit" if login else None, mails=2, **login)
			outcome = "never" if is_mails and code == 550 else "later"
			expect(f"{stage}: {code}", answers[0], outcome, code, "1.2.3 no$")
			if stage in ("MAIL", "RCPT", "DATA", "TEXT"):
				expect(f"{stage}: {code}, the next mail", answers[1], "done", 250)
				same(len(fake.connections), 2 if code == 421 else 1, f"{stage}: {code}, connections")
			else:
				same(answers[1][0], "later", f"{stage}: {code}, the next mail is not tried at once")
				same(len(fake.connections), 1, f"{stage}: {code}, nor is the server")
				same(fake.mails, [], f"{stage}: {code}, nothing was sent")
			same(fake.faults, [], f"{stage}: {code}, the client lives")
	for stage, reply, outcome in EXCEPTIONS:
		answers, fake = try_one({"EHLO": b"250 fake", stage: [reply]}, mails=2)
		name = f"{stage}: {reply.decode().split(chr(13))[0]}"
		expect(name, answers[0], outcome, 250 if outcome == "done" else int(reply[:3]))
		expect(f"{name}, the next mail", answers[1], "done", 250)
		loud = outcome == "later"
		same("event=submission-failed" in fake.client_log, loud, f"{name}, in the log: {loud}")
	answers, fake = try_one({"MAIL": b"550 5.7.1 not today"}, mails=3)
	same(([each[0] for each in answers], fake.client_log.count("event=submission-failed")), (["later"] * 3, 1),
		"the same refusal three times: one line of log")
	client = Client((fake := Fake({"MAIL": [b"421 4.3.2 going down"]})).port)
	client.send()
	ok(wait_until(lambda: not fake.connections[0].is_alive(), 10), "a connection of no more use is closed at once")
	client.end()
	refusal = {"RCPT": [b"554 5.7.1 Relay access denied"]}
	expect("relay denied without the login there was", try_one(refusal)[0][0], "later", 554)
	expect("the same when logged in", try_one(refusal, "implicit", user=USER, password=PASSWORD)[0][0], "never", 554)
	text = b"550 5.1.1 <" + TO.encode() + b">: User\x1b[31m unknown \xff\x00 (" + b"x" * 3000 + b")"
	answers, fake = try_one({"RCPT": [text]})
	expect("a long, dirty reply", answers[0], "never", 550, r"^RCPT: 550 5.1.1 \(address\) User\?")
	ok(len(answers[0][2]) < 250 and answers[0][2].isprintable() and TO not in answers[0][2] + fake.client_log,
		"it is cut, clean and without the address", answers[0][2])


# Of a 4xx: does it stop this mail, or all?  And what a refusal of our sender says.
SCOPES = (
	("greeting", b"421 4.7.0 too many connections", "untried"), ("EHLO", b"451 no", "untried"),
	("MAIL", b"451 4.7.1 wait", "all"), ("MAIL", b"452 no space", "all"), ("MAIL", b"421 later", "all"),
	("RCPT", b"421 4.7.28 unusual rate of mail", "all"), ("RCPT", b"450 4.7.1 quota of the hour", "all"),
	("RCPT", b"452 4.5.3 too many recipients", "all"), ("RCPT", b"451 4.3.0 trouble here", "all"),
	("RCPT", b"450 too many messages", "all"), ("TEXT", b"451 4.7.0 rate limited", "all"), ("DATA", b"451 4.3.2 no", "all"),
	("RCPT", b"450 4.2.0 <x@y.example>: Recipient address rejected: Greylisted", "mail"),
	("RCPT", b"451 4.7.1 Greylisting in action, come back", "mail"), ("RCPT", b"450 4.2.1 mailbox busy", "mail"),
	("RCPT", b"452 4.2.2 too many mails in this mailbox", "mail"), ("RCPT", b"450 no", "mail"),
	("TEXT", b"451 4.6.0 try later", "mail"), ("TEXT", None, "mail"), ("RCPT", None, "all"), ("MAIL", b"550 5.7.1 no", "all"),
	("RCPT", b"550 5.7.1 <>: Sender address rejected: empty", "all"), ("RCPT", b"530 5.7.0 login", "all"))


def test_scopes():
	for stage, reply, scope in SCOPES:
		fake = Fake({"EHLO": b"250 fake", stage: [reply or hang_up]})
		client = Client(fake.port)
		name = f"{stage}: {reply.decode() if reply else 'hangs up'}"
		found = client.send()
		same((found[0], client.scope), ("later", scope), f"{name}: {scope}")
		same("null_sender = false" in found[2], reply is not None and (reply.startswith(b"550") and b"5.7.1" in reply), f"{name}: a hint")
		client.end()
		fake.close()
	for reply in (b"550 5.7.1 plus?", b"501 5.1.7 bad sender"):
		client = Client((fake := Fake({"EHLO": b"250 fake", "MAIL": [reply]})).port)
		expect("a sender refused", client.send(sender="ungcuu+1@example.vn"), "later", int(reply[:3]), "correct submission.envelope")
		client.end()
		fake.close()


def test_disagreeing():
	"""A reply of many lines with several codes is none, whichever comes first or last; thousands of lines are read."""
	for stage, good in (("MAIL", 250), ("RCPT", 250), ("DATA", 354), ("TEXT", 250), ("RSET", 250)):
		for first, last in ((550, good), (good, 550), (250, 354)):
			answers, fake = try_one({stage: [b"%d-one\r\n%d two" % (first, last)]}, mails=2)
			name = f"{stage}: {first}-, {last}"
			if stage == "RSET":
				same(([each[0] for each in answers], len(fake.mails)), (["done"] * 2, 2), f"{name}: a new connection")
				continue
			expect(name, answers[0], "later", 0, "cannot be understood")
			expect(f"{name}, the next mail", answers[1], "done", 250)
			same(len(fake.connections), 2, f"{name}: over a new connection")
		answers, fake = try_one({stage: [b"".join(b"%d-%d\r\n" % (good, n) for n in range(5000)) + b"%d end" % good]})
		expect(f"{stage}: 5000 lines", answers[0], "done", 250)


def test_no_goodbye():
	begin = time.monotonic()
	answers, fake = try_one({"QUIT": stall}, mails=2)
	same(([each[0] for each in answers], len(fake.mails), fake.verbs()[-1]), (["done"] * 2, 2, "QUIT"), "QUIT is not answered")
	ok(time.monotonic() - begin < 15, "and not waited for", time.monotonic() - begin)


def test_alert():
	"""TLS ends in the middle: by an alert, or by octets that are no record."""
	for stage in ("MAIL", "RCPT", "DATA", "TEXT"):
		for what, octets in (("a fatal alert", b"\x15\x03\x03\x00\x02\x02\x50"), ("no record", b"250 ok in the clear\r\n")):
			def end(connection, octets=octets):
				os.write(connection.peer.fileno(), octets)
				hang_up(connection)
			answers, fake = try_one({stage: [end]}, "implicit", mails=2)
			expect(f"{stage}: {what}", answers[0], "later", 0)
			expect(f"{stage}: {what}, the next mail", answers[1], "done", 250)
			same(fake.faults, [], f"{stage}: {what}: the client lives")


def test_lost():
	"""The connection ends, at every stage."""
	for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "TEXT"):
		answers, fake = try_one({stage: [hang_up]}, mails=2)
		expect(f"{stage}: hangs up", answers[0], "later", 0, "closed the connection|reset|Broken pipe")
		if stage not in ("greeting", "EHLO"):
			expect(f"{stage}: hangs up, the next mail", answers[1], "done", 250)
		if stage == "TEXT":
			same(fake.mails, [MAIL, MAIL], "lost behind the dot: sent again, twice the same Message-ID, never zero times")
	answers, fake = try_one({"RSET": [hang_up]}, mails=3)
	same([each[0] for each in answers], ["done"] * 3, "lost between two mails: nobody notices")
	same((len(fake.mails), len(fake.connections)), (3, 2), "and none is doubled")
	answers, fake = try_one({"RSET": [b"421 4.7.0 too many mails"]}, mails=3)
	same([each[0] for each in answers], ["done"] * 3, "ended by the server after a mail: the next connection")
	big = b"A: b\r\n\r\n" + b"y" * 70 + b"\r\n" * 2 + (b"z" * 70 + b"\r\n") * 60000

	def half(connection):
		connection.peer.sendall(b"354 go\r\n")
		connection.peer.recv(10000)
		hang_up(connection)

	fake = Fake({"EHLO": b"250 fake", "DATA": [half]})
	client = Client(fake.port)
	expect("lost within the text", client.send(big), "later", 0)
	expect("lost within the text, again", client.send(big), "done", 250)
	client.end()
	same([len(each) for each in fake.mails], [len(big)], "whole, once")


def test_patience():
	for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "TEXT"):
		for what, step, why in (("stalls", stall, "not through within"),
				("drips", forever(b"2", 0.05), "not through within"),
				("never ends a reply", forever(b"250-" + b"x" * 70 + b"\r\n"), "more than 65536 bytes"),
				("never ends a line", forever(b"x" * 4096), "more than 65536 bytes")):
			begin = time.monotonic()
			answers, fake = try_one({stage: step}, mails=2, patience=1)
			took = time.monotonic() - begin
			expect(f"{stage}: {what}", answers[0], "later", 0, why)
			ok(took < 12, f"{stage}: {what}: given up in time", took)
			same(fake.faults, [], f"{stage}: {what}: the client lives")
			if what == "stalls":
				same((answers[1][0], len(fake.connections)), ("later", 1), f"{stage}: {what}: the server has its rest")


def test_lies():
	for name, stage, reply in (("no code", "MAIL", b"hello"), ("another code on a later line", "EHLO", b"250-a\r\n550 b"),
			("two digits", "EHLO", b"25 x"), ("six digits", "EHLO", b"250250 x"), ("a 3xx", "MAIL", b"354 x"),
			("a 2xx to DATA", "DATA", b"250 x"), ("a 3xx behind the dot", "TEXT", b"354 x"), ("999", "RCPT", b"999 x"),
			("NUL", "RCPT", b"\0250 x"), ("nothing", "TEXT", b"")):
		answers, fake = try_one({stage: [reply]}, mails=2)
		ok(answers[0][0] == "later" and answers[0][1] < 400 or answers[0][1] == 999, f"a reply that is none, {name}: later",
			answers[0])
		if stage != "EHLO":
			expect(f"a reply that is none, {name}, the next mail", answers[1], "done", 250)
			same(len(fake.connections), 2, f"a reply that is none, {name}: over a new connection")
	answers, fake = try_one({"EHLO": b"250-fake\r\n250-AUTH \tPLAIN\t LOGIN\t\r\n250 SIZE\t"}, "implicit", user=USER,
		password=PASSWORD)
	expect("tabs in EHLO", answers[0], "done", 250)
	answers, fake = try_one({"EHLO": b"250-fake\r\n" + b"250-AUTH " + b"X " * 20000 + b"\r\n250 SIZE " + b"9" * 400})
	expect("a large EHLO and a size of 400 digits", answers[0], "done", 250)


def test_size():
	answers, fake = try_one({"EHLO": b"250-fake\r\n250 SIZE %d" % (len(MAIL) - 1)}, mails=2)
	expect("a mail over SIZE", answers[0], "never", 0, f"{len(MAIL)} bytes, the server takes {len(MAIL) - 1}")
	ok("MAIL" not in fake.verbs(), "nothing of it is sent", fake.verbs())
	expect("a mail of exactly SIZE", try_one({"EHLO": b"250-fake\r\n250 SIZE %d" % len(MAIL)})[0][0], "done", 250)
	expect("SIZE 0 is no limit", try_one({"EHLO": b"250-fake\r\n250 SIZE 0"})[0][0], "done", 250)


def test_tokens():
	bad = b"334 " + base64.b64encode(b'{"status":"401","schemes":"Bearer","scope":"x"}')
	# mechanisms offered, the one used, what it says, how it is told to go on after a refusal
	ways = (("PLAIN XOAUTH2 OAUTHBEARER", "OAUTHBEARER", "n,a={user},\1host={host}\1port={port}\1auth=Bearer {token}\1\1", "AQ=="),
		("LOGIN XOAUTH2", "XOAUTH2", "user={user}\1auth=Bearer {token}\1\1", ""))
	for offer, mechanism, words, go_on in ways:
		hello = {"EHLO": f"250-fake\r\n250 AUTH {offer}".encode(), "AUTH": b"334 "}
		way = {"user": USER, "tokens": "first,second"}
		answers, fake = try_one(hello, "implicit", **way)
		expect(f"{mechanism}: a token", answers[0], "done", 250)
		says = [words.format(user=USER, host="127.0.0.1", port=fake.port, token="first")]
		same((fake.commands[1], base64.b64decode(fake.commands[2]).decode()), (f"AUTH {mechanism}", says[0]), f"{mechanism}: its words")
		answers, fake = try_one({**hello, "ANSWER": [bad, b"535 5.7.8 no"]}, "implicit", **way)
		expect(f"{mechanism}: one that has expired, then another", answers[0], "done", 250)
		says = [words.format(user=USER, host="127.0.0.1", port=fake.port, token=token) for token in ("first", "second")]
		told = [line for line in fake.commands if line.split(" ")[0] not in ("EHLO", "QUIT")]
		same(told[1:4], [base64.b64encode(says[0].encode()).decode(), go_on, f"AUTH {mechanism}"], f"{mechanism}: the server may say why")
		same((base64.b64decode(told[4]).decode(), len(fake.connections)), (says[1], 2), f"{mechanism}: the other one, over a new connection")
		answers, fake = try_one({**hello, "ANSWER": [bad, b"535 5.7.8 no"] * 9}, "implicit", mails=3, **way)
		expect(f"{mechanism}: both refused", answers[0], "later", 535, r"\(401\)")
		same(sum(line.startswith("AUTH") for line in fake.commands), 2, f"{mechanism}: two logins, whatever waits")
		ok("first" not in fake.client_log and base64.b64encode(says[0].encode()).decode() not in fake.client_log,
			f"{mechanism}: no token in the log", fake.client_log)
		answers, fake = try_one({**hello, "ANSWER": [b"454 4.7.0 later"]}, "implicit", **way)
		expect(f"{mechanism}: a temporary failure may be an expired token, too", answers[0], "done", 250)
		answers, fake = try_one(hello, **way)
		expect(f"{mechanism}: without TLS", answers[0], "later", 250, "none of OAUTHBEARER, XOAUTH2 that keeps")
		same(fake.verbs(), ["EHLO", "QUIT"], f"{mechanism}: without TLS no word of it")
		for name, end in (("an endless challenge", forever(b"334 AAAA")), ("a hang-up", hang_up), ("another code", b"250 what")):
			answers, fake = try_one({**hello, "ANSWER": [end]}, "implicit", patience=5, **way)
			ok(answers[0][0] == "later" and "MAIL" not in fake.verbs(), f"{mechanism}: {name}: nothing is sent there", answers)
	answers, fake = try_one({"EHLO": b"250-fake\r\n250 AUTH PLAIN LOGIN"}, "implicit", user=USER, tokens="first")
	expect("a server that takes no tokens", answers[0], "later", 250, "none of OAUTHBEARER, XOAUTH2")
	same(fake.verbs(), ["EHLO", "QUIT"], "gets none as a password")
	answers, fake = try_one({"EHLO": b"250-fake\r\n250 AUTH XOAUTH2"}, "implicit", user=USER, tokens="fi\rrst")
	ok(answers[0][0] == "later" and "control" in answers[0][2] and not fake.connections, "a token of two lines: not even a connection", answers)


def test_login():
	way = {"user": USER, "password": PASSWORD}
	answers, fake = try_one({}, "implicit", **way)
	expect("login by PLAIN", answers[0], "done", 250)
	same(base64.b64decode(fake.commands[1].split(" ")[2]).decode(), f"\0{USER}\0{PASSWORD}", "with these words")
	login = {"EHLO": b"250-fake\r\n250 AUTH LOGIN", "AUTH": b"334 VXNlcm5hbWU6", "ANSWER": [b"334 UGFzc3dvcmQ6"]}
	answers, fake = try_one(login, "implicit", **way)
	expect("login by LOGIN", answers[0], "done", 250)
	same([base64.b64decode(line).decode() for line in fake.commands[2:4]], [USER, PASSWORD], "with these words")
	ok(PASSWORD not in fake.client_log and base64.b64encode(PASSWORD.encode()).decode() not in fake.client_log,
		"the password is in no log")
	for offer in ("PLAIN", "LOGIN", "PLAIN LOGIN", "CRAM-MD5", ""):
		answers, fake = try_one({"EHLO": f"250-fake\r\n250 AUTH {offer}".encode()}, **way)
		expect(f"without TLS, {offer or 'nothing'} offered", answers[0], "later", 250, "login: .*none of")
		same(fake.verbs(), ["EHLO", "QUIT"], f"without TLS, {offer or 'nothing'} offered: no word of it")
	answers, fake = try_one({"EHLO": b"250-fake\r\n250 AUTH PLAIN SCRAM-SHA-256", "AUTH": b"334 cj14LHM9eCxpPTQwOTY="}, **way)
	expect("SCRAM, a challenge that is not for us", answers[0], "later", 334, "SCRAM")
	ok(all("MAIL" != verb for verb in fake.verbs()), "nothing is sent there", fake.verbs())

	def believe_me(connection):
		nonce = re.search("r=(.*)", base64.b64decode(connection.lines[-1].split(" ")[2]).decode()).group(1)
		challenge = base64.b64encode(f"r={nonce}x,s={base64.b64encode(b'salt').decode()},i=4096".encode())
		return b"334 " + challenge

	for name, end, why in (("no proof", b"235 in", "235"), ("a false proof", b"334 " + base64.b64encode(b"v=" +
			base64.b64encode(b"x" * 32)), "does not prove")):
		answers, fake = try_one({"EHLO": b"250-fake\r\n250 AUTH SCRAM-SHA-256", "AUTH": believe_me,
			"ANSWER": [end]}, "implicit", **way)
		ok(answers[0][0] == "later" and why in answers[0][2] and "MAIL" not in fake.verbs(),
			f"SCRAM, a server with {name} is not used", answers)
	answers, fake = try_one({"AUTH": b"535 5.7.8 no"}, "implicit", mails=4, **way)
	same([each[:2] for each in answers], [("later", 535)] + [("later", 0)] * 3, "a wrong password holds nothing")
	same(fake.verbs().count("AUTH"), 1, "and is not tried for every mail")
	same(fake.client_log.count("event=submission-failed"), 1, "and stands in the log once")


def test_tls():
	ca = tls.path("ca", "pem")
	answers, fake = try_one({"EHLO": [b"250-fake\r\n250-STARTTLS\r\n250-AUTH SCRAM-SHA-256\r\n250-DSN\r\n250 SIZE 10",
		b"250-fake\r\n250 AUTH PLAIN"]}, "starttls", user=USER, password=PASSWORD)
	expect("STARTTLS", answers[0], "done", 250)
	same([line.split(" ")[:2] for line in fake.commands[3:5]], [["AUTH", "PLAIN"], ["MAIL", "FROM:<>"]], "by what is true now")
	same(fake.verbs(), ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"], "EHLO again, the first forgotten")
	for name, script in (("not offered", {}), ("refused", {"STARTTLS": b"454 4.7.0 not now"}),
			("5xx", {"STARTTLS": b"554 5.7.3 no"}), ("no TLS behind it", {"STARTTLS": forever(b"220 go\r\n", 0.1)})):
		script = {"EHLO": b"250-fake\r\n250-AUTH PLAIN\r\n250 STARTTLS" if script else b"250 AUTH PLAIN", **script}
		answers, fake = try_one(script, "starttls", user=USER, password=PASSWORD, patience=2)
		ok(answers[0][0] == "later" and (name != "not offered" or "does not offer" in answers[0][2]), f"STARTTLS {name}: later",
			answers[0])
		ok(not {"AUTH", "MAIL"} & set(fake.verbs()), f"STARTTLS {name}: nothing is said in clear", fake.verbs())
	inject = {"EHLO": b"250-fake\r\n250 STARTTLS", "STARTTLS": lambda connection:
		connection.peer.sendall(b"220 go\r\n250-fake\r\n250 AUTH PLAIN\r\n")}
	answers, fake = try_one(inject, "starttls", user=USER, password=PASSWORD)
	expect("clear text behind STARTTLS", answers[0], "later", 220, "in between")
	same(fake.verbs(), ["EHLO", "STARTTLS"], "clear text behind STARTTLS: not a word more")
	for name, why in (("wrong-host", "other host|another host"), ("expired", "expired"), ("other-ca", "no known CA")):
		for kind in ("implicit", "starttls"):
			fake = Fake({"EHLO": b"250-fake\r\n250-STARTTLS\r\n250 AUTH PLAIN"}, kind, name)
			way = {"host": servers.CERTIFICATES[name][0], "tls": kind, "ca_file": ca, "user": USER, "password": PASSWORD}
			client = Client(fake.port, **way)
			expect(f"{kind}, {name}", client.send(), "later", 0 if kind == "implicit" else 220, why)
			log = client.end()[1]
			ok(not {"AUTH", "MAIL"} & set(fake.verbs()), f"{kind}, {name}: refused before the login", fake.verbs())
			ok("event=certificate-refused" in log and tls.pin(name) in log, f"{kind}, {name}: the chain is in the log", log)
			client = Client(fake.port, **{**way, "tls_pin": tls.pin(name)})
			expect(f"{kind}, {name}, its key pinned", client.send(), "done", 250)
			client.end()
	fake = Fake({}, "implicit")
	client = Client(fake.port, tls="implicit", ca_file=ca, tls_pin=tls.pin("expired"), user=USER, password=PASSWORD)
	expect("another key than the pinned one", client.send(), "later", 0, "tls_pin")
	client.end()
	same(fake.commands, [], "and nothing is said")
	client = Client(1, tls="implicit", ca_file="/nonexistent/ca.pem")
	expect("a CA file that is not there", client.send(), "later", 0, "no CA")
	client.end()
	client = Client(25, host="192.0.2.1")
	expect("no TLS to another machine", client.send(), "later", 0, "this machine")
	client.end()


def test_refused_here():
	"""What never reaches the server."""
	fake = Fake()
	client = Client(fake.port)
	for to in ("án@b.example", "a@đội.example"):
		expect(f"recipient {to}", client.send(to=to), "never", 0, "SMTPUTF8")
	for name, to in (("CR LF", r"a@b.example\r\nRSET"), ("LF", r"a@b.example\n"), ("a blank", "a b@c.example"),
			("a bracket", "a@b.example>"), ("another", "<a@b.example"), ("no @", "postmaster"), ("nothing before @", "@b.example"),
			("nothing behind @", "a@"), ("nothing", ""), ("a tab", r"a@b\t.example"), ("DEL", r"a@b\177.example"),
			("255 letters", "a" * 245 + "@b.example")):
		expect(f"recipient with {name}", client.send(to=to), "never", 0, "address")
	expect("a sender with a blank", client.send(sender="a b@c.example"), "later", 0, "envelope")
	for name, mail in (("8 bits", "A: b\r\n\r\nxin chào\r\n".encode()), ("NUL", b"A: b\r\n\r\n\0\r\n"),
			("a bare LF", b"A: b\r\n\r\nx\ny\r\n"), ("a bare CR", b"A: b\r\n\r\nx\ry\r\n"), ("CR at the end", b"A: b\r\n\r\nx\r"),
			("a line of 999", b"A: b\r\n\r\n" + b"x" * 999 + b"\r\n")):
		expect(f"a mail with {name}", client.send(mail), "never", 0, "unchanged")
	same(fake.connections, [], "nothing of them reaches a server")
	expect("254 letters", client.send(to="a" * 244 + "@b.example"), "done", 250)
	expect("a line of 998", client.send(b"A: b\r\n\r\n" + b"x" * 998 + b"\r\n"), "done", 250)
	expect("a name with every allowed letter", client.send(to="o'b.c+d=e_f-1@x-1.example"), "done", 250)
	client.end()


def test_away():
	"""A server that is not there, and comes back."""
	fake = Fake()
	port = fake.port
	fake.close()
	client = Client(port)
	first, second = client.send(), client.send()
	expect("no server", first, "later", 0, "refused")
	same(second, first, "the next mail: the same answer, at once")
	with socket.create_server(("127.0.0.1", port)) as listener:
		back = Fake.__new__(Fake)
		back.script, back.tls, back.connections, back.mails, back.listener = {}, None, [], [], listener
		threading.Thread(target=back.accept, daemon=True).start()
		same((client.send()[0], len(back.connections)), ("later", 0), "not asked within its rest")
		ok(wait_until(lambda: client.send()[0] == "done", 30), "asked after it")
	log = client.end()[1]
	same(log.count("event=submission-failed"), 1, "one line for it all", )


def test_check():
	fake = Fake({}, "implicit")
	way = {"tls": "implicit", "ca_file": tls.path("ca", "pem"), "user": USER, "password": PASSWORD}
	client = Client(fake.port, **way)
	lines = client.check()
	client.end()
	ok(len(lines) == 3 and re.match(r"ok: submission: TLS1\.3, certificate valid until 20\d\d-\d\d-\d\d$", lines[0]) and
		lines[1:] == ["ok: submission: takes mails of up to 100000 bytes", "ok: submission: logged in, PLAIN"],
		"check: TLS, size, login", lines)
	same(fake.verbs(), ["EHLO", "AUTH", "QUIT"], "and nothing is sent")
	fake = Fake({"AUTH": b"535 5.7.8 no", "EHLO": b"250-fake\r\n250 AUTH PLAIN"}, "implicit")
	client = Client(fake.port, **way)
	lines = client.check()
	client.end()
	same([line.split(":")[0] for line in lines], ["ok", "warn", "fail"], "check: no size said, wrong password")
	ok("login: 535 5.7.8 no" in lines[2], "with the server's words", lines)
	client = Client(Fake().port)
	same([line.split(":")[0] for line in client.check()], ["ok", "ok", "warn"], "check: no login")
	client.end()
	client = Client(1, **way)
	ok((lines := client.check())[0].startswith("fail: submission: 127.0.0.1 port 1: "), "check: no server", lines)
	client.end()


def test_jailed():
	"""The program ungcuu-submit in its jail: it finds a server by name, reads the CA, logs in, sends."""
	programs = os.path.join(PLACE, "programs")
	os.mkdir(programs)
	for name in flow.PROGRAMS:
		shutil.copy(f"{flow.BUILD}/{name}", programs)
	shutil.copy(CLIENT, programs)
	fake = Fake({}, "implicit")
	client = Client(fake.port, "submit", host="localhost", program=f"{programs}/smtp-client", tls="implicit",
		ca_file=tls.path("ca", "pem"), user=USER, password=PASSWORD)
	expect("ungcuu-submit", client.send(), "done", 250)
	expect("ungcuu-submit, again", client.send(name="2"), "done", 250)
	same([line.split(":")[0] for line in client.check()], ["ok"] * 3, "ungcuu-submit: check")
	expect("ungcuu-submit: a name that is none", client.send(name="../x"), "never", 0)
	code, log = client.end()
	ok(code == 0 and "jail-missing" not in log or "feature=" in log, "it ends in order", log)
	same(fake.mails, [MAIL, MAIL], "the bytes arrive")
	client = Client(1, "submit", program=f"{programs}/smtp-client", tls="implicit", ca_file="/nonexistent/ca.pem")
	expect("ungcuu-submit with wrong settings holds nothing", client.send(), "later", 0, "no CA")
	client.end()


if not servers.OPENSSL and not os.environ.get("CI"):
	flow.skip("servers with certificates", "openssl is not installed")
	done()
tls = servers.Authority(os.path.join(PLACE, "tls"))
for name, test in list(globals().items()):
	if name.startswith("test_"):
		test()
done()
