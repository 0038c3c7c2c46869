# SPDX-License-Identifier: ISC
#
# arriving: a daemon at an IMAP mailbox of one folder that is empty most of the time: what arrives later is seen by
# the session there is, each mail once: by the poll, and, where the server tells of it, before the poll.

import time

from flow import done, mail, ok, same, wait_until
from realsite import Between, RealSite, needs_root
from servers import Servers, USER

needs_root()
REPORTER = "an@reporter.example"
world = Servers(users=(USER, REPORTER), quota="1M")
site = RealSite(world)
total = 0


def arrive(n, seconds, how):
	global total
	for _ in range(n):
		total += 1
		site.post(mail(f"Thư số {total}.\n", sender=REPORTER))
		ok(wait_until(lambda: world.count(REPORTER) == total and site.lying() == 0, seconds),
			f"{how}: mail {total} is answered and moved", site.daemon_text()[-2000:])


site.via({"folders": '"INBOX"', "poll": "5s", "more": "idle = false;"})
ok(site.daemon_start(), "the daemon runs")
arrive(3, 30, "polled")
same(site.daemon_stop(), 0, "SIGTERM ends in order")

ok(wait_until(lambda: site.ctl("status")["mailboxes"][0].get("room"), 20), "the room is asked for")
room = site.ctl("status")["mailboxes"][0]["room"]
ok(0 <= room["used"] < 100000 and room["limit"] == 1048576 and room["percent"] < 10, "status tells how full it is", room)

# Now the next poll is a day away.
between = Between(world.hosts["good"], world.imaps_port)
site.via({"poll": "1d", "more": "", "port": between.port})
ok(site.daemon_start(), "the daemon runs again")
arrive(3, 30, "told of")
begin = time.monotonic()
same(site.daemon_stop(), 0, "SIGTERM ends in order, though the server is listened to")
ok(time.monotonic() - begin < 10, "and soon", time.monotonic() - begin)
world.deliver(mail(("x" * 70 + "\n") * 12000, sender=REPORTER), folder="Junk")	# not watched here
ok(site.daemon_start(), "the daemon runs a third time")
ok(wait_until(lambda: "event=mailbox-full mailbox=main percent=8" in site.daemon_text(), 20), "a full mailbox is logged")
ok(wait_until(lambda: any("main is 8" in line for line in site.ctl("status")["attention"]), 20),
	"and status calls for a person", site.ctl("status"))
same(site.ctl("status")["exit"], 1, "by its exit status, too")
arrive(1, 30, "told of")
connections = between.connections
between.cut()
ok(wait_until(lambda: "event=idle-ended" in site.daemon_text(), 20), "the connection is cut while it waits: logged",
	site.daemon_text()[-2000:])
same(site.daemon_stop(), 0, "SIGTERM ends in order")
same(site.once(), 0, "nothing is left to do")
same(len(site.tickets()), total, "a ticket each")
same(site.daemon_text().count("event=stored"), total, "each mail was stored once")
site.balanced("balanced", seen=total)
done()
