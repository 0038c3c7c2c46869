# SPDX-License-Identifier: ISC
#
# points: a process is killed at a point that `ungcuud --fault list` prints: before and after every commit, fsync,
# link, rename, server's answer, and frame by verb, on both its sides.  After a restart there is one ticket and one
# answer (two under one Message-ID only where it was handed on), and the ledger balances.  The mail is signed,
# encrypted and brings its sender's key, so that it passes every worker.
#
#     points.py         some of the points: part of `make check`
#     points.py all     all of them, those of IMAP and SMTP with real servers: `make faults`, writes faults.json

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import flow
import people
from flow import HOTLINE, Site, done, mail, note, ok, same, wait_until

ALL = sys.argv[1:] == ["all"]
REPORTER = "an@reporter.example"
HOUR = 3600 * 1000
EVERY = 9		# of the points without servers, one in so many is part of `make check`
# A crash between acceptance and its commit sends again.
MAY_REPEAT = ("maildir.deliver.", "maildir.sync.", "smtp.text.after", "hub.turn.", "frame.send.before.sent", "frame.send.after.sent",
	"frame.receive.before.sent", "frame.receive.after.sent")
# Verbs that no mail out of a Maildir passes: asked for by ungcuuctl check in a tree of its own, by nobody yet, or with a
# test of its own (arriving.py, ingest.py, pop3-kill.py, keep.py, bearer.py).
NO_MAIL = ("folders", "foldered", "check", "checked", "helper", "helped", "wait", "waited",
	"expect", "date", "dated", "remove", "removed", "room", "roomed", "want", "token", "ingest", "ingested")
# Verbs that come only after something else went wrong, or by hand: what it takes (below).
AFTER_DEATH = {"gone": "fault=keys.sign keys kill", "renew": "fault=letter.parse letter abort"}
BY_HAND = ("stop", "control", "controlled")
# What only ungcuuctl does in the hub's place, for trees of its own.
IN_ITS_PLACE = {("frame.send.before.slice", "hub"), ("frame.send.after.slice", "hub"), ("frame.receive.before.ready", "hub"),
	("frame.receive.after.ready", "hub")}


def points(site):
	code, out, _ = site.run("ungcuud", "--fault", "list")
	same(code, 0, "ungcuud --fault list")
	return [tuple(line.split()) for line in out.splitlines()]


def is_whole(name):
	"""Not "the first frame, whatever it is": each verb has points of its own."""
	return not (name.startswith("frame.") and name.count(".") == 2)


def verb(name):
	return name.split(".")[3] if name.startswith("frame.") else None


# ---- a site like another -------------------------------------------------------------------------------------

def clone(base):
	"""With the same key and configuration, and nothing in it."""
	site = Site.__new__(Site)
	site.__dict__.update(base.__dict__, daemon=None, log="", folder=tempfile.mkdtemp(prefix="ungcuu-",
		dir=os.environ.get("TMPDIR", "/tmp")), settings=dict(base.settings))
	shutil.copytree(base.folder, site.folder, dirs_exist_ok=True,
		ignore=lambda folder, names: [name for name in names if name.startswith("S.") or name in ("people", "verifier")])
	site.hooks_file = open(site.path("hooks"), "w+")
	flow.sites.append(site)
	return site


def protected_mail(site):
	persons = people.People(site.path("people"))
	key = persons.key(f"Nguyễn An <{REPORTER}>")
	with open(site.path("certificates/an.asc"), "wb") as file:
		file.write(persons.certificate(key))
	persons.hotline(site.path("gnupg"), site.fingerprint)
	entity = people.multipart("mixed", people.text_entity("Máy chủ bị mã hoá.\n"), people.file_entity("khoa.asc",
		persons.certificate(key), "application/pgp-keys"))
	raw = people.mail(people.fields(REPORTER, "Báo cáo"), persons.encrypted(entity, [site.fingerprint], key))
	persons.close()
	return raw


# ---- one case ------------------------------------------------------------------------------------------------

def once_more(site, tries=4):
	"""Runs until all is done, a little later each time; the last exit code."""
	for n in range(1, tries + 1):
		site.hooks(f"clock=+{n * HOUR // 4}")
		code = site.once()
		if code == 0:
			break
	return code


def by_daemon(site, name):
	"""A frame that comes by hand.  True: the point was passed."""
	site.daemon_start()
	wait_until(lambda: site.acks(), 30)
	if "stop" in name:
		site.daemon.terminate()
	else:
		site.ctl("hold", "retry", "0" * 32, seconds=20)
	wait_until(lambda: not site.hooks_left(), 20)
	site.daemon_stop()


def wrong_after(site, name, again=once_more):
	"""What is wrong, as lines; none when all is well."""
	wrong = []
	if site.hooks_left():
		wrong.append(f"never reached: {site.hooks_left()}")
	code = again(site)
	if code != 0:
		wrong.append(f"the runs after it end with {code}")
	rows = site.ctl("queue", "list").get("outgoing", [])
	tickets = [(ticket["kind"], ticket["signature"], ticket["encryption"]) for ticket in site.tickets()]
	if tickets != [("report", "good-unknown-key", "decrypted")]:
		wrong.append(f"tickets: {tickets}")
	ids = [message["Message-ID"] for message in site.acks()]
	if len(set(ids)) != 1 or len(ids) > (2 if name.startswith(MAY_REPEAT) else 1) or len(rows) != 1:
		wrong.append(f"answers: {ids}, {len(rows)} rows")
	if site.lying_in() != (0, 1):
		wrong.append(f"mailbox, Done: {site.lying_in()}")
	ledger = site.ctl("ledger")
	box = ledger.get("mailboxes", [{}])[0]
	if ledger["exit"] or box.get("unexplained") != 0 or box.get("seen") != 1 or box.get("accounted", {}).get("report") != 1:
		wrong.append(f"ledger: {ledger}")
	if not site.ctl("journal", "verify").get("ok"):
		wrong.append("the journal does not verify")
	if wrong:
		wrong.append(site.log[-3000:])
	return wrong


def lying_in(site):
	return len(site.in_folder("Maildir")), len(site.in_folder("Maildir", ".Done"))


Site.lying_in = lying_in


def crash_at(base, raw, name, role):
	site = clone(base)
	site.deliver(raw)
	line = f"fault={name} {role} {'nospace' if name.endswith('.space') else 'kill'}"
	site.hooks(*filter(None, (AFTER_DEATH.get(verb(name)), line)))
	if verb(name) in BY_HAND:
		by_daemon(site, name)
	else:
		site.once()
	wrong = wrong_after(site, name)
	site.close()
	return wrong


# ---- with real servers ---------------------------------------------------------------------------------------

def with_servers(base, raw, found):
	"""One after the other, over IMAP and SMTP; {point: what was wrong}."""
	import realsite
	import servers
	if os.geteuid() != 0 or not servers.POSTFIX or not servers.DOVECOT:
		flow.skip("points of IMAP and SMTP", "needs root, Dovecot and Postfix")
		return {}

	class Real(realsite.RealSite):
		def lying_in(self):
			return self.lying(), self.lying("Done")

		def acks(self):
			return [flow.parse(raw) for raw in self.world.fetch(REPORTER_HERE)]

	REPORTER_HERE = REPORTER
	answers = {}
	for name, role in found:
		world = servers.Servers(users=(servers.USER, REPORTER))
		site = Real(world, like=base, hooked=True)
		site.post(raw)
		site.hooks(f"fault={name} {role} kill")
		site.once()
		answers[name, role] = wrong_after(site, name)
		site.close()
		world.close()
	return answers


# ---- all of them ---------------------------------------------------------------------------------------------

began = time.monotonic()
base = Site(hooked=True)
raw = protected_mail(base)
found = [(name, role) for name, role in points(base) if is_whole(name) and verb(name) not in NO_MAIL and
	role != "control" and name != "program.exec" and not name.startswith("pop3.") and
	(name, role) not in IN_ITS_PLACE]	# starved.py, pop3-kill.py have those
by_wire = [case for case in found if case[0].startswith(("imap.", "smtp."))]
cases = [case for case in found if case not in by_wire]
ok(len(cases) > 120 and len(by_wire) >= 9, f"{len(found)} points", found)
if not ALL:
	cases, by_wire = cases[::EVERY], []
answers = {}
with ThreadPoolExecutor(3) as pool:
	answers.update(zip(cases, pool.map(lambda case: crash_at(base, raw, *case), cases)))
if by_wire:
	answers.update(with_servers(base, raw, by_wire))
for (name, role), wrong in answers.items():
	ok(not wrong, f"killed at {name} in {role}", "\n".join(wrong))
if ALL:
	run = subprocess.run(["git", "-C", flow.SOURCE, "rev-parse", "HEAD"], capture_output=True, text=True)
	result = {"version": 1, "commit": run.stdout.strip() or None, "seed": None, "seconds": round(time.monotonic() - began, 1),
		"points": len(answers), "failed": sum(bool(wrong) for wrong in answers.values()),
		"result": "failed" if flow.failures else "passed"}
	with open(os.path.join(flow.BUILD, "faults.json"), "w", encoding="utf-8") as file:
		json.dump(result, file, indent=1)
	note(json.dumps(result))
done()
