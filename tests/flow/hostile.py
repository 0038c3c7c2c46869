# SPDX-License-Identifier: ISC
#
# hostile: mails that stall or kill parsers, each between two ordinary ones, with the ordinary programs.
# Each is opened, or held for the named limit the corpus expects, within seconds; the next mail is handled.

import os
import resource
import subprocess
import sys
import time

from flow import SOURCE, Site, done, mail, note, ok, same

SECONDS = 40	# for one hostile mail and its two neighbours, on a busy machine
make = f"{SOURCE}/tests/corpus/hostile/make-hostile.py"


def hostile_mails(folder):
	"""[(name, raw, outcome, limit)], from the one generator of the corpus."""
	run = subprocess.run([sys.executable, "-B", make, folder], capture_output=True, text=True)
	if run.returncode:
		note(run.stderr)
	with open(os.path.join(folder, "expect.tsv"), encoding="utf-8") as file:
		rows = [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]
	for name, outcome, limit in rows:
		with open(os.path.join(folder, name), "rb") as file:
			yield name, file.read(), outcome, limit


site = Site()
seen = 0
held = {}	# id: row
oversize = 0
for name, raw, outcome, limit in hostile_mails(site.path("hostile")):
	if limit == "mail size":	# not stored whole, and so never held: its header is opened
		outcome, oversize = "oversize", oversize + 1
	tickets = len(site.tickets())
	begin = time.monotonic()
	for part, content in enumerate((mail("Trước.\n"), raw, mail("Sau.\n"))):
		site.deliver(content, name=f"1700000000.{seen:06d}{part}.mx.example.vn")
	code = site.once(seconds=SECONDS * 2)
	took = time.monotonic() - begin
	seen += 3
	rows = {row["id"]: row for row in site.ctl("hold", "list", "--limit", "500").get("held", [])}
	new = [row for identity, row in rows.items() if identity not in held]
	held = rows
	same((code, len(new)), (1, 1) if outcome == "held" else (0, 0), f"{name}: {outcome}, exit code")
	if outcome == "held" and new:
		ok(limit in new[0]["reason"], f"{name}: for the limit {limit!r}", new[0])
	ok(took < SECONDS, f"{name}: in seconds", f"{took:.1f} s")
	same(len(site.tickets()) - tickets, 3, f"{name}: it and both neighbours have tickets")
ok(seen >= 15, "the generator makes hostile mails", seen)
kinds = [ticket["kind"] for ticket in site.tickets()]
same(kinds.count("unreadable"), len(held), "each held one has a ticket for a person")
box = site.balanced("balanced", seen=seen)["accounted"]
same((box.get("pending"), box.get("held"), box.get("oversize")), (0, len(held), oversize),
	"nothing pending, the held ones and those too large counted")
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
ok(most < 400, "no process grew without bound", f"{most} MB")
done()
