# SPDX-License-Identifier: ISC
#
# hosting: a scripted submission server that plays what hosted services do, and a Site that sends through it.  A
# real server cannot be made to: rewrite Message-IDs, refuse <> or plus-addresses, limit rates, greylist, go dumb.

import re
import socket
import threading

import flow
from flow import Site

SUBMISSION = 'submission = {{ type = "smtp"; host = "127.0.0.1"; port = {port}; tls = "none-loopback-only"; {more} }};\n'


class Service:
	"""`rule(service, session, stage, line)`: a reply in the place of the usual one (bytes without line end, "" to hang
	up), or None.  Stages: greeting, EHLO, MAIL, RCPT, DATA, TEXT (the line is the mail), QUIT, RSET.
	accepted: (envelope sender, recipient, mail) each; said: (stage, line) of all sessions."""

	USUAL = {"greeting": b"220 service", "EHLO": b"250-service\r\n250-8BITMIME\r\n250 SIZE 20000000", "MAIL": b"250 ok",
		"RCPT": b"250 ok", "DATA": b"354 go", "TEXT": b"250 2.0.0 ok", "RSET": b"250 ok", "QUIT": b"221 bye"}

	def __init__(self, rule=None):
		self.rule = rule or (lambda *_: None)
		self.accepted, self.said, self.connections = [], [], 0
		self.listener = socket.create_server(("127.0.0.1", 0))
		self.port = self.listener.getsockname()[1]
		threading.Thread(target=self.listen, daemon=True).start()

	def listen(self):
		while True:
			try:
				peer, _ = self.listener.accept()
			except OSError:
				return
			self.connections += 1
			threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

	def close(self):
		self.listener.shutdown(socket.SHUT_RDWR)
		self.listener.close()

	def count(self, stage):
		return sum(said == stage for said, _ in self.said)

	def answer(self, file, session, stage, line):
		self.said.append((stage, line))
		reply = self.rule(self, session, stage, line)
		reply = self.USUAL.get(stage, b"502 what?") if reply is None else reply
		if reply == "":
			raise EOFError
		file.write(reply + b"\r\n")
		file.flush()
		return reply

	def serve(self, peer):
		session = {}
		try:
			with peer, peer.makefile("rwb") as file:
				self.answer(file, session, "greeting", "")
				while line := file.readline().decode("utf-8", "replace").rstrip("\r\n"):
					self.command(file, session, line)
		except (OSError, EOFError):
			hang_up(peer)

	def command(self, file, session, line):
		stage = line.split(" ")[0].split(":")[0].upper()
		found = re.search("<(.*?)>", line)
		reply = self.answer(file, session, stage, line)
		if stage in ("MAIL", "RCPT") and reply.startswith(b"2"):
			session[stage] = found.group(1)
		elif stage == "DATA" and reply.startswith(b"354"):
			mail = b""
			while (text := file.readline()) not in (b".\r\n", b""):
				mail += text[1:] if text.startswith(b".") else text
			self.take(file, session, mail)
		elif stage == "QUIT":
			raise EOFError

	def take(self, file, session, mail):
		"""What is accepted was durable here before the client hears of it."""
		reply = self.rule(self, session, "TEXT", mail)
		if reply in (None, "") or reply.startswith(b"2"):
			self.accepted.append((session["MAIL"], session["RCPT"], mail))
		self.said.append(("TEXT", ""))
		if reply == "":
			raise EOFError
		file.write((reply or self.USUAL["TEXT"]) + b"\r\n")
		file.flush()

	def of(self, recipient):
		return [mail for _, to, mail in self.accepted if to == recipient]


def hang_up(peer):
	try:
		peer.shutdown(socket.SHUT_RDWR)
	except OSError:
		pass


class HostedSite(Site):
	"""Sends through a Service; `more` of submission is changed with submit()."""

	def __init__(self, service, more="", **settings):
		self.service, self.submission = service, more
		super().__init__(**settings)

	def configure(self, **settings):
		super().configure(**settings)
		with open(self.path("ungcuu.conf"), encoding="utf-8") as file:
			text = file.read()
		way = SUBMISSION.format(port=self.service.port, more=self.submission)
		text = re.sub(r"submission = \{.*?\};\n", lambda _: way, text, count=1)
		with open(self.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(text)

	def submit(self, more):
		self.submission = more
		self.configure()

	def outgoing(self):
		return self.ctl("queue", "list", "--limit", "500").get("outgoing", [])

	def states(self):
		return sorted(row["state"] for row in self.outgoing())

	def attention(self):
		return self.ctl("status").get("attention", [])


def field(mail, name):
	"""The unfolded value of a header field of a raw mail; None."""
	header = re.sub(rb"\r?\n[ \t]", b" ", mail.partition(b"\r\n\r\n")[0])
	found = re.search(rb"(?im)^" + name.encode() + rb":[ \t]*(.*?)\r?$", header)
	return found.group(1).decode() if found else None


def bounce(returned, recipient, action="failed", status="5.1.1", envelope_id=None, to=flow.HOTLINE, report=True):
	"""A bounce as a server writes one: `returned`, the header it gives back."""
	lines = ["Return-Path: <>", "From: MAILER-DAEMON@mx.reporter.example (Mail Delivery System)", f"To: {to}",
		"Subject: Undelivered Mail Returned to Sender", "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
		f"Message-ID: <b{len(returned)}.{id(returned)}.{action}.{recipient}@mx.reporter.example>"]
	header = returned.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n").decode()
	if not report:
		lines += ["", f"Hi. This is the mail program.\n\n<{recipient}>:\nno mailbox here\n\n--- a copy of the header\n", header]
		return ("\n".join(lines) + "\n").encode()
	lines += ['Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "", "--b", "",
		"Sorry.", "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.reporter.example",
		*([f"Original-Envelope-Id: {envelope_id}"] if envelope_id else []), "", f"Final-Recipient: rfc822; {recipient}",
		f"Action: {action}", f"Status: {status}", "", "--b", "Content-Type: text/rfc822-headers", "", header, "--b--", ""]
	return "\n".join(lines).encode()
