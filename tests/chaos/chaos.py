# SPDX-License-Identifier: ISC
#
# chaos: N mails of every sort go through Postfix and Dovecot into the gateway and its answers back, while every
# 100 to 500 ms a random process of the gateway or of a server is killed, disks are full or read-only for a while,
# and connections are cut.  In the end every mail is accounted for, has one ticket and one answer: what came twice
# came under one Message-ID.
#
#     make chaos [N=2000] [SEED=1]
#
# Writes chaos.json beside the build.  Needs root: for Postfix, and for disks in a mount namespace of its own.

import collections
import glob
import json
import os
import smtplib
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../flow"))
sys.dont_write_bytecode = True
import flow
import mailset
import people
import trouble
from flow import HOTLINE, children, done, note, ok, parse, same, wait_until
from mailset import ALIAS
from people import fields, file_entity, multipart, text_entity
from realsite import RealSite, needs_root
from servers import USER

HOUR = 3600 * 1000
MB = trouble.MB
# Of a hundred mails so many are: (how they are made below)
MIXTURE = (("signed", 8), ("encrypted", 8), ("large", 2), ("twice", 8), ("bounce", 4), ("vacation", 4))
CALM = 900			# s at most until all is worked off, after the trouble


def words():
	given = dict(word.split("=", 1) for word in sys.argv[1:])
	return int(given.get("N") or 2000), int(given.get("SEED") or 1)


class ChaosSite(RealSite):
	"""Store and spool on disks of their own."""

	def prepare(self, site):
		super().prepare(site)
		self.disks = {"store": trouble.Disk(self.path("db"), 64 + N // 10),
			"spool": trouble.Disk(self.path("spool"), 128 + N // 4)}

	def close(self):
		super().close()
		for disk in self.disks.values():
			subprocess.run(["umount", "-l", disk.path], capture_output=True)
		if not flow.KEEP:
			subprocess.run(["rm", "-rf", self.folder])


# ---- the mails -----------------------------------------------------------------------------------------------

def signed(n, persons, keys):
	entity = persons.signed(text_entity(f"Báo cáo có chữ ký, lần {n}.\n"), keys["unknown"])
	return mailset.report(f"signed-{n}", "có chữ ký", entity, f"p{n}@reporter.example",
		words=("report", "good-from-mismatch", "none"))


def encrypted(n, persons, keys):
	entity = persons.encrypted(text_entity(f"Báo cáo mật, lần {n}.\n"), [persons.hotline_key], keys["agency"])
	return mailset.report(f"encrypted-{n}", "mật", entity, f"p{n}@reporter.example",
		words=("report", "good-from-mismatch", "decrypted"))


def large(n, persons, keys):
	size = (MB, 3 * MB, 12 * MB)[n // 100 % 3]
	entity = multipart("mixed", text_entity(f"Kèm tệp lớn, lần {n}.\n"), file_entity("o-dia.bin", os.urandom(size)))
	return mailset.report(f"large-{n}", "tệp lớn", entity, f"p{n}@reporter.example")


def twice(n, persons, keys):
	entity = text_entity(f"Gửi cả hai địa chỉ, lần {n}.\n")
	return mailset.report(f"twice-{n}", "cả hai", entity, f"p{n}@reporter.example", recipients=(HOTLINE, ALIAS), copies=1)


def machine(n, name):
	found = next(mail for mail in mailset.machines() if mail.name == name)
	head, _, rest = found.raw.partition(b"\nMessage-ID: <")
	found.raw = head + f"\nMessage-ID: <{name}-{n}.{os.getpid()}@reporter.example".encode() + rest[rest.index(b">"):]
	found.name = f"{name}-{n}"
	return found


def bounce(n, persons, keys):
	return machine(n, "bounce")


def vacation(n, persons, keys):
	return machine(n, "vacation")


def plain(n, persons, keys):
	found = next(mailset.plain(1))
	text = f"{(mailset.VIETNAMESE + mailset.ENGLISH)[n % 9]}\nLần {n}.\n"
	return mailset.report(f"plain-{n}", text, mailset.SHAPES[n % len(mailset.SHAPES)](text), f"p{n}@reporter.example")


def make_mails(count, persons, keys):
	makers = [globals()[name] for name, share in MIXTURE for _ in range(share)]
	makers += [plain] * (100 - len(makers))
	order = [makers[n * 37 % 100] for n in range(count)]	# all sorts, soon
	return [maker(n, persons, keys) for n, maker in enumerate(order)]


# ---- sending them in -----------------------------------------------------------------------------------------

class Sender:
	"""Hands the mails to Postfix from outside, as a careful client: what was not surely taken is sent again."""

	def __init__(self, world, mails):
		self.world, self.mails, self.left, self.repeats = world, mails, len(mails), 0
		self.thread = threading.Thread(target=self.run, daemon=True)
		self.client = None

	def run(self):
		for mail in self.mails:
			for recipient in mail.recipients:
				while not self.send(mail, recipient):
					self.repeats += 1
					time.sleep(0.1)
			self.left -= 1

	def send(self, mail, recipient):
		try:
			if self.client is None:
				self.client = smtplib.SMTP(self.world.hosts["good"], self.world.plain_port, timeout=20)
			self.client.sendmail(mail.sender, [recipient], mail.raw.replace(b"\n", b"\r\n"), mail_options=("BODY=8BITMIME",))
			return True
		except (OSError, smtplib.SMTPException):
			if self.client:
				self.client.close()
			self.client = None
			return False


# ---- what became of it ---------------------------------------------------------------------------------------

def listed(site, *verb):
	"""All rows of a list, page by page."""
	rows, after = [], ()
	while True:
		page = site.ctl(*verb, "--limit", "1000", *after)
		found = next((value for value in page.values() if isinstance(value, list)), [])
		rows += found
		if not page.get("more") or not found:
			return rows
		after = ("--after", found[-1]["id"])


def status(site):
	return collections.Counter(row["state"] for row in listed(site, "queue", "list"))


def lying(world, folder=None):
	"""Mails in the hotline's mailbox, by its files."""
	root = world.path("mail", USER, "Maildir", *([f".{folder}"] if folder else []))
	return [path for part in ("new", "cur") for path in glob.glob(f"{root}/{part}/*")]


def message_id(raw):
	return str(parse(raw.split(b"\n\n")[0].split(b"\r\n\r\n")[0] + b"\n\n")["Message-ID"]).strip("<>")


def heads(paths):
	"""path: Message-ID"""
	found = {}
	for path in paths:
		with open(path, "rb") as file:
			found[path] = message_id(file.read(65536))
	return found


def queued(world):
	"""Mails in Postfix's queue; a file without x is the half of one, left by a process that was killed."""
	paths = [path for name in ("incoming", "active", "deferred/*", "maildrop") for path in glob.glob(world.path(f"queue/{name}/*"))]
	return [path for path in paths if os.path.isfile(path) and os.access(path, os.R_OK) and os.stat(path).st_mode & 0o100]


def drain(site, world):
	"""Until nothing is left to do; the clock is moved on so that nobody waits for hours."""
	end, hours = time.monotonic() + CALM, 0
	while time.monotonic() < end:
		states = status(site)
		waiting = states["planned"] + states["protected"]
		pending = sum(box["accounted"].get("pending", 0) for box in site.ctl("ledger").get("mailboxes", []))
		if not (waiting or pending or queued(world) or lying(world)) and sum(states.values()) > 0:
			return True
		hours += 4
		site.hooks(f"clock=+{hours * HOUR}")
		site.daemon.send_signal(1)	# a reload polls at once, and looks at the clock
		time.sleep(3)
	return False


def verdict(site, world, mails):
	"""Checks it all; the numbers, for chaos.json."""
	ledger = site.ctl("ledger")
	box = ledger.get("mailboxes", [{}])[0]
	done_mails = heads(lying(world, "Done"))
	ids = {message_id(mail.raw): mail for mail in mails}
	same(sorted(set(ids) - set(done_mails.values())), [], "every mail lies in Done")
	same((ledger["exit"], box.get("unexplained"), box.get("seen")), (0, 0, len(done_mails)), "the ledger explains all of them")
	counts = {kind: n for kind, n in box.get("accounted", {}).items() if n}
	same((counts.get("held", 0), counts.get("pending", 0)), (0, 0), "none is held, none is waiting")
	expected = collections.Counter(mail.kind for mail in mails)
	found = collections.Counter({kind.replace("_", "-"): n for kind, n in counts.items()})
	reports = expected["report"]
	tickets = listed(site, "ticket", "list", "--all")
	same(len(tickets), reports, f"one ticket for each of {reports} reports")
	same(found["report"], reports, "each report is counted once")
	same(sum(found.values()) - found["duplicate"], sum(expected.values()) + extra_machines(done_mails, ids),
		"what came again is a duplicate")
	words = collections.Counter(mail.words for mail in mails if mail.kind == "report")
	same(collections.Counter((ticket["kind"], ticket["signature"], ticket["encryption"]) for ticket in tickets), words,
		"each opened and judged as it was made")
	rows = listed(site, "queue", "list")
	same(collections.Counter(row["state"] for row in rows), collections.Counter({"sent": reports}), "one answer for each ticket, sent")
	same(sorted(row["ticket"] for row in rows), sorted(ticket["id"] for ticket in tickets), "each for another ticket")
	copies = answers(site, world, mails, rows)
	same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")
	return {"accounted": counts, "unexplained": box.get("unexplained"), "tickets": len(tickets),
		"tickets_too_many": len(tickets) - reports, "answers": len(rows), "answers_repeated": copies}


def extra_machines(done_mails, ids):
	"""Machine mail that the servers brought twice: counted as what it is each time."""
	times = collections.Counter(done_mails.values())
	return sum(n - 1 for name, n in times.items() if name in ids and ids[name].kind != "report")


def answers(site, world, mails, rows):
	"""Reads the reporters' mailboxes; how many answers came more than once."""
	wanted = {(row["recipient"], row["message_id"].strip("<>")) for row in rows}
	came, paths = collections.Counter(), {}
	for user in world.passwords:
		if user != USER:
			for path, name in heads(glob.glob(world.path("mail", user, "Maildir/new/*"))).items():
				came[user, name] += 1
				paths[user, name] = path
	same(sorted(wanted - set(came)), [], "every answer came")
	same(sorted(set(came) - wanted), [], "and nothing else did: what came twice has one Message-ID")
	some = [path for n, path in enumerate(paths.values()) if n % max(1, len(paths) // 50) == 0]
	raws = [open(path, "rb").read() for path in some]
	same({site.verify(raw) for raw in raws if b"multipart/signed" in raw}, {site.fingerprint}, "gpg verifies them")
	return sum(n - 1 for n in came.values())


def commit():
	run = subprocess.run(["git", "-C", flow.SOURCE, "rev-parse", "HEAD"], capture_output=True, text=True)
	return run.stdout.strip() if run.returncode == 0 else None


needs_root()
trouble.in_own_namespace()
N, SEED = words()
# -- the world
began = time.monotonic()
world = trouble.HurriedServers(users=(USER, *(f"p{n}@reporter.example" for n in range(N))), aliases={ALIAS: USER})
site = ChaosSite(world, hooked=True)
expected, persons = mailset.corpus(site)
mailset.configure(site, expected)
persons.hotline_key = site.fingerprint
mails = make_mails(N, persons, expected["keys"])
wires = [trouble.Wire(world.hosts["good"], port) for port in (world.imaps_port, world.submissions_port)]
site.via({"port": wires[0].port}, {"port": wires[1].port})
note(f"{N} mails, seed {SEED}, made in {time.monotonic() - began:.0f} s")

# -- the trouble
began = time.monotonic()
chaos = trouble.Trouble(site, world, wires, site.disks, SEED)
chaos.keep()
chaos.start()
sender = Sender(world, mails)
sender.thread.start()
limit = 60 + N / 3
while not chaos.failed and time.monotonic() - began < limit:
	time.sleep(2)
	if not sender.left and not lying(world) and site.ctl("ledger")["exit"] == 0 and \
			not set(status(site)) - {"sent"}:
		break
in_trouble = time.monotonic() - began
if sender.left:
	note(f"{sender.left} mails are still to be sent in")
chaos.stop()
states = status(site)
note(f"{in_trouble:.0f} s of trouble: {sum(chaos.kills.values())} kills, {chaos.cuts} connections cut, "
	f"{sum(chaos.phases.values())} disk phases, {chaos.starts} starts, exits {chaos.exits}; {dict(states)}, {sender.repeats} sent in again")
# -- calm
ok(wait_until(lambda: not sender.left, CALM), "all mails were sent in", sender.left)
ok(drain(site, world), "in calm, all of it is worked off", f"{status(site)} {site.ctl('ledger')}")
same(chaos.failed, None, "the trouble went as planned")
numbers = verdict(site, world, mails)
chaos.down = True
with chaos.lock:
	same(site.daemon_stop(), 0, "SIGTERM ends in order")
result = {"version": 1, "commit": commit(), "seed": SEED, "mails": N, "seconds": round(time.monotonic() - began, 1),
	"seconds_of_trouble": round(in_trouble, 1), "kills": sum(chaos.kills.values()),
	"killed": dict(sorted(chaos.kills.items())), "disk_phases": dict(sorted(chaos.phases.items())),
	"connections_cut": chaos.cuts, "starts": chaos.starts, "exits": {str(code): n for code, n in sorted(chaos.exits.items())}, **numbers,
	"result": "failed" if flow.failures else "passed"}
with open(os.path.join(flow.BUILD, "chaos.json"), "w", encoding="utf-8") as file:
	json.dump(result, file, indent=1, ensure_ascii=False)
note(json.dumps(result, indent=1, ensure_ascii=False))
persons.close()
done()
