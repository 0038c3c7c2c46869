# SPDX-License-Identifier: ISC
#
# evidence: what was given by hand is a row of its ticket's journal, sealed, with digest, size, giver and taker; the
# same file twice is twice a row; what is not one readable line is refused.

import hashlib
import os
import re

from flow import Site, done, mail, ok, same

site = Site()
site.deliver(mail("Máy chủ bị mã hoá, ổ cứng mang đến sau.\n"))
same(site.once(), 0, "one report")
ticket = site.tickets()[0]["id"]
image = os.urandom(300000)
with open(site.path("đĩa.img"), "wb") as file:
	file.write(image)
EVIDENCE = ("evidence", "add", ticket, site.path("đĩa.img"), "--from", 'Nguyễn "An" \\ Sở Y tế')
same(site.ctl(*EVIDENCE)["exit"], 69, "evidence: not without the daemon")
ok(site.daemon_start(), "the daemon runs again")
one = site.ctl(*EVIDENCE, "--note", "ổ cứng, niêm phong số 7")
digest = hashlib.sha256(image).hexdigest()
same((one["exit"], one["ticket"], one.get("sha256"), one.get("size"), one.get("file")), (0, ticket, digest, 300000, "đĩa.img"),
	"evidence add: digest, size, name, ticket")
ok(one["by"] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["at"]), "and who took it, and when", one)
two = site.ctl(*EVIDENCE, "--by", "Trần Bình")
same((two["exit"], two["by"], two["note"]), (0, "Trần Bình", None), "the same file again")
rows = [row["why"] for row in site.ctl("ticket", "show", ticket)["events"] if row["event"] == "evidence"]
same(len(rows), 2, "is a row of its own")
same(rows[1], f'sha256={digest} size=300000 file="đĩa.img" from="Nguyễn \\"An\\" \\\\ Sở Y tế" by="Trần Bình"', "as written")
same([row["why"] for row in site.ctl("explain", ticket)["events"] if row["event"] == "evidence"], rows, "explain tells it")
ok("niêm phong" in rows[0] and "niêm phong" not in site.daemon_text() and "Trần" not in site.daemon_text(),
	"the journal has the texts, the log has not")
with open(site.path("db/ungcuu.db"), "rb") as file:
	database = file.read()
with open(site.path("db/ungcuu.db-wal"), "rb") as file:
	database += file.read()
ok(digest.encode() not in database and "niêm phong".encode() not in database, "sealed in the database")
for name, words in (("unknown ticket", ("NBH-2026-999999", "x", "--from", "A")), ("no giver", (ticket, "x", "--from", " ")),
		("a line end", (ticket, "x", "--from", "A\nB")), ("a turned text", (ticket, "x", "--from", "A\u202eB")),
		("too long a note", (ticket, "x", "--from", "A", "--note", "n" * 2001)),
		("no such file", (ticket, "missing", "--from", "A"))):
	words = [site.path("ungcuu.conf") if word == "x" else word for word in words]
	answer = site.ctl("evidence", "add", *words)
	ok(answer["exit"] == 65 and answer["error"]["why"], f"evidence: {name} is refused", answer)
same(site.ctl("evidence", "add", ticket, site.path("đĩa.img"))["exit"], 64, "evidence: --from is needed")
same(len([row for row in site.ctl("ticket", "show", ticket)["events"] if row["event"] == "evidence"]), 2, "no row of those")
ok(site.ctl("journal", "verify")["ok"], "the chain of the journal holds")
same(site.daemon_stop(), 0, "the daemon ends in order")
done()
