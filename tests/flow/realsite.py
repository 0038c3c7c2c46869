# SPDX-License-Identifier: ISC
#
# realsite: what the tests with real servers share: a Site whose mailbox is an IMAP account of servers.py and
# whose way out is its Postfix, and a man in the middle who forwards, changes or stops what passes through him.

import os
import re
import shutil
import socket
import threading

import flow
import servers
from flow import Site

MAILBOX = """mailboxes = ( {{ name = "main"; type = "imap"; host = "{host}"; port = {port}; tls = "{tls}";
  ca_file = "{ca_file}"; user = "{user}"; password_file = "mailbox.password"; {more}
  folders = [ {folders} ]; done_folder = "Done"; held_folder = "Held"; poll = "{poll}"; }}{others} );
"""
SUBMISSION = """submission = {{ type = "smtp"; host = "{host}"; port = {port}; tls = "{tls}";
  ca_file = "{ca_file}"; user = "{user}"; password_file = "submission.password"; {more} }};
"""


def needs_root():
	"""Ends the test as skipped where Postfix cannot run; under CI a program that is missing is an error."""
	if os.geteuid() != 0:
		flow.skip("real Dovecot and Postfix", "Postfix needs root: run it as root or through sudo")
		flow.done()
	if not (servers.POSTFIX and servers.DOVECOT) and not os.environ.get("CI"):
		flow.skip("real Dovecot and Postfix", "postfix or dovecot is not installed")
		flow.done()


class RealSite(Site):
	"""`like`: another Site, whose hotline key this one has.  way_in, way_out: settings of the two servers that
	differ from "the good one, implicit TLS" (and "others": further mailboxes); change them with via()."""

	def __init__(self, world, user=servers.USER, like=None, hooked=False, **settings):
		self.world, self.like = world, like
		self.way_in = {"host": world.hosts["good"], "port": world.imaps_port, "tls": "implicit",
			"ca_file": world.ca_file, "user": user, "poll": "5s", "more": "", "others": "",
			"folders": '"INBOX", "Junk"'}
		self.way_out = {"host": world.hosts["good"], "port": world.submissions_port, "tls": "implicit",
			"ca_file": world.ca_file, "user": user, "more": ""}
		super().__init__(hooked=hooked, prepare=self.prepare, **settings)
		if like:
			shutil.rmtree(self.path("gnupg"))
			shutil.copytree(like.path("gnupg"), self.path("gnupg"),
				ignore=shutil.ignore_patterns("S.*", "*.lock", ".#*"))
			for name in os.listdir(like.path("certificates")):
				shutil.copy(like.path("certificates", name), self.path("certificates"))
			self.fingerprint = like.fingerprint
			self.configure(key=like.fingerprint)

	def prepare(self, site):
		for name, way in (("mailbox", self.way_in), ("submission", self.way_out)):
			with open(os.open(self.path(f"{name}.password"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
				file.write(self.world.passwords[way["user"]] + "\n")

	def configure(self, **settings):
		super().configure(**settings)
		with open(self.path("ungcuu.conf"), encoding="utf-8") as file:
			text = file.read()
		text = re.sub(r"(?s)mailboxes = \( .*?\} \);\n", lambda _: MAILBOX.format(**self.way_in), text, count=1)
		text = re.sub(r"submission = \{.*?\};\n", lambda _: SUBMISSION.format(**self.way_out), text, count=1)
		with open(self.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(text)

	def via(self, way_in=None, way_out=None):
		"""From here on these settings of the two servers."""
		self.way_in.update(way_in or {})
		self.way_out.update(way_out or {})
		self.configure()

	def starttls(self):
		self.via({"tls": "starttls", "port": self.world.imap_port},
			{"tls": "starttls", "port": self.world.submission_port})

	def post(self, raw, **more):
		"""Into this site's mailbox, as an MTA does."""
		self.world.deliver(raw, user=self.way_in["user"], **more)

	def lying(self, folder="INBOX"):
		"""How many mails lie there."""
		return self.world.count(self.way_in["user"], folder)

	def outgoing(self):
		return self.ctl("queue", "list", "--limit", "500").get("outgoing", [])


# ---- in the middle -------------------------------------------------------------------------------------------

class Between:
	"""Listens at `port` and forwards to another one.  change(octets, from_server): what goes on in its place;
	None: nothing goes on any more, on this connection, and neither side is told."""

	def __init__(self, host, port, change=lambda octets, from_server: octets):
		self.target, self.change = (host, port), change
		self.heard = b""		# all that clients sent
		self.connections = self.stalled = 0
		self.living = []
		self.listener = socket.create_server((host, 0))
		self.port = self.listener.getsockname()[1]
		threading.Thread(target=self.listen, daemon=True).start()

	def listen(self):
		while True:
			try:
				client, _ = self.listener.accept()
			except OSError:
				return
			self.connections += 1
			try:
				server = socket.create_connection(self.target, 10)
				server.settimeout(None)
			except OSError:
				client.close()
				continue
			self.living += [client, server]
			for here, there, from_server in ((client, server, False), (server, client, True)):
				threading.Thread(target=self.forward, args=(here, there, from_server), daemon=True).start()

	def forward(self, here, there, from_server):
		stalled = False
		try:
			while octets := here.recv(16384):
				if not from_server:
					self.heard += octets
				octets = None if stalled else self.change(octets, from_server)
				if octets is None:
					self.stalled += not stalled
					stalled = True
				else:
					there.sendall(octets)
		except OSError:
			pass
		hang_up(here, there)

	def cut(self):
		"""Ends the connections there are; the next ones are served."""
		hang_up(*self.living)
		self.living.clear()

	def close(self):
		self.listener.close()
		self.cut()


def hang_up(*connections):
	for each in connections:
		try:
			each.shutdown(socket.SHUT_RDWR)
		except OSError:
			pass


def log_since(world, name, begin):
	return world.logs(name)[begin:]
