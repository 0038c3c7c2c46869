# SPDX-License-Identifier: ISC
#
# backup: the whole store as one sealed file, made while the daemon works, and a store from it on another machine
# (another folder with the same mailbox).  What came after the backup enters again without a second answer, nothing
# already sent leaves again, no ticket number comes twice; what is damaged, altered, cut or another store's is
# refused before anything is written; a kill at any point of either leaves nothing that is believed.

import os
import shutil
import stat

from flow import Site, done, mail, ok, same, wait_until

here = Site(hooked=True)
for n in range(3):
	here.deliver(mail(f"Báo cáo trước khi sao lưu số {n}.\n", sender=f"truoc{n}@reporter.example"))
same((here.once(), len(here.acks())), (0, 3), "three reports, acknowledged")
here.hooks(*["fault=maildir.deliver.space submit nospace"] * 50)
here.deliver(mail("Thư này được trả lời sau khi sao lưu.\n", sender="cho@reporter.example"))
same(here.once(), 1, "the fourth answer cannot leave yet")
same(len(here.acks()), 3, "and waits")
ok(here.daemon_start(), "the daemon runs")

# ---- making it ---------------------------------------------------------------------------------------------

file = here.path("store.backup")
made = here.ctl("backup", file)
same((made["exit"], made.get("verified")), (0, True), "backup, online")
same(made.get("blobs"), 8, "four mails and their protected answers")
same(stat.S_IMODE(os.stat(file).st_mode), 0o600, "mode 0600")
same(os.stat(file).st_size, made.get("size"), "of the size it says")
same(sorted(name for name in os.listdir(here.folder) if "store.backup" in name), ["store.backup"], "nothing beside it")
whole = open(file, "rb").read()
key = open(here.path("db/store.key"), "rb").read()
for what, octets in (("the key", bytes.fromhex(key.decode().strip())), ("the key in digits", key.strip()),
		("an address", b"reporter.example"), ("a text", "sao lưu".encode()), ("a subject", "Báo cáo".encode())):
	ok(octets not in whole, f"{what} is not in it")
same(here.ctl("backup", file)["exit"], 73, "it is not written over")
same(open(file, "rb").read(), whole, "not a byte")
same(here.ctl("backup", file, "--verify").get("blobs"), 8, "backup --verify reads it")
same(here.ctl("backup", file, "--replace")["exit"], 0, "unless it is to be")
ok(wait_until(lambda: "event=backup" in here.daemon_text(), 10), "the daemon knows of it", here.daemon_text())
whole = open(file, "rb").read()
here.hooks()
ok(wait_until(lambda: len(here.acks()) == 4), "after the backup the waiting answer leaves")
later = [here.deliver(mail(f"Báo cáo sau khi sao lưu số {n}.\n", sender=f"sau{n}@reporter.example")) for n in range(2)]
ok(wait_until(lambda: len(here.acks()) == 6), "and two reports come, and are answered")
ok(wait_until(lambda: set(later) <= set(here.in_folder("Maildir/.Done"))), "and lie in the done folder")
same(here.ctl("restore", file)["exit"], 75, "no restore under a running daemon")
same(here.daemon_stop(), 0, "the daemon stops")
numbers = {ticket["id"] for ticket in here.tickets()}
same(here.ctl("restore", file)["exit"], 65, "no restore over a store")
same({ticket["id"] for ticket in here.tickets()}, numbers, "which is as it was")

# Made while nothing ran, it is known at the next start.
same(here.ctl("backup", here.path("second.backup"))["exit"], 0, "a backup without a daemon")
same(here.once(), 0, "the next start")
same(here.log.count("event=backup "), 1, "knows of it")

# A kill or a full disk leaves no backup, and the next one does not mind.
for point in ("backup.snapshot", "backup.sealed"):
	here.hooks(f"fault={point} ctl kill")
	ok(here.ctl("backup", here.path("third.backup"))["exit"] < 0, f"killed at {point}")
	ok(not here.hooks_left(), "there")
	ok(not os.path.exists(here.path("third.backup")), "no backup")
here.hooks("fault=backup.write.space ctl nospace 4")
same(here.ctl("backup", here.path("third.backup"))["exit"], 75, "disk full: later")
same([name for name in os.listdir(here.folder) if "third" in name], [], "nothing left of it")
here.hooks()
same(here.ctl("backup", here.path("third.backup"))["exit"], 0, "then it is made")
same([name for name in os.listdir(here.folder) if "third" in name], ["third.backup"], "alone")

# ---- another machine -----------------------------------------------------------------------------------------

there = Site(hooked=True)
there.configure(key=here.fingerprint)
for name in ("gnupg", "sent", "Maildir"):
	shutil.rmtree(there.path(name))
	shutil.copytree(here.path(name), there.path(name), ignore=shutil.ignore_patterns("S.*", "*.lock", ".#*"))
os.chmod(there.path("gnupg"), 0o700)
there.fingerprint = here.fingerprint


def written():
	return [name for name in os.listdir(there.path("db")) if name not in ("store.key", "ungcuu.db.lock")] + \
		os.listdir(there.path("spool"))


refused = there.ctl("restore", file)
same(refused["exit"], 65, "without the key: refused")
ok("store.key" in refused["error"]["why"] and "copy it" in refused["error"]["why"], "and told what to do", refused)
with open(os.open(there.path("db/store.key"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as other:
	other.write("5" * 64 + "\n")
refused = there.ctl("restore", file)
same(refused["exit"], 65, "another key: refused")
ok("is not the key of this backup" in refused["error"]["why"], "as such", refused)
shutil.copy(here.path("db/store.key"), there.path("db/store.key"))

bad = there.path("bad.backup")
size = len(whole)
places = (0, 20, 50, 120, 400, size // 3, size // 2, size - 2000, size - 80, size - 40, size - 1)
tampered = [("a byte changed at %d" % at, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]) for at in places] + \
	[("cut at %d" % at, whole[:at]) for at in (0, 10, 16, 200, size // 2, size - 100, size - 1)] + \
	[("a byte added", whole + b"\0"), ("not one", b"From: nobody\n\n" * 99), ("of another format",
		whole.replace(b"ungcuu backup 1\n", b"ungcuu backup 2\n", 1))]
wrong = []
for what, octets in tampered:
	with open(bad, "wb") as out:
		out.write(octets)
	answer = there.ctl("restore", bad)
	if answer["exit"] != 65 or written():
		wrong.append((what, answer, written()))
ok(not wrong, f"{len(tampered)} damaged, cut and altered ones are refused before anything is written", wrong)
same(there.ctl("restore", there.path("absent"))["exit"], 65, "and one that is not there")

for point in ("restore.blob ctl kill 3", "restore.spooled ctl kill", "restore.changed ctl kill"):
	there.hooks(f"fault={point}")
	ok(there.ctl("restore", file)["exit"] < 0, f"killed: {point}")
	ok(not there.hooks_left(), "there")
	ok(not os.path.exists(there.path("db/ungcuu.db")), "there is no store yet")
there.hooks()
answer = there.ctl("restore", file)
same(answer["exit"], 0, "restore, after all that")
same([name for name in os.listdir(there.path("db")) if name not in ("store.key", "ungcuu.db", "ungcuu.db.lock")], [],
	"one database and its key")
same((answer.get("held"), answer.get("not_answered")), (1, 0), "one outgoing mail is held")
same(there.ctl("journal", "verify").get("ok"), True, "the chain verifies")

before = there.ack_files()
same(there.once(), 0, "the gateway runs there")
same(there.ack_files(), before, "nothing leaves again, nothing is answered again")
found = {ticket["id"] for ticket in there.tickets()}
same(len(found), 6, "what came after the backup has its tickets again")
fresh = found - numbers
same((len(fresh), len(found & numbers)), (2, 4), "with new numbers")
ok(all(int(number[-6:]) > 10000 for number in fresh), "far from those that may have been given out", fresh)
box = there.balanced("balanced", seen=6)
same(box["accounted"].get("report"), 6, "all of them")
held = there.ctl("queue", "list", "--state", "held").get("outgoing", [])
same(len(held), 1, "the held answer waits for a person")
ok("restored from a backup" in str(there.ctl("explain", held[0]["ticket"])) if held else False, "and says why")
for number in sorted(fresh):
	ok("not answered" in str(there.ctl("explain", number)), f"{number}: explained")
same(there.once(), 0, "a second run")
same((there.ack_files(), len(there.tickets())), (before, 6), "adds nothing")
there.deliver(mail("Báo cáo mới trên máy mới.\n", sender="moi@reporter.example"))
same((there.once(), len(there.acks())), (0, 7), "new mail is answered")
ok(max(ticket["id"] for ticket in there.tickets()) > max(numbers | fresh), "under a number above all others")
same(there.ctl("restore", file)["exit"], 65, "no second restore over it")

# A person looked, and lets the held one leave: the same Message-ID, so it would be known as a copy.
ok(there.daemon_start(), "a daemon there")
if held:
	same(there.ctl("hold", "retry", held[0]["id"])["exit"], 0, "retried by a person")
	ok(wait_until(lambda: not [row for row in there.ctl("queue", "list").get("outgoing", []) if row["state"] != "sent"]),
		"it leaves")
	same(sorted(ack["Message-ID"] for ack in there.acks() if ack["Message-ID"] == f"<{held[0]['message_id']}>"),
		[f"<{held[0]['message_id']}>"], "under the Message-ID it had, in place of the first copy")
same(there.daemon_stop(), 0, "stops in order")
there.balanced("balanced in the end", seen=7)
same(there.ctl("journal", "verify").get("ok"), True, "the chain verifies in the end")
done()
