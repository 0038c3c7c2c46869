# SPDX-License-Identifier: ISC
#
# faults: the process that reaches a fault point dies there, for every fault point of the program, the hub's own
# decision included; after a restart there is one ticket, one acknowledgement (at the submit window perhaps
# twice the same Message-ID, never none), and the ledger balances.

from concurrent.futures import ThreadPoolExecutor

from flow import Site, done, mail, note, ok, same

# Points that the way of one report does not pass; each has its own test elsewhere.
ELSEWHERE = {"keys.open", "keys.read"}	# deaths.py
OTHER_WAYS = ("imap.", "smtp.", "program.", "pop3.")	# points.py, starved.py, pop3-kill.py
# A crash between acceptance and its commit may send again.
MAY_REPEAT = ("maildir.deliver.", "submit.", "hub.turn.")


def points():
	site = Site(hooked=True)
	code, out, err = site.run("ungcuud", "--fault", "list")
	same(code, 0, "ungcuud --fault list")
	found = [line.split()[:2] for line in out.splitlines() if line and not line.startswith("#")]
	# Those of each verb: points.py.
	return [(name, role) for name, role in found if not name.startswith(OTHER_WAYS) and
		not (name.startswith("frame.") and name.count(".") > 2)]


def crash_at(name, role, action):
	"""What was wrong, as lines; none when all is well."""
	site = Site(hooked=True)
	wrong = []
	site.deliver(mail("Sự cố.\n"))
	nospace = name.endswith(".space")
	site.hooks(f"fault={name} {role} {'nospace' if nospace else action}")
	first = site.once()
	if site.hooks_left():
		wrong.append("the point was never reached")
	# No disk space is a reason to try again later: a little later, then.
	site.hooks(*["clock=+300000"] * nospace)
	second = site.once()
	if second != 0:
		wrong.append(f"exit {first}, then {second}")
	tickets, acks = site.tickets(), site.acks()
	if len(tickets) != 1 or tickets[0]["kind"] != "report":
		wrong.append(f"tickets: {tickets}")
	ids = [message["Message-ID"] for message in acks]
	repeat = name.startswith(MAY_REPEAT)
	if len(set(ids)) != 1 or len(ids) > (2 if repeat else 1):
		wrong.append(f"acknowledgements: {ids}")
	if any(site.verify(raw) != site.fingerprint for raw in site.acks_raw()):
		wrong.append("an acknowledgement does not verify")
	if site.in_folder("Maildir") or len(site.in_folder("Maildir", ".Done")) != 1:
		wrong.append(f"mailbox: {site.in_folder('Maildir')}, Done: {site.in_folder('Maildir', '.Done')}")
	ledger = site.ctl("ledger")
	box = ledger.get("mailboxes", [{}])[0]
	if ledger["exit"] or box.get("unexplained") != 0 or box.get("seen") != 1 or \
			box.get("accounted", {}).get("report") != 1:
		wrong.append(f"ledger: {ledger}")
	journal = site.ctl("journal", "verify")
	if journal.get("ok") is not True:
		wrong.append(f"journal: {journal}")
	if wrong:
		wrong += site.log.splitlines()[-15:]
	site.close()
	return wrong


found = points()
ok(len(found) >= 8, "there are fault points", found)
cases = [(name, role, action) for name, role in found if name not in ELSEWHERE for action in ("kill", "abort")
	if not (name.endswith(".space") and action == "abort")]
with ThreadPoolExecutor(2) as pool:
	for case, wrong in zip(cases, pool.map(lambda case: crash_at(*case), cases)):
		ok(not wrong, f"{case[2]} at {case[0]} in {case[1]}", "\n".join(wrong))

# The hub's own decision: deaths by its own fault are counted, two hold the mail.
poison = Site(hooked=True)
poison.deliver(mail("Độc.\n"))
poison.hooks(*["fault=hub.decide.before hub abort"] * 2)
first = poison.once()
same(poison.hooks_left(), [], "the hub died twice deciding")
same(first, 1, "and the mail is held: --once ends with 1")
held = poison.ctl("hold", "list").get("held", [])
ok(len(held) == 1 and "decision" in held[0]["reason"], "held for its decision", held)
same([ticket["kind"] for ticket in poison.tickets()], ["unreadable"], "with a ticket for a person")
poison.deliver(mail("Sau.\n", sender="sau@reporter.example"))
same((poison.once(), len(poison.acks())), (0, 1), "the next mail is handled")
poison.balanced("balanced", seen=2)

# Unexplained kills: five, then alone; it goes through.
killed = Site(hooked=True)
killed.deliver(mail("Bị giết.\n"))
killed.hooks(*["fault=hub.decide.before hub kill"] * 5)
codes = [killed.once()]
while killed.hooks_left() and len(codes) < 8:
	codes.append(killed.once())
same(killed.hooks_left(), [], "the hub was killed five times deciding")
codes.append(killed.once())
same((codes[-1], len(killed.tickets()), len(killed.acks())), (0, 1, 1), "five unexplained ends: retried alone, it goes through")
note(f"exit codes {codes}")
killed.balanced("balanced", seen=1)
done()
