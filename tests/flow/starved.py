# SPDX-License-Identifier: ISC
#
# starved: what the gateway lacks for a while must not be blamed on mail.  A spool or database that takes nothing,
# however often, holds no mail and answers none twice; a gpg that is killed makes no key "gone" and no answer held.

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from flow import Site, children, done, mail, ok, program, same, wait_until

HOUR = 3600 * 1000
# Fault lines, and how often: each is more often than five unexplained ends, which hold a mail.
TROUBLES = {
	"no file can be made in the spool": ["fault=blob.new.space hub nospace"] * 8,
	"no file can be linked in the spool": ["fault=blob.link.space hub nospace"] * 8,
	"no answer can be sealed": ["fault=seal.space hub nospace"] * 8,
	"the database takes no commit, here and there": [f"fault=store.commit.before hub nospace {2 + n % 5}" for n in range(14)],
}


def states(site):
	return sorted(row["state"] for row in site.ctl("queue", "list").get("outgoing", []))


def starve(what, lines):
	site = Site(hooked=True)
	site.deliver(mail("Sự cố một.\n"))
	site.deliver(mail("Sự cố hai.\n", sender="hai@reporter.example"))
	left, hours, held = lines, 0, []
	while left and hours < 400:
		hours += 5
		site.hooks(f"clock=+{hours * HOUR}", *left)
		site.once()
		left = [line.rstrip() for line in site.hooks_left() if line.startswith("fault=")]
		held += site.ctl("hold", "list").get("held", [])
	site.hooks(f"clock=+{(hours + 10) * HOUR}")
	return site, left, held, site.once()


with ThreadPoolExecutor(2) as pool:
	starved = dict(zip(TROUBLES, pool.map(lambda row: starve(*row), TROUBLES.items())))
for what, (site, left, held, code) in starved.items():
	same((left, held), ([], []), f"{what}: {len(TROUBLES[what])} times, and nothing is held")
	same(code, 0, f"{what}: afterwards all of it is done")
	same((len(site.tickets()), states(site)), (2, ["sent", "sent"]), f"{what}: two tickets, two answers")
	same(len({message["Message-ID"] for message in site.acks()}), 2, f"{what}: none of them twice")
	site.balanced(f"{what}: balanced", seen=2)
	if "database" not in what:
		ends = [line for line in site.log.splitlines() if "event=role-end role=hub" in line and "death=orderly" not in line]
		same(ends, [], f"{what}: the hub lives on")

# No name server knows the submission server.
nameless = Site()
with open(nameless.path("ungcuu.conf"), "r+", encoding="utf-8") as file:
	head, _, rest = file.read().partition("submission = {")
	file.seek(0)
	file.truncate()
	file.write(head + 'submission = { type = "smtp"; host = "khong-co.invalid"; port = 465; tls = "implicit"; };' +
		rest.partition("};")[2])
nameless.deliver(mail())
same((nameless.once(), len(nameless.tickets()), states(nameless)), (1, 1, ["protected"]), "a name that nobody knows: the answer waits")

# gpg is killed while the configuration is looked at.
gpg = Site(hooked=True)
gpg.deliver(mail())
gpg.hooks("fault=program.exec supervisor kill")
same((gpg.once(), gpg.hooks_left(), len(gpg.acks())), (0, [], 1), "gpg killed once at the start: it is asked again")
gpg.hooks(*["fault=program.exec supervisor kill"] * 3)
same((gpg.once(), gpg.hooks_left()), (75, []), "each time: no fault of the configuration, another start may help")

# gpg is killed while it signs an answer: the agent is stopped so that it is met there.
signing = Site(hooked=True)
signing.daemon_start()
agents = [pid for pid in children(signing.daemon.pid) if "gpg-agent" in program(pid)]
for agent in agents:
	os.kill(agent, signal.SIGSTOP)
signing.deliver(mail())


def signers():
	return [pid for pid in children(signing.daemon.pid) if program(pid) == "gpg"]


ok(wait_until(signers, 20), "gpg waits for its agent")
for pid in signers():
	os.kill(pid, signal.SIGKILL)
for agent in agents:
	os.kill(agent, signal.SIGCONT)
ok(wait_until(lambda: "event=later state=planned" in signing.daemon_text() or "state=held" in signing.daemon_text(), 20),
	"gpg killed while it signs: told")
same(states(signing), ["planned"], "the answer waits for another try, it is not held")
signing.hooks(f"clock=+{HOUR // 2}")
signing.ctl("hold", "retry", "0" * 32)	# a turn
ok(wait_until(lambda: len(signing.acks()) == 1, 20), "and leaves")
same(signing.daemon_stop(), 0, "SIGTERM ends in order")
done()
