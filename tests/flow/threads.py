# SPDX-License-Identifier: ISC
#
# threads: what later mail does to a ticket: replies, third persons, strangers with a tag, copies, another body
# under a known Message-ID; what is never acknowledged; what a mailbox held before we came; observing.

import re

from flow import Site, done, mail, ok, same, text_of

BOUNCE = """\
--dsn
Content-Type: text/plain

Could not be delivered.
--dsn
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; khong-co@example.org
Action: failed
Status: 5.1.1
--dsn
Content-Type: text/rfc822-headers

Subject: x
--dsn--
"""

site = Site()
FIRST = mail(message_id="t.first@reporter.example")
site.deliver(FIRST)
same(site.once(), 0, "the report is taken in")
number = site.tickets()[0]["id"]
ack = site.acks()[0]
ack_id = ack["Message-ID"]

# name, mail, what changes: (tickets, acknowledgements, letters on the first ticket), kind in the ledger
CASES = (
	("a reply with References is appended, not acknowledged again",
		mail("Thêm thông tin.\n", headers=(f"In-Reply-To: {ack_id}", f"References: <t.first@reporter.example> {ack_id}")),
		(0, 0, 1), "reply"),
	("a third person on the thread is appended and told nothing",
		mail("Tôi cũng thấy.\n", sender="ba@third.example", headers=(f"References: {ack_id}",)),
		(0, 0, 1), "reply"),
	("a bare tag from a stranger is a hint: a ticket of its own",
		mail("Về việc này.\n", sender="la@stranger.example", subject=f"Re: [{number}] Hỏi"),
		(1, 1, 0), "report"),
	("the same bytes delivered again are a duplicate",
		FIRST, (0, 0, 0), "duplicate"),
	("a copy through an alias is a duplicate",
		b"Received: from alias by mx.example.vn; Sun, 22 Nov 2026 10:00:00 +0700\nDelivered-To: report@example.vn\n" + FIRST,
		(0, 0, 0), "duplicate"),
	("another body under a known Message-ID is a mail of its own",
		mail("Một nội dung hoàn toàn khác.\n", message_id="t.first@reporter.example"),
		(1, 1, 0), "report"),
	("a bounce is recorded, not acknowledged",
		mail(BOUNCE, sender="MAILER-DAEMON@mx.example.org", subject="Undelivered",
			headers=("Return-Path: <>",), content_type="multipart/report; report-type=delivery-status; boundary=dsn"),
		None, "bounce"),
	("a vacation answer is recorded, not acknowledged",
		mail("Tôi đi vắng.\n", sender="vang@reporter.example", headers=("Auto-Submitted: auto-replied",)),
		None, "auto-reply"),
	("list mail is recorded, not acknowledged",
		mail("Bản tin.\n", sender="tin@list.example", headers=("List-Id: <tin.list.example>", "Precedence: list")),
		None, "list"),
	("mail from our own address is never acknowledged",
		mail("Vòng lặp.\n", sender="ungcuu@example.vn"),
		None, None),
)


def counts():
	letters = site.ctl("ticket", "show", number).get("letters", [])
	return len(site.tickets()), len(site.acks()), len(letters)


ledger_before = site.balanced("balanced after the first")["accounted"]
seen = 1
for name, raw, change, kind in CASES:
	before = counts()
	site.deliver(raw)
	seen += 1
	code = site.once()
	after = counts()
	found = tuple(b - a for a, b in zip(before, after))
	if change is None:
		ok(code == 0 and found[1] == 0, name, f"exit {code}, changed {found}")
	else:
		same((code, found), (0, change), name)
	box = site.balanced(f"balanced: {name}", seen=seen)["accounted"]
	if kind:
		key = kind.replace("-", "_")
		same(box.get(key, 0) - ledger_before.get(key, 0), 1, f"counted as {kind}: {name}")
	ledger_before = box

receivers = [message["To"] for message in site.acks()]
ok("ba@third.example" not in receivers, "the third person got nothing", receivers)
ok("vang@reporter.example" not in receivers and not any("MAILER" in to for to in receivers), "no automatic sender did")
ok(all(to != "ungcuu@example.vn" for to in receivers), "we never write to ourselves")
code = ack_id.strip("<>").split(".")[1]
ok(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{16,}", code), "a case-free thread code stands in our Message-ID", ack_id)

# A plus-address or footer code grants appending from any address, and nothing else.
code_line = next((line for line in text_of(ack).split("\n") if code in line.replace("-", "")), None)
ok(code_line, "and in a line of the text")
before = counts()
site.deliver(mail(f"Bổ sung.\n\n{code_line}\n", sender="khac@other.example"))
seen += 1
same((site.once(), counts()[0] - before[0], counts()[2] - before[2]), (0, 0, 1), "a code in the text appends")
site.balanced("balanced after that", seen=seen)

# Before we came: left where it is, no ticket, no answer.
old = Site(mailbox='adopt_since = "72h";')
base = old.deliver(mail("Cũ.\n"), hours_old=100)
young = old.deliver(mail("Mới.\n"), hours_old=50)
same(old.once(), 0, "first poll of a mailbox in use")
same((len(old.tickets()), len(old.acks())), (1, 1), "only the young mail counts")
same(old.in_folder("Maildir"), [base], "the old one lies where it lay")
same(old.in_folder("Maildir", ".Done"), [young], "the young one is done")
box = old.balanced("the ledger has both", seen=2)["accounted"]
same((box.get("before_start"), box.get("report")), (1, 1), "one as before-start")
late = old.deliver(mail("Về muộn, tem giờ cũ.\n"), hours_old=100)
same((old.once(), len(old.tickets())), (0, 2), "after the first poll an old date hides nothing")

# Observing: everything is entered, nothing leaves.
watch = Site(mode="observe")
watch.deliver(mail())
same(watch.once(), 0, "observe: ends with 0")
same((len(watch.tickets()), len(watch.acks())), (1, 0), "observe: a ticket, no acknowledgement")
ok(all(row["state"] != "sent" for row in watch.ctl("queue", "list").get("outgoing", [])), "observe: nothing sent")
watch.balanced("observe: balanced", seen=1)
done()
