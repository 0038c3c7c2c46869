# SPDX-License-Identifier: ISC
#
# main: the main job with the ordinary, jailed programs.  One report in a Maildir becomes one ticket and one
# acknowledgement that plain gpg verifies, threads with the report, and holds no byte of the sender's.

import hashlib
import re

import flow
from flow import Site, mail, note, ok, parse, same, text_of

MARKS = ("mật-khẩu-bí-mật-4711", "Tiêu đề riêng 0815", "Người Báo Cáo Lạ", "ke-hoach-mat.pdf")
REPORT = mail(message_id="first.1@reporter.example", subject=MARKS[1],
	sender=f"{MARKS[2]} <nguoi-bao@reporter.example>", content_type="multipart/mixed; boundary=b1",
	body="--b1\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
		f"Máy chủ bị mã hoá lúc 9 giờ. {MARKS[0]}\n--b1\nContent-Type: application/pdf\n"
		f"Content-Disposition: attachment; filename=\"{MARKS[3]}\"\nContent-Transfer-Encoding: base64\n\n"
		"JVBERi0xLjQK\n--b1--\n")

site = Site()
base = site.deliver(REPORT)
same(site.once(), 0, "--once ends with 0")

tickets = site.tickets()
same(len(tickets), 1, "one ticket")
ticket = tickets[0] if tickets else {}
ok(re.fullmatch(r"NBH-\d{4}-000001", ticket.get("id", "")), "with the first number of the year", ticket)
for name, value in {"state": "received", "kind": "report", "subject": MARKS[1],
		"reporter": "nguoi-bao@reporter.example", "signature": "none", "encryption": "none",
		"reports": 1, "drill": False, "severity": None, "category": None, "assignee": None}.items():
	same(ticket.get(name, "absent"), value, f"ticket list: {name}")
ok(abs(flow.rfc3339(ticket["created"]) - flow.time.time()) < 300, "created now", ticket)
shown = site.ctl("ticket", "show", ticket["id"])
for name in ("letters", "events", "clocks", "escalations", "indicators"):
	ok(isinstance(shown.get(name), list), f"ticket show has {name}", shown)
same(len(shown.get("letters", [])), 1, "one letter on it")

acks = site.acks_raw()
same(len(acks), 1, "one acknowledgement")
ack = parse(acks[0])
same(site.verify(acks[0]), site.fingerprint, "plain gpg verifies it against the hotline key")
same(ack["To"], "nguoi-bao@reporter.example", "to the From address alone")
same(ack["Auto-Submitted"], "auto-replied", "Auto-Submitted")
same(ack["In-Reply-To"], "<first.1@reporter.example>", "In-Reply-To the report")
same(ack["References"], "<first.1@reporter.example>", "References the report")
ok(f"[{ticket['id']}]" in ack["Subject"], "the ticket number in the subject", ack["Subject"])
ok(ack["Message-ID"] and ack["Message-ID"].endswith("@example.vn>"), "Message-ID of our domain", ack["Message-ID"])
ok("ungcuu@example.vn" in ack["From"], "From the hotline", ack["From"])
ok(ack["Date"], "has a Date")
same(ack.get_content_type(), "multipart/signed", "multipart/signed")
text = text_of(ack)
ok(ticket["id"] in text, "the text names the ticket")
ok("+84 000 000 000" in text, "and the phone")
ok(hashlib.sha256(REPORT).hexdigest() in re.sub(r"\s", "", text).lower(), "and the SHA-256 of the raw mail", text)
spaced = " ".join(re.findall(".{4}", site.fingerprint))
ok(site.fingerprint in re.sub(r"\s", "", text), f"and the fingerprint {spaced}", text)
ok("signature.asc" in text, "and that signature.asc need not be opened")
ok(" bạn " not in text.lower(), "and never says bạn")
first = [line for line in text.split("\n") if line.strip()][:20]
ok(all(len(line) <= 78 for line in first) and any(ticket["id"] in line for line in first),
	"number and short lines come first", "\n".join(first))
for mark in MARKS:
	forms = (mark, mark.encode().hex(), mark.split()[0])
	everything = acks[0].decode(errors="replace") + str(ack["Subject"]) + str(ack["To"]) + text
	ok(not any(form in everything for form in forms[:2]), f"no byte of the sender: {mark}")

same(site.in_folder("Maildir"), [], "the mailbox is empty")
same(site.in_folder("Maildir", ".Done"), [base], "the mail lies in the done folder")
with open(next(site.path("Maildir/.Done", part, name) for part in ("new", "cur")
		for name in flow.os.listdir(site.path("Maildir/.Done", part))), "rb") as file:
	same(file.read(), REPORT, "with its bytes unchanged")
box = site.balanced("the ledger balances", seen=1)
same(box["accounted"].get("report"), 1, "one report in it")
same(box.get("identity"), "maildir", "its identity is maildir")

queue = site.ctl("queue", "list").get("outgoing", [])
same([(row["state"], row["template"], row["signed"], row["encrypted"], row["recipient"]) for row in queue],
	[("sent", "T01", True, False, "nguoi-bao@reporter.example")], "queue list")
same(queue[0]["message_id"].strip("<>") if queue else None, ack["Message-ID"].strip("<>"),
	"with the Message-ID that left")
ok(site.ctl("explain", ticket["id"])["exit"] == 0, "explain answers")
journal = site.ctl("journal", "verify")
ok(journal["exit"] == 0 and journal.get("ok") is True and journal.get("rows", 0) > 0, "the journal verifies", journal)

own = site.path("own-copy.eml")
with open(own, "wb") as file:
	file.write(REPORT)
receipt = site.ctl("receipt", "verify", own)
ok(receipt["exit"] == 0 and ticket["id"] in str(receipt), "receipt verify names the ticket", receipt)
with open(own, "wb") as file:
	file.write(REPORT.replace(b"9 gi", b"8 gi"))
ok(site.ctl("receipt", "verify", own)["exit"] != 0, "and nothing for a changed copy")

same(site.once(), 0, "a second run ends with 0")
same((len(site.tickets()), len(site.acks())), (1, 1), "and adds nothing")
ok("event=" in site.log and not any(mark in site.log for mark in MARKS), "the log has events and no mark")
ok("reporter.example" not in site.log, "and no address", [line for line in site.log.split("\n") if "reporter.ex" in line])
flow.done()
