# SPDX-License-Identifier: ISC
#
# processes: what the kernel says about the running roles: jailed, without privileges, without core; gone when
# the supervisor is killed; and, as root, six uids with a flow that works.

import os
import pwd
import signal

from flow import Site, alive, children, command, done, mail, ok, program, same, skip, status_fields, wait_until

ROLES = ("hub", "fetch", "mime", "keys", "submit")


def role_pids(site):
	"""role: pids."""
	found = {role: [] for role in ROLES}
	for pid in children(site.daemon.pid):
		name = program(pid).removeprefix("ungcuu-")
		if name in found:
			found[name].append(pid)
	return found


def check_jails(site, label):
	for role, pids in role_pids(site).items():
		ok(pids, f"{label}: {role} runs")
		for pid in pids[:1]:
			fields = status_fields(pid)
			same((fields["Seccomp"], fields["NoNewPrivs"], fields["Threads"]), ("2", "1", "1"),
				f"{label}: {role} has a filter, no new privileges, one thread")
			same(int(fields["CapEff"], 16), 0, f"{label}: {role} has no capability") \
				if site.settings["more"] else None
			with open(f"/proc/{pid}/limits") as file:
				core = next(line.split()[4:6] for line in file if line.startswith("Max core"))
			same(core, ["0", "0"], f"{label}: {role} leaves no core")


def killed_supervisor(site, label):
	below = children(site.daemon.pid)
	ok(any(program(pid) == "gpg-agent" for pid in below), f"{label}: an agent runs", [command(pid) for pid in below])
	site.daemon.kill()
	site.daemon.wait()
	site.daemon = None
	ok(wait_until(lambda: not any(alive(pid) for pid in below), 15), f"{label}: kill -9 of the supervisor leaves no process",
		[command(pid) for pid in below if alive(pid)])


site = Site()
ok(site.daemon_start(), "the daemon runs")
check_jails(site, "one uid")
site.deliver(mail())
ok(wait_until(lambda: len(site.acks()) == 1), "a mail is acknowledged")
killed_supervisor(site, "one uid")
same(site.once(), 0, "the next start works")
same((len(site.tickets()), len(site.acks())), (1, 1), "and finds everything done")

# -- one worker after the other is killed; the supervisor brings it back
ok(site.daemon_start(), "the daemon runs again")
for n, role in enumerate(ROLES):
	victim = role_pids(site)[role][0]
	os.kill(victim, signal.SIGKILL)
	ok(wait_until(lambda: all(role_pids(site).values()) and victim not in role_pids(site)[role], 30),
		f"{role} killed: it is there again")
	site.deliver(mail(f"Sau {role}.\n", sender=f"{role}@reporter.example"))
	ok(wait_until(lambda: len(site.acks()) == n + 2, 30), f"{role} killed: the next mail is acknowledged")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
site.balanced("balanced", seen=len(ROLES) + 1)

# -- without jails, for the tests of their absence
free = Site()
free.deliver(mail())
ok(free.daemon_start("--no-jail"), "--no-jail runs")
ok(wait_until(lambda: len(free.acks()) == 1), "--no-jail: a mail is acknowledged")
same([status_fields(pids[0])["Seccomp"] for pids in role_pids(free).values()], ["0"] * len(ROLES), "--no-jail: no filter")
same(free.daemon_stop(), 0, "--no-jail: ends in order")

# -- six uids
if os.geteuid() != 0:
	skip("six uids", "only root can start processes of other users")
	done()
# Users every Debian has; none of them owns what the gateway needs.
users = [pwd.getpwnam(name) for name in ("daemon", "bin", "games", "man", "lp", "news")]
owners = dict(zip(("supervisor",) + ROLES, users))
names = "".join(f" {role} = \"{owners[role].pw_name}\";" for role in ROLES)


def give(site, role, *folders):
	for folder in folders:
		os.makedirs(site.path(folder), mode=0o700, exist_ok=True)
		for base, _, files in os.walk(site.path(folder)):
			for path in [base] + [os.path.join(base, name) for name in files]:
				os.chown(path, owners[role].pw_uid, owners[role].pw_gid)


def hand_out(site):
	os.chmod(site.folder, 0o755)
	give(site, "hub", "db", "spool", "run")
	give(site, "fetch", "Maildir")
	give(site, "submit", "sent")
	give(site, "supervisor", "gnupg")


six = Site(prepare=hand_out,
	more=f'process = {{ user = "{owners["supervisor"].pw_name}"; users = {{{names} }}; }};')
base = six.deliver(mail("Sáu người dùng.\n"), owner=owners["fetch"])
ok(six.daemon_start(), "six uids: the daemon runs")
for role, pids in role_pids(six).items():
	uids = {tuple(status_fields(pid)["Uid"].split()) for pid in pids}
	same(uids, {(str(owners[role].pw_uid),) * 4}, f"six uids: {role} runs as {owners[role].pw_name}")
agents = [status_fields(pid)["Uid"].split()[0] for pid in children(six.daemon.pid) if program(pid) == "gpg-agent"]
ok(agents and set(agents) == {str(owners["supervisor"].pw_uid)}, "six uids: the agent has process.user, not keys'", agents)
check_jails(six, "six uids")
ok(wait_until(lambda: len(six.acks()) == 1), "six uids: the mail is acknowledged", six.daemon_text()[-3000:])
same(six.verify(six.acks_raw()[0]) if six.acks() else None, six.fingerprint, "six uids: and verifies")
same(os.stat(six.path("db/ungcuu.db")).st_uid, owners["hub"].pw_uid, "six uids: the database is the hub's")
killed_supervisor(six, "six uids")
same((six.once(), len(six.acks())), (0, 1), "six uids: the next start works and finds everything done")
six.balanced("six uids: balanced", seen=1)
done()
