# SPDX-License-Identifier: ISC
#
# popsite: what the tests of POP3 share: a Site whose mailbox is a POP3 account of the Dovecot of servers.py, and whose
# way out is a Maildir.

import os
import re
import time

import flow
import servers
from flow import Site, mail
from servers import PASSWORD

DAY = 86400000
MAILBOX = """mailboxes = ( {{ name = "main"; type = "pop3"; host = "{host}"; port = {port}; tls = "{tls}";
  ca_file = "{ca_file}"; user = "{user}"; password_file = "mailbox.password"; poll = "5s"; {more} }} );
"""


def needs_dovecot():
	"""Ends the test as skipped where there is none; under CI that is an error."""
	if not servers.DOVECOT and not os.environ.get("CI"):
		flow.skip("real Dovecot", "dovecot is not installed")
		flow.done()


class PopSite(Site):
	def __init__(self, world, user, hooked=False, tls="implicit", more="", **settings):
		self.world = world
		self.way = {"host": world.hosts["good"], "port": world.pop3s_port if tls == "implicit" else world.pop3_port,
			"tls": tls, "ca_file": world.ca_file, "user": user, "more": more}
		super().__init__(hooked=hooked, prepare=self.prepare, **settings)

	def prepare(self, site):
		with open(os.open(self.path("mailbox.password"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
			file.write(PASSWORD + "\n")

	def configure(self, **settings):
		super().configure(**settings)
		with open(self.path("ungcuu.conf"), encoding="utf-8") as file:
			text = file.read()
		with open(self.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(re.sub(r"(?s)mailboxes = \( .*?\} \);\n", lambda _: MAILBOX.format(**self.way), text, count=1))

	def via(self, **way):
		self.way.update(way)
		self.configure()

	def post(self, *raws):
		self.world.place(raws, user=self.way["user"])

	def lying(self):
		return self.world.count(self.way["user"])

	def sessions(self):
		"""What Dovecot says of each session that is over: (top, retr, del, how many lay there)."""
		return [tuple(int(n) for n in found) for found in re.findall(
			r"pop3\(" + re.escape(self.way["user"]) + r"\).*?top=(\d+)/\d+, retr=(\d+)/\d+, del=(\d+)/(\d+)", self.world.logs("dovecot.log"))]

	def letters(self):
		return sorted(letter["sha256"] for ticket in self.tickets()
			for letter in self.ctl("ticket", "show", ticket["id"]).get("letters", []))


def report(n, days_old=None, more=""):
	"""Received now unless told otherwise; None: long ago by its Date, and by nothing else."""
	received = time.strftime("%d %b %Y %H:%M:%S +0000", time.gmtime(time.time() - (days_old or 0) * 86400))
	raw = mail(f"Báo cáo thứ {n}.\n{more}", sender=f"nguoi-{n}@reporter.example", subject=f"Thư {n}")
	return f"Received: from a by mx.example.vn; {received}\n".encode() + raw


def acks(site):
	return sorted(message["To"] for message in site.acks())
