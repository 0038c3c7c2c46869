# SPDX-License-Identifier: ISC
#
# replay: a saved mailbox through the present configuration shows what would be decided, why, and which ticket each
# mail would join; it agrees with what the gateway then does, and stores, moves and sends nothing itself.

import os
import shutil

from flow import Site, done, mail, ok, same

site = Site()
same(site.ctl("replay", "--dry-run")["exit"], 64, "without a file: refused")
saved = site.path("saved")
for part in ("cur", "new", "tmp"):
	os.makedirs(f"{saved}/{part}")
MAILS = {
	"a-report": mail("Máy chủ bị mã hoá dữ liệu.\n", message_id="first@reporter.example", subject="Mã hoá"),
	"b-reply": mail("Bổ sung thông tin.\n", headers=("In-Reply-To: <first@reporter.example>",)),
	"c-list": mail("Tin tuần.\n", headers=("List-Id: <tin.example>", "Precedence: list")),
	"d-vacation": mail("Tôi đi vắng.\n", headers=("Auto-Submitted: auto-replied",), subject="Vắng mặt"),
	"e-loop": mail("Lặp.\n", headers=("X-Ungcuu-Loop: ungcuu@example.vn",)),
	"g-garbage": b"\0\xff\r\r\r not a mail at all",
}
MAILS["f-same"] = MAILS["a-report"]
for n, (name, raw) in enumerate(sorted(MAILS.items())):
	with open(f"{saved}/{'cur' if n % 2 else 'new'}/{name}", "wb") as file:
		file.write(raw)


def everything():
	return {base: (sorted(names), [os.stat(os.path.join(base, name)).st_mtime_ns for name in sorted(names)])
		for base, _, names in os.walk(site.folder) if "gnupg" not in base}


before = everything()
answer = site.ctl("replay", "--dry-run", saved)
same(answer["exit"], 0, "replay --dry-run of a Maildir, without a store")
same(everything(), before, "nothing was written, moved or sent")
by_name = {os.path.basename(row["file"]): row for row in answer.get("mails", [])}
same(sorted(by_name), sorted(MAILS), "every mail of cur and new")
same({name: row["kind"] for name, row in by_name.items() if name[0] in "acde"},
	{"a-report": "report", "c-list": "list", "d-vacation": "auto-reply", "e-loop": "noise"}, "their kinds")
same([name for name, row in sorted(by_name.items()) if row["acknowledge"]],
	["a-report", "b-reply", "f-same", "g-garbage"] if by_name["g-garbage"]["acknowledge"] else
	["a-report", "b-reply", "f-same"], "who would be answered")
ok(all(row["acknowledge_why"] and row["effects"] for row in by_name.values()), "and why, and the plan", answer)
ok(any(line.startswith("open report") for line in by_name["a-report"]["effects"]), "the first opens a ticket", answer)
ok(any("T01" in line for line in by_name["a-report"]["effects"]), "and is answered")
same(os.path.basename(by_name["b-reply"]["answers_file"] or ""), "a-report", "an answer to it names that file")
same(os.path.basename(by_name["f-same"].get("same_as") or ""), "a-report", "equal bytes are named")
code, out, _ = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "replay", "--dry-run", f"{saved}/new/a-report")
ok(code == 0 and "nothing was stored or sent" in out and "open report" in out, "the same for a person", out)

# Now for real: the gateway decides what was shown.
for name in ("a-report", "c-list", "d-vacation", "e-loop"):
	site.deliver(MAILS[name])
same((site.once(), len(site.acks())), (0, 1), "the gateway takes them in")
accounted = site.ctl("ledger")["mailboxes"][0]["accounted"]
same({kind: accounted[kind] for kind in ("report", "list", "auto_reply", "noise")},
	{"report": 1, "list": 1, "auto_reply": 1, "noise": 1}, "as replay said")
number = site.tickets()[0]["id"]
tagged = site.path("tagged.eml")
with open(tagged, "wb") as file:
	file.write(mail("Về phiếu cũ.\n", subject=f"Re: [{number}] Mã hoá"))
replies = site.path("by-id.eml")
with open(replies, "wb") as file:
	file.write(mail("Trả lời biên nhận.\n", headers=(f"In-Reply-To: {site.acks()[0]['Message-ID']}",)))
answer = site.ctl("replay", "--dry-run", tagged, replies, f"{saved}/new/a-report")
same([row["ticket"] for row in answer.get("mails", [])[:2]], [number, number], "with a store: which ticket each would join")
ok(answer["mails"][2].get("known_as"), "and which mail is there already", answer)
same((len(site.tickets()), len(site.acks())), (1, 1), "still nothing stored or sent")
same(site.ctl("replay", "--dry-run", site.path("absent"))["exit"], 65, "a file that cannot be read: 65")
same(site.ctl("replay", tagged)["exit"], 64, "without --dry-run: refused")
shutil.rmtree(saved)
done()
