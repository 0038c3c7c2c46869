# SPDX-License-Identifier: ISC
#
# arriving: a daemon at an IMAP mailbox of one folder that is empty most of the time: what arrives later is seen by
# the session there is, each mail once.

from flow import done, mail, ok, same, wait_until
from realsite import RealSite, needs_root
from servers import Servers, USER

needs_root()
REPORTER = "an@reporter.example"
world = Servers(users=(USER, REPORTER))
site = RealSite(world)
site.via({"folders": '"INBOX"', "poll": "5s"})
ok(site.daemon_start(), "the daemon runs")
for number in (1, 2, 3):
	site.post(mail(f"Thư số {number}.\n", sender=REPORTER))
	ok(wait_until(lambda: world.count(REPORTER) == number and site.lying() == 0, 30),
		f"mail {number} is answered and moved", site.daemon_text()[-2000:])
same(site.daemon_stop(), 0, "SIGTERM ends in order")
same(len(site.tickets()), 3, "three tickets")
same(site.daemon_text().count("event=stored"), 3, "each mail was stored once")
site.balanced("balanced", seen=3)
done()
