# SPDX-License-Identifier: ISC
#
# pop3-kill: fetch and hub die wherever they can while mail is taken out of a real POP3 maildrop, and while it is
# removed there: one ticket and one answer for each mail, removed only what is stored, and the ledger balances.

import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

from flow import children, done, note, ok, program, same, wait_until
from popsite import DAY, PopSite, needs_dovecot, report
from servers import Servers

needs_dovecot()
USERS = tuple(f"diem-{n}@example.vn" for n in range(12))
world = Servers(users=USERS, postfix=False, pop3=True)

POINTS = (
	("seal.sync.after", "fetch"), ("blob.link.before", "hub"), ("blob.link.after", "hub"), ("store.commit.before", "hub"),
	("store.commit.after", "hub"), ("frame.receive.after", "hub"), ("hub.turn.before", "hub"),
)
QUITS = (("pop3.quit.before", "fetch"), ("pop3.quit.after", "fetch"), ("store.commit.before", "hub"), ("store.commit.after", "hub"))


def crash_at(user, name, role, removing):
	site = PopSite(world, user, hooked=True, more='done_keep = "1d";')
	site.post(report(1), report(2))
	wrong, left = [], 2
	if removing:
		if site.once() != 0:
			wrong.append("the first look")
		site.hooks(f"clock=+{DAY}")
		site.ctl("backup", site.path("backup"))
		site.hooks(f"clock=+{2 * DAY}", f"fault={name} {role} kill")
		left = 0
	else:
		site.hooks(f"fault={name} {role} kill")
	site.once()
	if any("fault" in line for line in site.hooks_left()):
		wrong.append("the point was never reached")
	if removing:
		site.hooks(f"clock=+{2 * DAY}")
	if site.once() != 0:
		wrong.append("the look after it")
	ids = [message["Message-ID"] for message in site.acks()]
	if len(site.tickets()) != 2 or len(set(ids)) != 2 or len(ids) > 2 + name.startswith("hub.turn"):
		wrong.append(f"{len(site.tickets())} tickets, acknowledgements {ids}")
	if site.lying() != left:
		wrong.append(f"{site.lying()} mails lie there")
	box = site.ctl("ledger").get("mailboxes", [{}])[0]
	if box.get("unexplained") != 0 or box.get("seen") != 2 or box.get("accounted", {}).get("report") != 2:
		wrong.append(f"ledger: {box}")
	if wrong:
		wrong += site.log.splitlines()[-15:]
	site.close()
	return wrong


def check_deaths():
	cases = [(*point, False) for point in POINTS] + [(*point, True) for point in QUITS]
	with ThreadPoolExecutor(2) as pool:
		results = pool.map(lambda at: crash_at(USERS[at], *cases[at]), range(len(cases)))
		for (name, role, removing), wrong in zip(cases, results):
			ok(not wrong, f"kill at {name} in {role}{', while removing' if removing else ''}", "\n".join(wrong))


def check_kill():
	site = PopSite(world, USERS[11])
	site.post(*[report(n) for n in range(60)])
	chance = random.Random(3)
	ok(site.daemon_start(), "the daemon runs")
	for name in ("ungcuu-fetch", "ungcuu-hub", "ungcuu-fetch", "ungcuu-hub"):
		goal = len(site.ack_files()) + chance.randrange(1, 10)
		wait_until(lambda: len(site.ack_files()) >= goal, 30)
		victims = [pid for pid in children(site.daemon.pid) if program(pid) == name]
		for pid in victims[:1]:
			os.kill(pid, signal.SIGKILL)
		ok(victims and wait_until(lambda: any(program(pid) == name and pid not in victims for pid in children(site.daemon.pid)), 30),
			f"{name} killed after {goal} answers: it is there again")
	ok(wait_until(lambda: len({message["To"] for message in site.acks()}) == 60, 60), "everybody is answered", len(site.acks()))
	same(site.daemon_stop(), 0, "SIGTERM ends in order")
	same(site.once(), 0, "a next run finds everything done")
	same((len(site.tickets()), site.lying()), (60, 60), "one ticket each, and every mail still there")
	same(len({message["Message-ID"] for message in site.acks()}), 60, "repeated only under the same Message-ID")
	site.balanced("balanced", seen=60)


check_deaths()
check_kill()
done()
