# SPDX-License-Identifier: ISC
#
# keys: what a person says of certificates that came by mail.  The daemon changes a pin, writes it into the
# journal, and refuses what would change nothing without ending; ungcuuctl reads the pins with and without it.
# The pins are put into the store by a program of the tests.

import os
import sqlite3
import subprocess

from flow import BUILD, Site, children, done, mail, ok, program, same, wait_until

LAN, BAN, HOA = "lan@example.org", "ban@example.org", "hoa@example.org"
A, B, C = ("A" * 40, "B" * 40, "C" * 40)

site = Site()
same(site.once(), 0, "a store is made")


def put_pins(*pins):
	"""(address, fingerprint, file, ms): as if they had come by mail."""
	words = [str(word) for pin in pins for word in pin]
	subprocess.run([f"{BUILD}/tests/ctl/put-pins", site.path("db/ungcuu.db"), site.path("spool"),
		site.path("db/store.key"), *words], check=True)


def states():
	return {(pin["address"], pin["fingerprint"][0]): pin["state"] for pin in site.ctl("key", "list")["pins"]}


def journal():
	"""Events about keys; their text is sealed."""
	base = sqlite3.connect(f"file:{site.path('db/ungcuu.db')}?mode=ro", uri=True)
	rows = [row[0] for row in base.execute("SELECT event FROM journal WHERE event LIKE 'key-%' ORDER BY seq")]
	base.close()
	return rows


def refused(words, code, why, name):
	answer = site.ctl("key", *words)
	ok(answer["exit"] == code and why in answer.get("error", {}).get("why", ""), name, answer)


export = subprocess.run(["gpg", "--homedir", site.path("gnupg"), "--no-autostart", "--export", site.fingerprint],
	capture_output=True, check=True).stdout
with open(site.path("binary"), "wb") as file:
	file.write(export)
with open(site.path("armored"), "wb") as file:
	file.write(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: \x1b[31m\n\n")
put_pins((LAN, A, site.path("binary"), 1790000000000), (LAN, B, site.path("armored"), 1790000001000),
	(BAN, B, site.path("armored"), 1790000002000), (HOA, C, site.path("binary"), 1790000003000))

# -- reading them, without a daemon
FRESH = {(LAN, "A"): "current", (LAN, "B"): "quarantined", (BAN, "B"): "current", (HOA, "C"): "current"}
same(states(), FRESH, "key list: the pins and their states")
first = site.ctl("key", "list")["pins"][0]
same((first["source"], first["first_seen"], first["last_seen"]), ("attachment", "2026-09-21T14:13:20Z", "2026-09-21T14:13:20Z"),
	"key list: since when, and how it came")
found, after = [], []
for _ in range(10):
	page = site.ctl("key", "list", "--limit", "2", *after)
	found += [(pin["address"], pin["fingerprint"][0]) for pin in page["pins"]]
	if not page["more"]:
		break
	after = ["--after", page["last"]]
same(found, list(FRESH), "key list: pins in pages, our own key before them")
shown = site.ctl("key", "show", A.lower())
same((shown["exit"], shown["kind"], [pin["address"] for pin in shown["pins"]]), (0, "pinned", [LAN]), "key show of a pinned one")
show_home = site.path("show")
os.mkdir(show_home, 0o700)
taken = subprocess.run(["gpg", "--homedir", show_home, "--batch", "--no-autostart", "--import"],
	input=shown["public_key"].encode(), capture_output=True)
ok(taken.returncode == 0, "gpg takes what is shown", taken.stderr)
same([pin["address"] for pin in site.ctl("key", "show", B)["pins"]], [LAN, BAN], "key show names all correspondents")
code, out, _ = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "key", "show", B)
ok(code == 0 and "BEGIN PGP" in out and "\x1b" not in out, "key show: nothing that moves a terminal", out)
code, out, _ = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "key", "list")
ok(code == 0 and "quarantined" in out and LAN in out, "key list for people", out)
for verb in ("forget", "accept"):
	refused([verb, A], 69, "not running", f"key {verb}: 69 without a daemon")
	refused([verb, "A" * 39], 64, "fingerprint", f"key {verb}: 64 without a fingerprint")
	refused([verb, A, "--address", ""], 64, "no address", f"key {verb}: 64 without an address in --address")
same((states(), journal()), (FRESH, []), "and nothing has changed")

# -- what changes nothing is refused, and the hub lives on
ok(site.daemon_start(), "the daemon runs")
hub = [pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"]
refused(["forget", "D" * 40], 65, "pinned for nobody", "key forget of a key nobody has")
refused(["accept", "D" * 40], 65, "pinned for nobody", "key accept of a key nobody has")
refused(["forget", A, "--address", BAN], 65, "not pinned for this address", "key forget for another address")
refused(["accept", B, "--address", HOA], 65, "not pinned for this address", "key accept for another address")
refused(["forget", A, "--address", "\"a'\\\n"], 65, "not pinned for this address", "an address that is none")
refused(["accept", A], 65, "current one already", "key accept of the current one")
refused(["accept", B], 65, "name one with --address", "key accept of one that several have")
same((states(), journal()), (FRESH, []), "nothing has changed")
same([pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"], hub, "and the hub is the same")

# -- accept, forget
accepted = site.ctl("key", "accept", B, "--address", LAN.upper())
same((accepted["exit"], accepted.get("accepted"), accepted.get("correspondents"), accepted.get("address")),
	(0, B, 1, LAN.upper()), "key accept of a changed certificate")
same(states(), {**FRESH, (LAN, "A"): "forgotten", (LAN, "B"): "current"}, "it is the current one, the one before is forgotten")
refused(["forget", A], 65, "forgotten already", "key forget of a forgotten one")
forgotten = site.ctl("key", "forget", B)
same((forgotten["exit"], forgotten.get("forgotten"), forgotten.get("correspondents")), (0, B, 2), "key forget for all")
code, out, err = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "key", "forget", C, "--address", HOA)
ok(code == 0 and C in out and HOA in out, "key forget for one, for people", out + err)
back = site.ctl("key", "accept", A)
same(back["exit"], 0, "a forgotten one can be accepted again")
same(states(), {(LAN, "A"): "current", (LAN, "B"): "forgotten", (BAN, "B"): "forgotten", (HOA, "C"): "forgotten"}, "as they were told")
EVENTS = ["key-accepted", "key-forgotten", "key-forgotten", "key-accepted"]
same(journal(), EVENTS, "one row of the journal each")
logged = [line for line in site.daemon_text().splitlines() if "event=key-" in line]
ok(len(logged) == 4 and all(f"event={event} " in line for event, line in zip(EVENTS, logged)) and
	not any("@" in line for line in logged), "and a line of the log, without addresses", logged)
same([pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub"], hub, "the hub is the same still")
site.deliver(mail())
ok(wait_until(lambda: len(site.acks()) == 1), "and answers a mail")
same(site.daemon_stop(), 0, "the daemon ends in order")
verified = site.ctl("journal", "verify")
same((verified["exit"], verified["ok"]), (0, True), "the journal is whole")
base = sqlite3.connect(site.path("db/ungcuu.db"))
ok(not any(LAN.encode() in bytes(str(row), "utf-8") for row in base.execute("SELECT * FROM payload")), "its text is sealed")
base.close()
done()
