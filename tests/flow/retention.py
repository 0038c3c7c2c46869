# SPDX-License-Identifier: ISC
#
# retention: after the time its class is given, content is erased: of closed tickets, of mail without a ticket, of
# the journal.  The ledger still accounts for every mail, the journal verifies, what a person has to decide stays,
# and without a time nothing is erased.

import os
import sqlite3

from flow import Site, done, mail, ok, same

DAY = 24 * 3600 * 1000
site = Site(hooked=True, mode='answer"; retention = "60d"; retention_noise = "10d')


def sql(statement, *values):
	with sqlite3.connect(site.path("db/ungcuu.db")) as db:
		return db.execute(statement, values).fetchall()


def blobs():
	return len(os.listdir(site.path("spool")))


def at(days):
	site.hooks(f"clock=+{int(days * DAY)}")
	site.log = ""
	return site.once()


def verifies(name):
	return same(site.ctl("journal", "verify").get("ok"), True, f"the journal verifies: {name}")


for n in range(2):
	site.deliver(mail(f"Báo cáo cần giữ {n}.\n", sender=f"giu{n}@reporter.example", subject=f"Giữ {n}"))
for n in range(3):
	site.deliver(mail("Lặp.\n", headers=("X-Ungcuu-Loop: ungcuu@example.vn",), sender=f"lap{n}@x.example"))
same((site.once(), blobs()), (0, 7), "two reports with their answers, three mails filed as noise")
first, second = (ticket["id"] for ticket in sorted(site.tickets(), key=lambda ticket: ticket["subject"]))
same((at(9), blobs()), (0, 7), "after nine days all is there")
same((at(11), blobs()), (0, 4), "after eleven the noise is erased")
ok("event=erased mails=3" in site.log, "and said so", site.log)
same(site.balanced("balanced without the noise", seen=5)["accounted"]["noise"], 3, "it is still accounted for")
verifies("without the noise")
same((at(100), blobs()), (0, 4), "a ticket that is not closed stays")

sql("UPDATE ticket SET state = 'closed' WHERE number = ?", first)
same((at(59), blobs()), (0, 4), "a closed one stays its time")
same((at(61), blobs()), (0, 2), "and is erased then")
ok(f"event=erased ticket={first} mails=1" in site.log, "and said so", site.log)
shown = site.ctl("ticket", "show", first)
same((shown["exit"], shown.get("subject"), shown.get("reporter"), shown.get("state")), (0, None, None, "closed"),
	"no subject and no reporter is left")
ok("giu0" not in str(shown) and "cần giữ" not in str(shown), "nor anything of its mail", shown)
events = shown.get("events", [])
ok(len(events) > 3 and any(event["event"] == "erased" for event in events) and
	not any(event["why"] for event in events if event["event"] != "erased"), "its events stay, without reasons", events)
rows = [row for row in site.ctl("queue", "list")["outgoing"] if row["recipient"] is None]
same(len(rows), 1, "the address it was answered at is gone")
same(site.ctl("ticket", "export", first, "--to", site.path("export"))["exit"], 0, "what is left can be exported")
kept = site.ctl("ticket", "show", second)
same((kept.get("subject"), kept.get("reporter")), ("Giữ 1", "giu1@reporter.example"), "the open one has all")
site.balanced("balanced without the ticket", seen=5)
verifies("without the ticket")
same(site.ctl("explain", second)["exit"], 0, "the other one is explained")

# It is answered later: what came since is erased in its turn.
site.hooks(f"clock=+{70 * DAY}")
site.deliver(mail("Còn một điều nữa.\n", sender="giu0@reporter.example", subject=f"Re: [{first}] Giữ 0"))
code = site.once()
number = blobs() - 2
ok(code == 0 and number >= 1, "later mail is kept again", number)
sql("UPDATE ticket SET state = 'closed' WHERE number <> ?", second)
same((at(140), blobs()), (0, 2), "and erased after its time")
site.balanced("balanced after later mail", seen=6)
verifies("after later mail")

# What a person has to decide stays, closed or not.
site.deliver(mail("Thư đang giữ.\n", sender="cam@reporter.example"))
same(at(141), 0, "one more report")
third = sorted(ticket["id"] for ticket in site.tickets())[-1]
sql("UPDATE ticket SET state = 'closed' WHERE number = ?", third)
sql("UPDATE outgoing SET state = 'held', next_try = -1 WHERE ticket = (SELECT id FROM ticket WHERE number = ?)", third)
before = blobs()
same((at(300), blobs()), (0, before), "a ticket with a held answer waits for a person")
ok(site.ctl("ticket", "show", third).get("reporter"), "with all it has")

# A kill in the middle leaves it whole or erased.
sql("UPDATE outgoing SET state = 'sent' WHERE state = 'held'")
for fault in ("store.commit.before", "store.commit.after"):
	site.hooks(f"clock=+{300 * DAY}", f"fault={fault} hub kill")
	site.once()
	verifies(f"killed at {fault}")
	site.balanced(f"balanced: killed at {fault}", seen=7)
at(300)
same((blobs(), site.ctl("ticket", "show", third).get("reporter")), (2, None), "erased in the end")

# Reasons alone.
same(site.ctl("backup", site.path("store.backup"))["exit"], 0, "what is left can be backed up")
site.configure(mode='answer"; retention_journal = "30d')
at(400)
ok(not any(event["why"] for event in site.ctl("ticket", "show", second)["events"]), "old reasons go from all tickets")
ok(site.ctl("ticket", "show", second).get("subject"), "whose content stays")
verifies("without reasons")

# Nothing is erased where nothing was said.
plain = Site(hooked=True)
plain.deliver(mail("Lặp.\n", headers=("X-Ungcuu-Loop: ungcuu@example.vn",)))
plain.once()
plain.hooks(f"clock=+{9000 * DAY}")
same((plain.once(), len(os.listdir(plain.path("spool")))), (0, 1), "without a time nothing is ever erased")
done()
