# SPDX-License-Identifier: ISC
#
# real-stall: a server that says nothing any more, in the middle of a mail taken, until the deadline of the command
# ends it, and in the middle of an answer sent, until it hangs up (the deadline there is tested with the client
# alone).  The next connection goes on, and nothing is lost or doubled.  Mostly waits.

import threading
import time

from flow import done, mail, note, ok, same, wait_until
from realsite import Between, RealSite, needs_root
from servers import Servers, USER

needs_root()
FROM_IMAP, FROM_GATEWAY = 400000, 6000	# octets that pass before it stalls: in the mail, in the answer
REPORTERS = ("lon@reporter.example", "nho@reporter.example")
world = Servers(users=(USER, *REPORTERS))


class Stalling:
	"""Passes so many octets of one side, on the first connections that get there; then nothing."""

	def __init__(self, from_server, octets):
		self.from_server, self.left, self.seen = from_server, 1, {}
		self.octets, self.lock = octets, threading.Lock()

	def __call__(self, octets, from_server):
		key = threading.current_thread()
		with self.lock:
			if from_server == self.from_server:
				self.seen[key] = self.seen.get(key, 0) + len(octets)
				if self.left and self.seen[key] > self.octets:
					self.left -= 1
					return None
		return octets


site = RealSite(world)
imap = Between(world.hosts["good"], world.imaps_port, Stalling(True, FROM_IMAP))
smtp = Between(world.hosts["good"], world.submissions_port, Stalling(False, FROM_GATEWAY))
site.via({"port": imap.port}, {"port": smtp.port})
site.post(mail("Kèm nhiều dòng.\n" + ("x" * 70 + "\n") * 14000, sender=REPORTERS[0]))
site.post(mail("Thư nhỏ.\n", sender=REPORTERS[1]))
begin = time.monotonic()
ok(site.daemon_start(), "the daemon runs")
ok(wait_until(lambda: imap.stalled, 30), "the IMAP server stalls in the middle of a mail")
ok(wait_until(lambda: site.ctl("status")["mailboxes"][0].get("error"), 90), "its deadline ends it, and status says so",
	site.daemon_text()[-2000:])
note(f"after {time.monotonic() - begin:.0f} s")
ok(wait_until(lambda: smtp.stalled, 60), "the SMTP server stalls in the middle of an answer", site.daemon_text()[-2000:])
same([world.count(user) for user in REPORTERS], [0, 0], "no answer is there")
smtp.cut()
ok(wait_until(lambda: any(row["state"] == "protected" and row["next_try"] and row["reason"] for row in site.outgoing()), 20),
	"it hangs up: the answer waits for another try", site.outgoing())
ok(wait_until(lambda: all(world.count(user) == 1 for user in REPORTERS), 120), "in the end everybody has an answer",
	(site.outgoing(), site.daemon_text()[-3000:]))
note(f"after {time.monotonic() - begin:.0f} s")
ok(imap.stalled == 1 and smtp.stalled == 1, "each stalled once", (imap.stalled, smtp.stalled))
ok(wait_until(lambda: site.lying() == 0, 30), "both mails are moved")
status = site.ctl("status")
ok(wait_until(lambda: not site.ctl("status")["mailboxes"][0].get("error"), 30), "status is content again", status)
same(site.daemon_stop(), 0, "SIGTERM ends in order")
same([world.count(user) for user in REPORTERS], [1, 1], "one answer each")
same(site.lying("Done"), 2, "nothing is lost")
site.balanced("balanced", seen=2)
done()
