# SPDX-License-Identifier: ISC
#
# ledger: the balance finds what it must: a mail in the done folder nobody entered, a row whose bytes are gone;
# and accepts a person emptying the done folder.  inspect runs in parallel and leaves no trace.

import json
import os
from concurrent.futures import ThreadPoolExecutor

from flow import Site, children, done, mail, ok, same, wait_until

site = Site()
for n in range(3):
	site.deliver(mail(f"Báo cáo số {n}.\n", sender=f"n{n}@reporter.example"))
same(site.once(), 0, "three reports")
site.balanced("balanced", seen=3)


def main_box():
	return site.ctl("ledger", "--mailbox", "main")["mailboxes"][0]


# name of the mail nobody entered
stray = "1700000000.M1P1.mx.example.vn"
with open(site.path("Maildir/.Done/cur", stray + ":2,S"), "wb") as file:
	file.write(mail("Ai đó kéo thả.\n"))
box = main_box()
same(box["unexplained"], 1, "a mail in Done without a row is unexplained")
ok(stray in json.dumps(box["unexplained_items"]), "and named", box["unexplained_items"])
os.remove(site.path("Maildir/.Done/cur", stray + ":2,S"))
same(main_box()["unexplained"], 0, "balanced again without it")

for part in ("cur", "new"):
	for name in os.listdir(site.path("Maildir/.Done", part)):
		os.remove(site.path("Maildir/.Done", part, name))
same(main_box()["unexplained"], 0, "a person emptying Done is no fault")

os.makedirs(site.path("Maildir/.Khac/cur"), mode=0o700)
os.makedirs(site.path("Maildir/.Khac/new"), mode=0o700)
os.makedirs(site.path("Maildir/.Khac/tmp"), mode=0o700)
ok("Khac" in json.dumps(main_box()["unwatched_folders"]), "a folder nobody watches is shown", main_box())

blobs = sorted(os.path.join(base, name) for base, _, names in os.walk(site.path("spool")) for name in names)
ok(len(blobs) >= 3, "the spool holds the sealed mails", blobs)
sizes = {}
for blob in blobs:
	os.rename(blob, blob + ".away")
	sizes[blob] = main_box()["unexplained"]
	os.rename(blob + ".away", blob)
same(sorted(sizes.values())[-3:], [1, 1, 1], "a row whose raw bytes are gone is unexplained")
same(main_box()["unexplained"], 0, "and explained with them back")

# inspect: parallel, no store needed, nothing left behind.
raw = site.path("look.eml")
with open(raw, "wb") as file:
	file.write(mail("Kính gửi quý cơ quan, chúng tôi nhận được đường dẫn lạ, nghi là lừa đảo:\nhttp://xau.example/tai\n", subject="Xem thử"))
before = {base: sorted(names) for base, _, names in os.walk(site.folder) if "verifier" not in base}
with ThreadPoolExecutor(6) as pool:
	answers = list(pool.map(lambda _: site.ctl("inspect", raw), range(6)))
same([answer["exit"] for answer in answers], [0] * 6, "six at once all answer")
ok(all(answer == answers[0] for answer in answers), "and the same", answers)
expected = {"version": 1, "outcome": "opened", "reason": None, "kind": "report", "encryption": "none",
	"signature": "none", "signer": None, "subject": "Xem thử", "header_protection": "none", "language": "vi",
	"ticket": None, "bounce": None, "feedback": None, "acknowledge": True, "attachments": [], "commands": []}
for name, value in expected.items():
	same(answers[0].get(name, "absent"), value, f"inspect: {name}")
for name in ("sha256", "size", "from", "date", "message_id", "text", "quoted", "outside_signature",
		"indicators", "acknowledge_why"):
	ok(name in answers[0], f"inspect has {name}")
after = {base: sorted(names) for base, _, names in os.walk(site.folder) if "verifier" not in base}
same(after, before, "and leaves nothing behind")
ok(wait_until(lambda: not children(os.getpid()), 10), "nor a process", children(os.getpid()))
same(site.ctl("inspect", site.path("absent.eml"))["exit"], 65, "a file that cannot be read: 65")
same(len(site.tickets()), 3, "no ticket came of it")

# Another mail under the name of one that has gone to the done folder.
again = Site()
name = again.deliver(mail("Thư thứ nhất.\n", sender="mot@reporter.example"))
same(again.once(), 0, "a report is taken in")
again.deliver(mail("Thư thứ hai.\n", sender="hai@reporter.example"), name=name)
box = again.ctl("ledger")["mailboxes"][0]
same(box["unexplained"], 1, "another mail under a known name is unexplained before it is taken in")
same([(item["folder"], item["uid"]) for item in box["unexplained_items"]], [("INBOX", name)], "and named")
ok("under the name of a mail" in box["unexplained_items"][0]["why"] if box["unexplained_items"] else False,
	"with the reason", box["unexplained_items"])
os.remove(again.path("Maildir/new", name))
again.balanced("balanced without it", seen=1)

# Too large even for its header: it stays where it is, and is accounted for.
large = Site(mode='answer"; max_size = "64KB')
raw = mail("x" * 70 * 1024 + "\n")
name = large.deliver(b"X-Long: " + b"x" * 1100000 + b"\n" + raw)
same(large.once(), 1, "a header too large: --once ends with 1")
same(large.in_folder("Maildir"), [name], "it stays in its folder")
same([row["stage"] for row in large.ctl("hold", "list")["held"]], ["fetch"], "held at the stage fetch")
large.balanced("and accounted for", seen=1)

# A mailbox that was never read: why, not only that.
blind = Site()
os.rename(blind.path("Maildir/cur"), blind.path("away"))
same(blind.once(), 1, "no Maildir: --once ends with 1")
status = blind.ctl("status")
ok(status["exit"] == 1 and any("no Maildir" in line for line in status["attention"]), "status says why", status)
os.rename(blind.path("away"), blind.path("Maildir/cur"))
same((blind.once(), blind.ctl("status")["exit"]), (0, 0), "and is content once it can be read")
done()
