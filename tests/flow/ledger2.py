# SPDX-License-Identifier: ISC
#
# ledger2: the done folder is balanced, too, in a Maildir and over IMAP.  What a person dragged there before it was
# taken in is unexplained: the daemon notices by itself and raises the alarm, and it can be adopted.  What we put
# there is known by the name the server told, or by its bytes.  After a restore what came after the backup enters
# again without answers.

import os
import shutil
import time

from flow import Site, done, mail, ok, same, wait_until
from realsite import RealSite, needs_root
from servers import Servers, USER

DAY = 24 * 3600 * 1000


def since(hours):
	return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - hours * 3600))


def unexplained(site):
	box = site.ctl("ledger")["mailboxes"][0]
	return box["unexplained"], [item["folder"] for item in box["unexplained_items"]]


def balances(text):
	"""(unexplained, missing) of each balance the daemon made."""
	found = []
	for line in text.split("\n"):
		if "event=balance" in line:
			fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
			found.append((int(fields["unexplained"]), int(fields["missing"])))
	return found


# ---- a Maildir ---------------------------------------------------------------------------------------------

site = Site(hooked=True)
site.deliver(mail("Báo cáo thứ nhất.\n", sender="mot@reporter.example"))
same(site.once(), 0, "a report")
same(balances(site.log), [(0, 0)], "the daemon balances by itself")
stray = "1700000000.M7P7.mx.example.vn"
with open(site.path("Maildir/.Done/cur", stray + ":2,S"), "wb") as file:
	file.write(mail("Ai đó kéo thả trước khi được nhận.\n", sender="keo@reporter.example"))
same(unexplained(site), (1, ["Done"]), "what a person dragged to Done is unexplained")
site.log = ""
same(site.once(), 0, "the next run")
same(balances(site.log), [(1, 0)], "notices")
ok("event=alarm cause=ledger-unbalanced" in site.log.replace('"', ""), "raises the alarm", site.log)
same((len(site.tickets()), len(site.acks())), (1, 1), "and takes nothing by itself")
os.utime(site.path("Maildir/.Done/cur", stray + ":2,S"))
ok(site.daemon_start(), "the daemon runs")
ok(wait_until(lambda: balances(site.daemon_text()) == [(1, 0)]), "it balances when it starts")
site.hooks(f"clock=+{DAY + 3600000}")
ok(wait_until(lambda: len(balances(site.daemon_text())) == 2), "and after a day again", site.daemon_text())
site.hooks()
same(site.ctl("mailbox", "adopt", "main", "--since", since(1))["exit"], 0, "mailbox adopt")
ok(wait_until(lambda: len(site.acks()) == 2), "takes it in, answered")
ok(wait_until(lambda: balances(site.daemon_text())[-1:] == [(0, 0)]), "and balances")
same(site.daemon_stop(), 0, "stops in order")
site.balanced("balanced: a Maildir", seen=2)
same(site.in_folder("Maildir/.Done").count(stray), 1, "it stays where it was")

# A copy under another name holds nothing new.
name = next(name for name in os.listdir(site.path("Maildir/.Done/cur")) if not name.startswith(stray)) \
	if len(os.listdir(site.path("Maildir/.Done/cur"))) > 1 else os.listdir(site.path("Maildir/.Done/new"))[0]
path = next(site.path("Maildir/.Done", part, name) for part in ("cur", "new")
	if os.path.exists(site.path("Maildir/.Done", part, name)))
shutil.copy(path, site.path("Maildir/.Done/cur/1700000001.copy.mx:2,S"))
same(unexplained(site), (0, []), "a copy of what we have is explained by its bytes")
os.rename(path, site.path("Maildir/.Done/cur/1700000002.renamed.mx:2,S"))
same(unexplained(site), (0, []), "and so is another name")
site.log = ""
same((site.once(), balances(site.log)), (0, [(0, 0)]), "also to the daemon")

# Bytes of ours that are gone.
blob = sorted(os.listdir(site.path("spool")))[0]
for victim in sorted(os.listdir(site.path("spool"))):
	os.rename(site.path("spool", victim), site.path("gone"))
	if unexplained(site)[0]:
		break
	os.rename(site.path("gone"), site.path("spool", victim))
site.log = ""
same((site.once(), balances(site.log)), (0, [(0, 1)]), "a row without its bytes raises it, too")
os.rename(site.path("gone"), site.path("spool", victim))

# What lay in Done before we came, and is old, was never ours to take.
old = Site()
for part in ("", "/cur", "/new", "/tmp"):
	os.makedirs(old.path("Maildir/.Done" + part), mode=0o700, exist_ok=True)
for n in range(3):
	path = old.path("Maildir/.Done/cur", f"15000000{n}.old.mx:2,S")
	with open(path, "wb") as file:
		file.write(mail(f"Thư từ nhiều năm trước {n}.\n"))
	os.utime(path, (1500000000, 1500000000))
same((old.once(), balances(old.log)), (0, [(0, 0)]), "old mail in Done at the first poll raises nothing")
same(old.balanced("balanced: old mail", seen=3)["accounted"].get("before_start"), 3, "it is before the start")
same(len(old.tickets()), 0, "without tickets")

# ---- IMAP ----------------------------------------------------------------------------------------------------

needs_root()
people = [f"nguoi{n}@reporter.example" for n in range(7)]
world = Servers(users=(USER, *people))
real = RealSite(world)
for n in range(3):
	real.post(mail(f"Báo cáo qua IMAP số {n}.\n", sender=people[n]))
same(real.once(), 0, "IMAP: three reports")
same(balances(real.log), [(0, 0)], "IMAP: the daemon balances")
same((unexplained(real), real.lying("Done")), ((0, []), 3), "IMAP: what we moved is known")
world.deliver(mail("Kéo thả qua IMAP.\n", sender=people[3]), folder="Done")
same(unexplained(real), (1, ["Done"]), "IMAP: what a person put there is unexplained")
real.log = ""
same((real.once(), balances(real.log)), (0, [(1, 0)]), "IMAP: the daemon notices")
ok("cause=ledger-unbalanced" in real.log.replace('"', ""), "IMAP: and raises the alarm")
with world.imap() as client:
	client.select("Done")
	client.uid("COPY", "1", "Done")
same(unexplained(real), (1, ["Done"]), "IMAP: a copy of one of ours is explained")
ok(real.daemon_start(), "IMAP: the daemon runs")
same(real.ctl("mailbox", "adopt", "main", "--since", since(1))["exit"], 0, "IMAP: mailbox adopt")
ok(wait_until(lambda: len(real.tickets()) == 4 and world.count(people[3]) == 1), "IMAP: takes it in, answered")
ok(wait_until(lambda: balances(real.daemon_text())[-1:] == [(0, 0)]), "IMAP: and balances")
same(real.daemon_stop(), 0, "IMAP: stops in order")
same(unexplained(real), (0, []), "IMAP: balanced")

same(real.ctl("backup", real.path("store.backup"))["exit"], 0, "IMAP: a backup")
for n in (4, 5):
	real.post(mail(f"Báo cáo sau khi sao lưu {n}.\n", sender=people[n]))
same(real.once(), 0, "IMAP: two reports after it")
ok(wait_until(lambda: world.count(people[5]) == 1 and world.count(people[4]) == 1), "IMAP: answered")
# The folder is made anew: other names, another UIDVALIDITY, the same mails.
with world.imap() as client:
	client.rename("Done", "Old")
	client.create("Done")
	client.select("Old")
	client.copy("1:*", "Done")
	client.delete("Old")
same(unexplained(real), (0, []), "IMAP: a done folder made anew is known by the bytes")
real.log = ""
same((real.once(), balances(real.log)), (0, [(0, 0)]), "IMAP: to the daemon, too")

other = RealSite(world, like=real)
shutil.copy(real.path("db/store.key"), other.path("db/store.key"))
same(other.ctl("restore", real.path("store.backup"))["exit"], 0, "IMAP: restored on another machine")
sent = world.logs("postfix.log").count("status=sent")
other.post(mail("Báo cáo khi máy cũ đã mất.\n", sender=people[6]))
same(other.once(), 0, "IMAP: its first run")
same(len(other.tickets()), 7, "IMAP: what came after the backup has its tickets")
ok(wait_until(lambda: world.count(people[6]) == 1), "IMAP: what came since is answered")
same([world.count(person) for person in people], [1] * 7, "IMAP: and nobody is answered twice")
same([(row["state"], row["recipient"]) for row in other.outgoing() if row["state"] != "sent"], [], "IMAP: nothing waits")
same(unexplained(other), (0, []), "IMAP: balanced after the restore")
other.log = ""
same((other.once(), balances(other.log)), (0, [(0, 0)]), "IMAP: and at the next start")
same(len(other.tickets()), 7, "IMAP: nothing doubled")
done()
