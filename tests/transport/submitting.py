# SPDX-License-Identifier: ISC
#
# submitting: what smtp.py and smtp-servers.py share: a running smtp-client and what it answers.

import atexit
import os
import re
import shutil
import subprocess
import tempfile

import flow

CLIENT = os.path.join(flow.BUILD, "tests", "transport", "smtp-client")
PLACE = tempfile.mkdtemp(prefix="ungcuu-smtp-", dir=os.environ.get("TMPDIR", "/tmp"))
os.chmod(PLACE, 0o755)
TO = "an@reporter.example"
MAIL = b"From: ungcuu@example.vn\r\nMessage-ID: <m1@example.vn>\r\nSubject: x\r\n\r\nxin chao\r\n"


@atexit.register
def remove_place():
	shutil.rmtree(PLACE, ignore_errors=True)


class Client:
	def __init__(self, port, mode="direct", host="127.0.0.1", program=CLIENT, **settings):
		settings = {"host": host, "port": port, "tls": "none-loopback-only", **settings}
		self.log_path = os.path.join(PLACE, "client.log")
		self.log = open(self.log_path, "w+b")
		self.process = subprocess.Popen([program, mode, *(f"{name}={value}" for name, value in settings.items())],
			stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)

	def ask(self, line):
		self.process.stdin.write(line.encode() + b"\n")
		self.process.stdin.flush()

	def answer(self):
		return self.process.stdout.readline().decode("utf-8", "replace").rstrip("\n")

	def send(self, mail=MAIL, to=TO, sender="-", name="0123abcd"):
		"""(outcome, code, why); `scope` of the last "later"."""
		path = os.path.join(PLACE, "mail")
		with open(path, "wb") as file:
			file.write(mail)
		self.ask("\t".join(("send", name, sender, to, path)))
		outcome, code, why = (self.answer() + "  ").split(" ", 2)
		if outcome == "later":
			self.scope, _, why = why.partition(" ")
		return outcome, int(code or -1), why.strip()

	def check(self):
		self.ask("check")
		lines = []
		while (line := self.answer()) not in (".", ""):
			lines.append(line)
		return lines

	def end(self):
		self.process.stdin.close()
		code = self.process.wait(60)
		self.process.stdout.close()
		self.log.seek(0)
		text = self.log.read().decode("utf-8", "replace")
		self.log.close()
		return code, text


def expect(what, found, outcome, code, why=""):
	flow.ok(found[0] == outcome and found[1] == code and re.search(why, found[2]), f"{what}: {outcome} {code}", found)
