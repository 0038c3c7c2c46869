# SPDX-License-Identifier: ISC
#
# alarm: what breaks mail itself is told by alarm.command: each cause once, once more a day later, and its end; a
# command that fails is run again; a restart forgets nothing.  On the hooked twins with a moved clock.

import os
import re
import socket
import threading

from flow import Site, done, mail, ok, same, wait_until

MINUTE, HOUR = 60 * 1000, 3600 * 1000
SCRIPT = """#!/bin/sh
# The number of arguments, cause and text of each call; ends as the file beside it says.
printf '%s|%s|%s\\n' "$#" "$2" "$3" >> "{folder}/calls"
exit "$(cat "{folder}/exit")"
"""
IMAP = '{{ name = "phu"; type = "imap"; host = "127.0.0.1"; port = {port}; tls = "none-loopback-only"; user = "u";' \
	' password_file = "password"; done_folder = "Done"; held_folder = "Held"; poll = "5s"; }}'


def free_port():
	"""One nobody listens at."""
	with socket.socket() as one:
		one.bind(("127.0.0.1", 0))
		return one.getsockname()[1]


class Refusing:
	"""An IMAP server that refuses every login, with an address in its words."""

	def __init__(self, port):
		self.listener = socket.create_server(("127.0.0.1", port))
		threading.Thread(target=self.serve, daemon=True).start()

	def serve(self):
		while True:
			try:
				client, _ = self.listener.accept()
			except OSError:
				return
			with client, client.makefile("rwb", buffering=0) as file:
				file.write(b"* OK here\r\n")
				for line in file:
					tag, verb = line.split()[:2]
					if verb == b"CAPABILITY":
						file.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
					else:
						file.write(tag + b" NO wrong password for <u@example.vn>\r\n")

	def close(self):
		self.listener.shutdown(socket.SHUT_RDWR)
		self.listener.close()


class AlarmSite(Site):
	"""A Maildir "main" and, with `second`, an IMAP mailbox "phu" behind a port where nobody listens."""

	def __init__(self, second=False, smtp=False, command=True, **more):
		self.second, self.smtp, self.command, self.port = second, smtp, command, free_port()
		super().__init__(hooked=True, prepare=self.prepare, **more)

	def prepare(self, site):
		with open(os.open(self.path("password"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
			file.write("x\n")
		with open(os.open(self.path("alarm"), os.O_WRONLY | os.O_CREAT, 0o700), "w") as file:
			file.write(SCRIPT.format(folder=self.folder))
		self.exit_with(0)

	def exit_with(self, code):
		with open(self.path("exit"), "w") as file:
			file.write(f"{code}\n")

	def configure(self, **settings):
		super().configure(**settings)
		with open(self.path("ungcuu.conf"), encoding="utf-8") as file:
			text = file.read()
		if self.second:
			text = text.replace("} );\nsubmission", "},\n" + IMAP.format(port=self.port) + " );\nsubmission")
		if self.smtp:
			text = re.sub(r"submission = \{.*?\};", f'submission = {{ type = "smtp"; host = "127.0.0.1"; '
				f'port = {self.port}; tls = "none-loopback-only"; }};', text)
		if self.command:
			text += f'alarm = {{ command = [ "{self.path("alarm")}", "a word" ]; }};\n'
		with open(self.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(text)

	def calls(self):
		"""(cause, text) of each run of the command; every one had the configured word and these two."""
		try:
			with open(self.path("calls"), encoding="utf-8") as file:
				rows = [line.rstrip("\n").split("|") for line in file]
		except FileNotFoundError:
			return []
		if any(len(row) != 3 or row[0] != "3" for row in rows):
			raise RuntimeError(f"calls: {rows}")
		return [(row[1], row[2]) for row in rows]

	def causes(self):
		return [("-" if text.startswith("cleared: ") else "+") + cause for cause, text in self.calls()]

	def open_alarms(self):
		return [alarm["cause"] for alarm in self.ctl("status").get("alarms", [])]

	def look(self, n, seconds=30):
		"""Waits for so many runs of the command; each look wakes the hub, as any call of ungcuuctl does."""
		return wait_until(lambda: (self.answers(), len(self.calls()) >= n)[1], seconds)

	def told(self, n, name):
		self.look(n)
		same(self.causes()[n - 1:], [name], f"the command is run: {name}")


# ---- a mailbox, through its whole life ------------------------------------------------------------------

def check_mailbox():
	site = AlarmSite(second=True)
	ok(site.daemon_start(), "a daemon with a mailbox out of reach")
	ok(wait_until(lambda: "event=poll-failed" in site.daemon_text()), "which it finds out")
	site.deliver(mail())
	ok(wait_until(lambda: len(site.acks()) == 1), "the other mailbox is served meanwhile")
	same((site.calls(), site.open_alarms()), ([], []), "no alarm yet")
	site.exit_with(3)
	site.hooks(f"clock=+{20 * MINUTE}")
	ok(site.look(1), "after a quarter of an hour the command is run")
	ok(wait_until(lambda: "event=alarm-untold cause=mailbox:phu status=3" in site.daemon_text()), "it fails: the log says so")
	ok("event=alarm cause=mailbox:phu" in site.daemon_text(), "and so stands the alarm itself in the log")
	status = site.ctl("status")
	same((status["exit"], [a["cause"] for a in status["alarms"]], status["alarms"][0]["told"]), (1, ["mailbox:phu"], None),
		"status shows it, untold, and exits with 1")
	site.exit_with(0)
	site.hooks(f"clock=+{22 * MINUTE}")
	site.told(2, "+mailbox:phu")
	ok(wait_until(lambda: site.ctl("status")["alarms"][0]["told"]), "told now")
	text = site.calls()[1][1]
	ok(text.startswith("mailbox phu has not been read for long: ") and "refused" in text, "with the reason", text)
	same(site.daemon_stop(), 0, "the daemon ends")
	ok(site.daemon_start(), "and starts again")
	site.hooks(f"clock=+{40 * MINUTE}")
	ok(wait_until(lambda: site.daemon_text().count("event=poll-failed") > 3), "the mailbox is still away")
	same((site.causes(), site.open_alarms()), (["+mailbox:phu"] * 2, ["mailbox:phu"]), "it is not raised twice")
	site.hooks(f"clock=+{25 * HOUR}")
	site.told(3, "+mailbox:phu")
	site.second = False
	site.configure()
	site.daemon.send_signal(1)
	site.told(4, "-mailbox:phu")
	ok(wait_until(lambda: not site.open_alarms()), "a mailbox that is not configured any more: told, and over")
	same(site.daemon_stop(), 0, "the daemon ends")
	same(site.causes(), ["+mailbox:phu"] * 3 + ["-mailbox:phu"], "and all in all these were the calls")


def check_refused():
	site = AlarmSite(second=True)
	server = Refusing(site.port)
	same(site.once(), 1, "a mailbox that only a person can mend")
	same(site.causes(), ["+mailbox:phu"], "is an alarm at once, also with --once")
	ok("(address)" in site.calls()[0][1] and "@" not in site.calls()[0][1], "without the address the server named", site.calls())
	same((site.once(), site.causes()), (1, ["+mailbox:phu"]), "and is raised once")
	server.close()
	site.second = False
	site.configure()
	same((site.once(), site.causes(), site.ctl("status")["exit"]), (0, ["+mailbox:phu", "-mailbox:phu"], 0), "taken out: cleared")


# ---- submission, disk, clock -----------------------------------------------------------------------------

def check_submission():
	site = AlarmSite(smtp=True)
	ok(site.daemon_start(), "a daemon without a way out")
	site.deliver(mail())
	ok(wait_until(lambda: [row for row in site.ctl("queue", "list").get("outgoing", []) if row["state"] == "protected" and
		row["reason"]]), "an answer waits")
	same(site.calls(), [], "no alarm yet")
	site.hooks(f"clock=+{16 * MINUTE}")
	site.told(1, "+submission")
	same(site.open_alarms(), ["submission"], "status shows it")
	site.smtp = False
	site.configure()
	site.hooks(f"clock=+{5 * HOUR}")
	site.daemon.send_signal(1)
	ok(wait_until(lambda: (site.answers(), len(site.acks()) == 1)[1]), "another way out: the answer leaves")
	site.told(2, "-submission")
	same(site.daemon_stop(), 0, "the daemon ends")


def check_disk():
	site = AlarmSite()
	site.deliver(mail())
	site.hooks("fault=seal.space fetch nospace")
	same((site.once(), site.causes(), len(site.tickets())), (1, ["+disk"], 0), "no room for a mail")
	same((site.once(), site.causes(), len(site.acks())), (0, ["+disk", "-disk"], 1), "room again")


def check_clock():
	site = AlarmSite()
	site.hooks(f"clock=+{1000 * HOUR}")
	site.deliver(mail(), hours_old=-1000)
	same((site.once(), len(site.acks())), (0, 1), "a mail under a clock that is ahead")
	site.hooks()
	site.deliver(mail())
	site.once()
	same((site.causes(), len(site.acks())), (["+clock"], 2), "the clock goes back between two runs: an alarm, and mail goes on")
	ok(site.daemon_start(), "a daemon")
	ok(wait_until(lambda: "event=ready" in site.daemon_text()), "is up")
	site.hooks(f"clock=+{300 * HOUR}")
	site.deliver(mail())
	ok(wait_until(lambda: (site.answers(), len(site.acks()) == 3)[1]), "the clock jumps ahead: mail goes on")
	site.told(2, "-clock")
	site.hooks(f"clock=+{100 * HOUR}")
	site.deliver(mail())
	ok(wait_until(lambda: (site.answers(), len(site.acks()) == 4)[1], 20), "it goes back while the daemon runs: mail goes on")
	site.told(3, "+clock")
	site.hooks(f"clock=+{102 * HOUR}")
	site.told(4, "-clock")
	same(site.daemon_stop(), 0, "the daemon ends")
	site.balanced("balanced", seen=4)


def check_no_command():
	site = AlarmSite(command=False)
	site.deliver(mail())
	site.hooks("fault=seal.space fetch nospace")
	same(site.once(), 1, "without a command")
	ok("event=alarm cause=disk" in site.log, "an alarm is a line of the log")
	same(site.open_alarms(), ["disk"], "and stands in status")
	ok("event=alarm-untold" not in site.log, "nothing is missing")


check_mailbox()
check_refused()
check_submission()
check_disk()
check_clock()
check_no_command()
done()
