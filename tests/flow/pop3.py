# SPDX-License-Identifier: ISC
#
# pop3: a POP3 account of a real Dovecot as the mailbox.  Mail is stored and answered once, byte for byte, and stays
# on the server; later looks cost a list and nothing else; what was removed there, or has other uids all at once,
# doubles nothing; with done_keep the server copies go, after that time and not before.

import hashlib
import os
import random
import re
import shutil
import time

from flow import done, mail, note, ok, same, wait_until
from popsite import DAY, PopSite, acks, needs_dovecot, report
from servers import PASSWORD, Servers

USERS = tuple(f"hop-thu-{name}@example.vn" for name in ("chinh", "xoa", "sai", "lon", "lai"))
needs_dovecot()
world = Servers(users=USERS, postfix=False, pop3=True)


def wire(raw):
	"""Of the mail as it lies in place()'s Maildir, with a server's line ends."""
	return hashlib.sha256(re.sub(rb"(?<!\r)\n", b"\r\n", raw.replace(b"\r\n", b"\n"))).hexdigest()


# ---- stored and answered once -----------------------------------------------------------------------------------

def odd_mails():
	generator = random.Random(5)
	head = report(20).partition(b"\n\n")[0].replace(b"nguoi-20", b"la-%d") + b"\n\n"
	bodies = (b"a\0b\n.\n..\n.c\nNUL\n", b"bare\rCR\r\r\n.\r.\n", b".\n..\n...\n", b"no end", b"." * 300000 + b"\n",
		b"".join(b"%d\n" % generator.getrandbits(200) for _ in range(430000)))
	return [head.replace(b"%d", b"%d" % n) + body for n, body in enumerate(bodies)]


def check_main():
	site = PopSite(world, USERS[0])
	plain = [report(n) for n in range(5)]
	old = [report(n, days_old=n - 1) for n in range(10, 13)]
	undated = mail("Không có Received.\n", sender="khong-ngay@reporter.example").replace(b"Date: ", b"Date: Sat, 01 Jan 2000 00:00:00 +0000\nX: ")
	odd = odd_mails()
	ok(len(odd[-1]) > 25 * 1024 * 1024 - 200000, "one of 25 MB", len(odd[-1]))
	site.post(*plain, *old, undated, *odd)
	all_new = len(plain) + 1 + len(odd)
	check = site.ctl("check")
	ok(check["exit"] == 0 and "the maildrop holds 15 mails" in str(check), "check is content", check)
	same(site.once(), 0, "first look")
	same(len(site.tickets()), all_new, "a ticket for each, but not for old ones")
	same(site.letters(), sorted(map(wire, [*plain, undated, *odd])), "stored byte for byte: NUL, bare CR, dots, no line end, 25 MB")
	same(len(acks(site)), all_new, "answered once each")
	same(len(set(acks(site))), all_new, "every sender")
	same(site.lying(), 15, "everything still lies there")
	box = site.balanced("balanced", seen=15)
	same((box["accounted"]["before_start"], box["identity"], box["unwatched_folders"]), (3, "uidl", []),
		"old ones, by Received, are left in place; identity uidl")
	before = len(site.sessions())
	same((site.once(), len(site.tickets()), len(acks(site))), (0, all_new, all_new), "second look: nothing is added")
	wait_until(lambda: len(site.sessions()) > before)
	same(site.sessions()[before:], [(0, 0, 0, 15)], "one session: no TOP, no RETR, nothing removed")
	# STLS, a new mail, one that somebody else removed.
	site.via(tls="starttls", port=world.pop3_port)
	with world.imap(USERS[0]) as client:
		client.select("INBOX")
		client.store("1", "+FLAGS", r"(\Deleted)")
		client.expunge()
	site.post(report(6))
	before = len(site.sessions())
	same((site.once(), len(site.tickets()), len(acks(site))), (0, all_new + 1, all_new + 1), "STLS: a new mail is taken")
	wait_until(lambda: len(site.sessions()) > before)
	same(site.sessions()[before:], [(1, 1, 0, 15)], "asked for when it came, and taken, and nothing else")
	site.balanced("balanced, though somebody removed one there", seen=16)
	# The server is set up anew: every mail has another uid.
	world.dovecot_stop()
	for name in os.listdir(world.path("mail", USERS[0], "Maildir")):
		if name.startswith("dovecot"):
			os.remove(world.path("mail", USERS[0], "Maildir", name))
	with open(world.path("mail", USERS[0], "Maildir", "dovecot-uidlist"), "w") as file:
		file.write("3 V4711 N1 G0123456789abcdef0123456789abcdef\n")
	os.chown(file.name, world.owner.pw_uid, world.owner.pw_gid)
	world.dovecot_start()
	same((site.once(), len(acks(site))), (0, all_new + 1), "every uid is another one: nobody is answered again")
	box = site.balanced("balanced, with the mails under both names", seen=31)
	same((box["accounted"]["duplicate"], box["accounted"]["before_start"], len(site.tickets())), (all_new, 6, all_new + 1),
		"as duplicates, and left in place again")
	# What was left in place is taken in later.
	ok(site.daemon_start(), "the daemon runs")
	since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 10.5 * 86400))
	same(site.ctl("mailbox", "adopt", "main", "--since", since)["exit"], 0, "mailbox adopt")
	ok(wait_until(lambda: len(acks(site)) >= all_new + 3), "two of the three old ones are taken in and answered", acks(site))
	polled = site.ctl("status")["mailboxes"][0]["last_good"]
	ok(wait_until(lambda: site.ctl("status")["mailboxes"][0]["last_good"] > polled), "and a look later")
	same(site.daemon_stop(), 0, "SIGTERM ends in order")
	same(sorted(acks(site)), sorted(set(acks(site))), "nobody is answered twice")
	box = site.balanced("balanced", seen=31)
	same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")


# ---- removed after a time ------------------------------------------------------------------------------------------

def check_keep():
	site = PopSite(world, USERS[1], hooked=True, more='done_keep = "30d";')
	site.post(*[report(n) for n in range(4)], report(10, days_old=9))
	same((site.once(), len(acks(site)), site.lying()), (0, 4, 5), "stored, answered, nothing removed")
	site.hooks(f"clock=+{29 * DAY}")
	site.post(report(5))
	ok(wait_until(lambda: site.lying() == 6), "one more lies there")
	same((site.once(), len(acks(site)), site.lying()), (0, 5, 6), "29 days later: nothing removed")
	site.hooks(f"clock=+{31 * DAY}")
	same((site.once(), site.lying()), (0, 6), "31 days later, but there is no backup: nothing removed")
	same(site.ctl("backup", site.path("backup"))["exit"], 0, "a backup is made")
	before = len(site.sessions())
	same((site.once(), len(acks(site)), site.lying()), (0, 5, 2), "31 days later: those of then are removed")
	wait_until(lambda: len(site.sessions()) > before)
	same(site.sessions()[before:], [(0, 0, 4, 6)], "in the one session of that look")
	same(len(re.findall(r"event=removed mail=\w{32} mailbox=main", site.log)), 4, "the log says so")
	site.balanced("balanced", seen=6)
	same((site.once(), site.lying()), (0, 2), "what was left in place stays, and what is not 30 days with us")
	# One of them comes back, as from a backup: removed again.  Another one under its name would be a mail like any.
	site.via(more="")
	site.hooks(f"clock=+{90 * DAY}")
	same((site.once(), site.lying()), (0, 2), "done_keep not set: nothing is ever removed")
	site.balanced("balanced", seen=6)
	same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")


# ---- too large to be stored whole ------------------------------------------------------------------------------------

def check_oversize():
	site = PopSite(world, USERS[3], hooked=True, more='done_keep = "30d";', mode='answer"; max_size = "64KB')
	site.post(report(1), report(2, more="x" * 70 + "\n" + ("y" * 70 + "\n") * 2000))
	same((site.once(), len(acks(site)), site.lying()), (0, 2, 2), "too large: a ticket and an answer by its header")
	same(sorted(ticket["kind"] for ticket in site.tickets()), ["oversize", "report"], "of that kind")
	site.hooks(f"clock=+{31 * DAY}")
	site.ctl("backup", site.path("backup"))
	same((site.once(), site.lying()), (0, 1), "it is never removed: only its header is with us")
	box = site.balanced("balanced", seen=2)
	same((box["accounted"]["report"], box["accounted"]["oversize"]), (1, 1), "and counted")


# ---- restored from a backup ------------------------------------------------------------------------------------------

def check_restore():
	site = PopSite(world, USERS[4])
	site.post(report(1))
	same((site.once(), len(acks(site))), (0, 1), "a mail, then a backup")
	same(site.ctl("backup", site.path("backup"))["exit"], 0, "which is made")
	site.post(report(2))
	same((site.once(), len(acks(site))), (0, 2), "a mail after it")
	for name in ("db/ungcuu.db", "db/ungcuu.db-wal", "db/ungcuu.db-shm"):
		if os.path.exists(site.path(name)):
			os.remove(site.path(name))
	shutil.rmtree(site.path("spool"))
	restored = site.ctl("restore", site.path("backup"))
	ok(restored["exit"] == 0, "the store is lost, and restored", restored)
	same((site.once(), len(acks(site)), len(site.tickets())), (0, 2, 2),
		"what came after the backup has its ticket again, and no second answer")
	time.sleep(1)	# Received: tells whole seconds
	site.post(report(3))
	same((site.once(), len(acks(site))), (0, 3), "what comes later is answered")
	site.balanced("balanced", seen=3)


# ---- settings, wrong server ----------------------------------------------------------------------------------------

def check_settings():
	site = PopSite(world, USERS[2])
	for more, why in (('folders = [ "INBOX", "Junk" ];', 'has no folder but INBOX'), ('done_keep = "1h";', "done_keep")):
		site.via(more=more)
		code, _, err = site.run("ungcuud", "-f", site.path("ungcuu.conf"), "-n")
		ok(code == 78 and why in err, f"refused: {more}", (code, err))
	site.via(more='folders = [ "inbox" ]; done_keep = "forever";')
	same(site.run("ungcuud", "-f", site.path("ungcuu.conf"), "-n")[0], 0, "INBOX may be named")
	site.post(report(1))
	for name, way, why in (("wrong CA", {"ca_file": world.tls.path("other", "pem")}, "CA"),
			("expired", {"host": world.hosts["expired"]}, "expired")):
		begin = len(world.logs("dovecot.log"))
		site.via(**way)
		same((site.once(), len(site.tickets())), (1, 0), f"{name}: --once ends with 1, the mail waits")
		ok(why in str(site.ctl("status")["attention"]) and "method=" not in world.logs("dovecot.log")[begin:],
			f"{name}: status says why, and Dovecot saw no login")
		site.via(host=world.hosts["good"], ca_file=world.ca_file)
	with open(site.path("mailbox.password"), "w") as file:
		file.write("sai\n")
	same(site.once(), 1, "a wrong password: --once ends with 1")
	ok("login refused" in str(site.ctl("status")["attention"]), "and status says so", site.ctl("status"))
	with open(site.path("mailbox.password"), "w") as file:
		file.write(PASSWORD + "\n")
	same((site.once(), len(acks(site)), site.ctl("status")["exit"]), (0, 1, 0), "the right one: taken, answered, all well")


for check in (check_main, check_keep, check_oversize, check_restore, check_settings):
	note(check.__name__)
	began = time.monotonic()
	check()
	note(f"{time.monotonic() - began:.1f} s")
done()
