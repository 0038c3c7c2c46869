# SPDX-License-Identifier: ISC
#
# deaths: workers that die with a request in hand, on the hooked twins, where a header makes a mail misbehave.
# Two deaths of its letter process hold a mail, with a ticket for a person and the raw bytes intact; neighbours
# are handled; a retry through the control socket brings it in.  A dead keys worker costs the acknowledgement
# an attempt, nothing else.

from flow import Site, done, mail, ok, same, wait_until

# header value: how its letter process ends, words of the reason
MISBEHAVIOURS = (("crash-mime", "SEGV"), ("sys-mime", "SYS"), ("eat-mime", ""), ("spin-mime", ""))


def poison(word):
	return mail("Độc.\n", sender=f"{word}@reporter.example", headers=(f"X-Ungcuu-Test: {word}",))


def report(name):
	return mail(f"Báo cáo của {name}.\n", sender=f"{name}@reporter.example")


site = Site(hooked=True)
site.deliver(report("truoc"))
for word, signal in MISBEHAVIOURS:
	site.deliver(poison(word))
site.deliver(report("sau"))
same(site.once(seconds=200), 1, "mails that kill their letter process: --once ends with 1, in bounded time")
held = site.ctl("hold", "list").get("held", [])
same(len(held), len(MISBEHAVIOURS), "all of them are held")
for row in held:
	same((row["stage"], row["attempts"]), ("mime", 2), "after two attempts in mime")
	for name in ("id", "stage", "reason", "attempts", "sha256", "size", "received"):
		ok(row.get(name) is not None, f"hold list: {name}", row)
	same(site.ctl("hold", "show", row["id"])["exit"], 0, "hold show answers")
for word, signal in MISBEHAVIOURS:
	ok(any(signal in row["reason"] for row in held), f"{word}: the reason says how", held)
kinds = sorted(ticket["kind"] for ticket in site.tickets())
same(kinds, ["report"] * 2 + ["unreadable"] * len(MISBEHAVIOURS), 'a ticket "unreadable" each')
same(sorted(str(message["To"]) for message in site.acks()), ["sau@reporter.example", "truoc@reporter.example"],
	"the neighbours are acknowledged, nobody else")
same(len(site.in_folder("Maildir", ".Done")), 2 + len(MISBEHAVIOURS), "all are in the done folder: stored whole")
box = site.balanced("balanced with held mails", seen=2 + len(MISBEHAVIOURS))
same(box["accounted"].get("held"), len(MISBEHAVIOURS), "which it counts")
site.deliver(report("khac"))
same((site.once(), len(site.acks())), (0, 3), "the next run is content: the held ones are old news")

# A person says: again; to the installed programs that header means nothing.
site.use(hooked=False)
same(site.ctl("hold", "retry", held[0]["id"])["exit"], 69, "without a daemon a retry says so: 69")
ok(site.daemon_start(), "the daemon runs")
for row in held:
	same(site.ctl("hold", "retry", row["id"])["exit"], 0, "hold retry is taken")
ok(wait_until(lambda: not site.ctl("hold", "list").get("held")), "and nothing is held any more")
ok(wait_until(lambda: len(site.acks()) == 3 + len(MISBEHAVIOURS)), "each is acknowledged", len(site.acks()))
same({ticket["kind"] for ticket in site.tickets()}, {"report"}, "its ticket is the report it is")
same(len(site.tickets()), 3 + len(MISBEHAVIOURS), "and no second ticket")
ok(site.ctl("hold", "retry", held[0]["id"])["exit"] != 0, "a second retry of the same is refused")
same(site.daemon_stop(), 0, "SIGTERM ends in order")

# keys dies with a request in hand, in a running daemon.
site.use(hooked=True)
ok(site.daemon_start(), "the hooked daemon runs")
before = len(site.acks())
site.hooks("fault=keys.sign keys kill")
site.deliver(report("bon"))
ok(wait_until(lambda: len(site.acks()) == before + 1), "keys killed while signing: the acknowledgement still leaves")
same(site.hooks_left(), [], "it was killed")
same(site.verify(site.acks_raw()[-1]), site.fingerprint, "and verifies")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
site.balanced("balanced", seen=4 + len(MISBEHAVIOURS))

# keys dies twice by its own fault: the acknowledgement is held, the report is not lost.
other = Site(hooked=True)
other.deliver(report("sau"))
other.hooks(*["fault=keys.sign keys abort"] * 2)
same(other.once(), 1, "signing kills keys twice: --once ends with 1")
same(other.hooks_left(), [], "it did, twice")
queue = other.ctl("queue", "list").get("outgoing", [])
same([(row["state"], row["attempts"]) for row in queue], [("held", 2)], "the acknowledgement is held")
same((len(other.tickets()), len(other.acks())), (1, 0), "the ticket stands, nothing left unsigned")
other.balanced("balanced", seen=1)
ok(other.daemon_start(), "the daemon runs")
same(other.ctl("hold", "retry", queue[0]["id"])["exit"], 0, "a retry by hand")
ok(wait_until(lambda: len(other.acks()) == 1), "sends it")
same(other.daemon_stop(), 0, "in order")

# One death is survived within a run.
one = Site(hooked=True)
one.deliver(report("mot"))
one.hooks("fault=keys.sign keys abort")
same((one.once(), len(one.tickets()), len(one.acks())), (0, 1, 1), "one death of keys is survived within a run")
done()
