# SPDX-License-Identifier: ISC
#
# real-kill: hub, fetch and submit are killed at random (the same each time) while 200 mails come in through
# real servers.  Nothing is lost: one ticket for each mail, and the answers at most repeated, under the same
# Message-ID.

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import mailset
from flow import children, done, note, ok, parse, program, same, wait_until
from realsite import RealSite, needs_root
from servers import Servers, USER

needs_root()
MAILS, KILLS, SEED = 200, 12, 4
ROLES = ("ungcuu-hub", "ungcuu-fetch", "ungcuu-submit")
mails = {mail.name: mail for mail in mailset.plain(MAILS)}
world = Servers(users=(USER, *(mail.sender for mail in mails.values())))
site = RealSite(world)
chance = random.Random(SEED)


def victims(name):
	return [pid for pid in children(site.daemon.pid) if program(pid) == name]


def sent():
	return world.logs("postfix.log").count("status=sent") - handed_in


handed_in = 0
world.submit([(mail.raw, mail.sender, [USER]) for mail in mails.values()])
ok(wait_until(lambda: site.lying() == MAILS, 60), f"{MAILS} mails lie in the mailbox", site.lying())
handed_in = world.logs("postfix.log").count("status=sent")
ok(site.daemon_start(), "the daemon runs")
killed = []
order = list(ROLES) * (KILLS // len(ROLES))
chance.shuffle(order)
for name in order:
	goal = sent() + chance.randrange(1, MAILS // KILLS)
	wait_until(lambda: sent() >= min(goal, MAILS) and victims(name), 30)
	time.sleep(chance.random() / 20)	# anywhere in its work
	for pid in victims(name)[:1]:
		os.kill(pid, signal.SIGKILL)
		killed.append(name)
		ok(wait_until(lambda: victims(name) and pid not in victims(name), 30), f"{name} killed after {sent()} answers: it is there again")
ok(wait_until(lambda: sent() >= MAILS and site.lying() == 0 and
	all(row["state"] == "sent" for row in site.outgoing()), 120), "all of it is worked off", site.ctl("status"))
note(f"killed {' '.join(killed)}; {sent()} answers left")
same(len(killed), KILLS, "every kill met somebody")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
same((site.lying(), site.lying("Done")), (0, MAILS), "every mail lies in Done")
tickets = site.tickets()
same(sorted(ticket["reporter"] for ticket in tickets), sorted(mail.sender for mail in mails.values()), "one ticket for each")
rows = {row["recipient"]: row for row in site.outgoing()}
users = [mail.sender for mail in mails.values()]
with ThreadPoolExecutor(3) as pool:
	got = dict(zip(users, pool.map(world.fetch, users)))
same([user for user in users if not got[user]], [], "everybody has an answer")
wrong = [(user, [parse(raw)["Message-ID"] for raw in raws]) for user, raws in got.items()
	if {parse(raw)["Message-ID"].strip("<>") for raw in raws} != {rows[user]["message_id"].strip("<>")}]
same(wrong, [], "repeated only under the same Message-ID")
repeats = sum(len(raws) - 1 for raws in got.values() if raws)
ok(repeats <= KILLS * 4, "and rarely", repeats)
same({site.verify(raws[0]) for raws in list(got.values())[:20] if raws}, {site.fingerprint}, "gpg verifies them")
box = site.balanced("balanced", seen=MAILS)
same(box["accounted"].get("report"), MAILS, "every one a report")
same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")
same(site.once(), 0, "a next run finds everything done")
done()
