# SPDX-License-Identifier: ISC
#
# digest: once a week each administrator gets a signed digest: balance, what was filed as noise, head of the
# journal; encrypted where a key is known; exactly one a week, over restarts and kills; others get none.

import atexit
import os
import re
import subprocess
import time

import people
from flow import Site, done, mail, ok, parse, same, text_of, wait_until

DAY = 24 * 3600 * 1000
MONDAY = ((4 * 24 + 8) - 7) * 3600 * 1000	# the first one, 08:00 UTC+7
WEEK = 7 * DAY

site = Site(hooked=True)
persons = people.People(site.path("people"))
atexit.register(persons.close)
key = persons.key("Quản trị <khoa@team.example>")
with open(site.path("certificates/khoa.asc"), "wb") as file:
	file.write(persons.certificate(key))


def person(name, roles, extra=""):
	return f'{{ id = "{name}"; name = "{name}"; address = "{name}@team.example"; roles = [ {roles} ]; {extra} }}'


site.configure(more="responders = ( " + ", ".join((person("khoa", '"admin"', f'keys = [ "{key}" ];'),
	person("ro", '"respond", "admin"', 'language = "en";'), person("truc", '"respond", "lead"'),
	person("het-han", '"admin"', 'until = "2020-01-01";'))) + " );")


def digests():
	return [(row["recipient"], row["state"], row["signed"], row["encrypted"])
		for row in site.ctl("queue", "list", "--limit", "100").get("outgoing", []) if row["template"] == "T39"]


def raw_to(address):
	return [raw for raw in site.acks_raw() if parse(raw)["To"] == address]


def monday(n):
	"""The clock of the n-th Monday after now, a minute past 08:00."""
	now = int(time.time() * 1000)
	return MONDAY + ((now - MONDAY) // WEEK + n) * WEEK + 60000 - now


site.deliver(mail("Báo cáo đầu tiên.\n", subject="Tiêu đề riêng 4711", sender="An <an@reporter.example>"))
site.deliver(mail("Vòng lặp.\n", headers=("X-Ungcuu-Loop: ungcuu@example.vn",), subject="Lặp bí mật",
	sender="may@vong-lap.example"))
same((site.once(), digests()), (0, []), "no digest before the first Monday")
noise = [row for row in site.ctl("ledger")["mailboxes"]][0]["accounted"]
same((noise["report"], noise["noise"]), (1, 1), "a report and a mail filed as noise")
head = site.ctl("journal", "verify")

site.hooks(f"clock=+{monday(1)}")
same(site.once(), 0, "Monday")
same(sorted(digests()), [("khoa@team.example", "sent", True, True), ("ro@team.example", "sent", True, False)],
	"one for each administrator: signed, and encrypted where a key is known; none for others")
clear = (raw_to("ro@team.example") or [b""])[0]
same(site.verify(clear), site.fingerprint, "plain gpg verifies the clear one")
digest = parse(clear)
text = text_of(digest)
same(digest["Subject"], "[NBH] Weekly digest of the gateway", "its subject")
same((digest["Auto-Submitted"], digest["In-Reply-To"], digest["Reply-To"]), ("auto-generated", None, None),
	"made by itself, in answer to nothing")
ok("main: seen 2, report 1, noise 1" in text and "unexplained: 0" in text, "it has the balance", text)
ok(re.search(r"\n  [0-9a-f]{32}: X-Ungcuu-Loop is our own", text), "and what was filed as noise, and why", text)
ok(f"{head['rows']}\n  {head['head']}" in text, "and the head of the journal", text)
ok("chưa giải thích được: 0" in text and "English text below" not in text.split("\n")[0], "in both languages", text)
for word in ("4711", "bí mật", "an@reporter", "vong-lap"):
	ok(word not in clear.decode(errors="replace") + text, f"no word of anybody's mail: {word}")
sealed = (raw_to("khoa@team.example") or [b""])[0]
ok(b"multipart/encrypted" in sealed, "the other one is encrypted")
armour = sealed[sealed.find(b"-----BEGIN PGP MESSAGE"):]
opened = subprocess.run(["gpg", "--homedir", persons.home, "--batch", "--decrypt"], input=armour.replace(b"\r\n", b"\n"),
	capture_output=True).stdout
inner = text_of(parse(opened))
ok("main: seen 2" in inner or "main: đã thấy 2" in inner, "and opens with that key", opened[:400])

same((site.once(), len(digests())), (0, 2), "the same week again: none")
ok(site.daemon_start(), "a daemon")
site.hooks(f"clock=+{monday(1) + DAY}")
ok(wait_until(lambda: "event=poll" in site.daemon_text() or len(site.daemon_text()) > 0, 5), "runs on Tuesday")
same(site.daemon_stop(), 0, "stops in order")
same(len(digests()), 2, "none")

# Killed before and after the commit that plans them, and while they leave.
for n, faults in enumerate((["fault=store.commit.before hub kill"], ["fault=store.commit.after hub kill"],
		["fault=keys.sign keys kill"]), 2):
	site.hooks(f"clock=+{monday(n)}", *faults)
	code = site.once()
	left = [line for line in site.hooks_left() if "fault" in line]
	if code != 0:
		site.hooks(f"clock=+{monday(n)}")
		site.once()
	same((left, len(digests())), ([], 2 * n), f"week {n}: one each, whatever dies ({faults[0]})")
site.hooks(f"clock=+{monday(9)}")
same((site.once(), len(digests())), (0, 10), "weeks without a gateway: one digest for all of them")
ok({state for _, state, _, _ in digests()} == {"sent"}, "all left")

# An administrator answers it: it belongs to no ticket, and opens one as any mail does.
before = len(site.tickets())
site.deliver(mail("Cảm ơn, đã xem báo cáo tuần.\n", sender="ro@team.example",
	headers=(f"In-Reply-To: {digest['Message-ID']}", f"References: {digest['Message-ID']}")))
same((site.once(), site.ctl("journal", "verify").get("ok")), (0, True), "an answer to a digest does no harm")
ok(len(site.tickets()) - before <= 1, "and joins no ticket", site.tickets())
site.balanced("balanced", seen=3)

# A restored store does not know what was sent since its backup.
same(site.ctl("backup", site.path("store.backup"))["exit"], 0, "a backup")
other = Site(hooked=True)
other.configure(key=site.fingerprint, more=site.settings["more"])
for name in ("gnupg", "Maildir", "certificates"):
	subprocess.run(["cp", "-aT", site.path(name), other.path(name)], check=True)
subprocess.run(["cp", site.path("db/store.key"), other.path("db/store.key")], check=True)
other.fingerprint = site.fingerprint
other.hooks(f"clock=+{monday(10)}")
same(other.ctl("restore", site.path("store.backup"))["exit"], 0, "restored in a week whose digest may have left")
same((other.once(), len(other.acks())), (0, 0), "none this week")
other.hooks(f"clock=+{monday(11)}")
same((other.once(), len(other.acks())), (0, 2), "but in the next")
done()
