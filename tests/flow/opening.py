# SPDX-License-Identifier: ISC
#
# opening: keys dies, stalls or loses its agent with a protected mail in hand.  One death costs an attempt, two hold
# the mail, an agent's fault costs nothing; the plain mail beside it is handled each time, and nothing is lost.

import os
import shutil
import signal
import tempfile

import people
from flow import Site, children, command, done, mail, ok, program, same, wait_until

SENDER = "cntt@so-mau.example.org"
PARTIES = 'directory = {{ agencies = ( {{ id = "so-mau"; name = "Sở Mẫu"; addresses = [ "{0}" ]; keys = [ "{1}" ]; }} ); }};'


def site_with(persons):
	"""A hooked site that knows one agency; its key."""
	site = Site(hooked=True)
	key = persons.key(f"Sở Mẫu <{SENDER}>")
	with open(site.path("certificates", "so-mau.asc"), "wb") as file:
		file.write(persons.certificate(key))
	site.configure(more=PARTIES.format(SENDER, key))
	persons.hotline(site.path("gnupg"), site.fingerprint)
	return site, key


def protected(persons, site, key, text="Máy chủ bị mã hoá.\n"):
	return people.mail(people.fields(SENDER, "Báo cáo kín"),
		persons.encrypted(people.text_entity(text), [site.fingerprint], key))


def words(site):
	return sorted((ticket["kind"], ticket["signature"], ticket["encryption"]) for ticket in site.tickets())


PLAIN, PROTECTED, HELD = ("report", "none", "none"), ("report", "good-trusted", "decrypted"), ("unreadable", "none", "none")


def run(name, hooks, expected, code, acks):
	persons = people.People(tempfile.mkdtemp(prefix="ungcuu-people-", dir=os.environ.get("TMPDIR", "/tmp")))
	site, key = site_with(persons)
	site.deliver(protected(persons, site, key))
	site.deliver(mail())
	site.hooks(*hooks)
	same((site.once(), words(site), len(site.acks())), (code, sorted(expected), acks), name)
	same([line for line in site.hooks_left() if line.startswith("fault=")], [], f"{name}: it happened")
	site.balanced(f"{name}: balanced", seen=2)
	return site, persons, key


def run_once(*row):
	_, persons, _ = run(*row)
	end(persons)


def end(persons):
	persons.close()
	shutil.rmtree(persons.folder)


run_once("keys killed from outside while it opens", ["fault=keys.open keys kill"], [PLAIN, PROTECTED], 0, 2)
run_once("keys dies once while it opens", ["fault=keys.open keys abort"], [PLAIN, PROTECTED], 0, 2)
run_once("keys stalls once while it opens: its alarm ends it", ["patience=2", "fault=keys.open keys stall"],
	[PLAIN, PROTECTED], 0, 2)
run_once("keys dies while it reads a certificate", ["fault=keys.read keys abort"], [PLAIN, PROTECTED], 0, 2)
run_once("keys stalls while it encrypts", ["patience=2", "fault=keys.sign keys stall"], [PLAIN, PROTECTED], 0, 2)
site, persons, key = run("keys dies twice while it opens", ["fault=keys.open keys abort"] * 2, [PLAIN, HELD], 1, 1)
held = site.ctl("hold", "list").get("held", [])
same([(row["stage"], row["attempts"]) for row in held], [("keys", 2)], "the mail is held, by its stage")
ok(site.daemon_start(), "the daemon runs")
same(site.ctl("hold", "retry", held[0]["id"])["exit"] if held else None, 0, "a retry by hand")
ok(wait_until(lambda: words(site) == sorted([PLAIN, PROTECTED])), "opens it", words(site))
ok(wait_until(lambda: len(site.acks()) == 2), "and answers it")

# The agent dies, and for a while its key is away: the mail waits, and is never called another's.
away = site.path("away")
os.rename(site.path("gnupg/private-keys-v1.d"), away)
agents = [pid for pid in children(site.daemon.pid) if program(pid) == "gpg-agent" and site.path("gnupg") in command(pid)]
same(len(agents), 1, "one agent")
for pid in agents:
	os.kill(pid, signal.SIGKILL)
ok(wait_until(lambda: "event=agent-gone" in site.daemon_text()), "it is killed")
site.deliver(protected(persons, site, key, "Lần hai.\n"))
site.ctl("status")
ok(wait_until(lambda: "event=agent-fault" in site.daemon_text(), 60), "a missing key of ours is our fault", site.daemon_text()[-2000:])
same(len(site.tickets()), 2, "no ticket says that the mail is another's")
shutil.rmtree(site.path("gnupg/private-keys-v1.d"), ignore_errors=True)
os.rename(away, site.path("gnupg/private-keys-v1.d"))
ok(wait_until(lambda: words(site) == sorted([PLAIN, PROTECTED, PROTECTED]), 90), "with the key back it is opened", words(site))
ok(wait_until(lambda: len(site.acks()) == 3, 60), "and answered", len(site.acks()))
same(site.daemon_stop(), 0, "SIGTERM ends in order")
site.balanced("balanced", seen=3)
end(persons)
done()
