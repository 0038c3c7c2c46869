# SPDX-License-Identifier: ISC
#
# backlog: N mails that lie in the mailbox before the gateway starts, a tenth of them from one sender, are worked off
# while the memory of each process is watched: it must not grow with their number.  Meanwhile single mails of others
# come in: what each waits for its answer must not be what all the others wait for.
#
#     make backlog [N=100000] [VIA=maildir|imap]
#
# Writes backlog.json.  VIA=imap takes them from a Dovecot of its own.

import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../flow"))
sys.dont_write_bytecode = True
import flow
from flow import Site, children, done, note, ok, program, same, wait_until

FLOOD = "lut@reporter.example"
GROWTH = 24 * 1024	# kB a process may grow between a third of the way and the end
PROBES = 20
WATCHED = ("ungcuu-hub", "ungcuu-fetch", "ungcuu-mime", "ungcuu-keys", "ungcuu-submit", "ungcuud")


def words():
	given = dict(word.split("=", 1) for word in sys.argv[1:])
	return int(given.get("N") or 100000), given.get("VIA") or "maildir"


def sender(n):
	return FLOOD if n % 10 == 0 else f"p{n}@reporter.example"


def raw(n, who=None):
	return flow.mail(f"Máy chủ của chúng tôi bị mã hoá, lần {n}.\n", sender=who or sender(n), subject=f"Báo cáo {n}",
		message_id=f"b{n}.{os.getpid()}@reporter.example")


class Way:
	"""A Maildir of the site itself."""

	def __init__(self):
		self.site = Site()

	def place(self, mails):
		for mail in mails:
			self.site.deliver(mail)

	def lying(self):
		return len(os.listdir(self.site.path("Maildir/new")))


class WayImap(Way):
	def __init__(self):
		import realsite
		import servers
		self.world = servers.Servers(postfix=False)
		like = Site()
		self.site = realsite.RealSite(self.world, like=like)
		self.site.via(way_out={})
		text = open(self.site.path("ungcuu.conf"), encoding="utf-8").read()
		head, _, rest = text.partition("submission = {")
		with open(self.site.path("ungcuu.conf"), "w", encoding="utf-8") as file:
			file.write(head + 'submission = { type = "maildir"; path = "sent"; };' + rest.partition("};")[2])

	def place(self, mails):
		mails = list(mails)
		self.world.place(mails) if len(mails) > 1 else self.site.post(mails[0])

	def lying(self):
		return self.site.lying()


class Watch:
	"""Samples of what each program holds in memory, in kB, until stop()."""

	def __init__(self, pid):
		self.pid, self.samples, self.running = pid, [], True
		self.thread = threading.Thread(target=self.run, daemon=True)
		self.thread.start()

	def run(self):
		while self.running:
			held = {}
			for pid in [self.pid, *children(self.pid)]:
				name = program(pid)
				try:
					anonymous = int(flow.status_fields(pid)["RssAnon"].split()[0])
				except (OSError, KeyError, ValueError):
					continue
				# a letter process has its zygote's name: the largest counts
				if name in WATCHED:
					held[name] = max(held.get(name, 0), anonymous)
			self.samples.append(held)
			time.sleep(0.5)

	def stop(self):
		self.running = False
		self.thread.join()

	def most(self, name, part):
		return max((sample.get(name, 0) for sample in part), default=0)

	def grown(self):
		"""name: (most in the second sixth, most in the last sixth)."""
		n = len(self.samples) // 6
		return {name: (self.most(name, self.samples[n:2 * n + 1]), self.most(name, self.samples[-n - 1:])) for name in WATCHED}


def answered(site):
	return len(os.listdir(site.path("sent/new")))


def probe(way, n):
	"""Seconds from the delivery of a single mail to its answer."""
	who = f"moi{n}@reporter.example"
	began = time.monotonic()
	way.place([raw(10 ** 7 + n, who)])
	return who, began


def found_answer(site, waiting, seen):
	"""Takes out of `waiting` whoever has an answer; names of files already seen are not read again."""
	took = {}
	for name in os.listdir(site.path("sent/new")):
		if name in seen:
			continue
		seen.add(name)
		with open(site.path("sent/new", name), "rb") as file:
			to = next((line[4:].strip().decode() for line in file if line.startswith(b"To: ")), "")
		if to in waiting:
			took[to] = time.monotonic() - waiting.pop(to)
	return took


N, VIA = words()
way = WayImap() if VIA == "imap" else Way()
site = way.site
began = time.monotonic()
way.place(raw(n) for n in range(N))
note(f"{N} mails by {VIA}, made in {time.monotonic() - began:.0f} s")
began = time.monotonic()
ok(site.daemon_start(), "the daemon runs")
watch = Watch(site.daemon.pid)
waiting, waits, seen, next_probe, limit = {}, {}, set(), 0, 600 + N / 2
while time.monotonic() - began < limit:
	waits.update(found_answer(site, waiting, seen))
	if len(seen) >= next_probe * N / PROBES and next_probe < PROBES and len(seen) > 0:
		who, at = probe(way, next_probe)
		waiting[who] = at
		next_probe += 1
	if len(seen) >= N + next_probe and not waiting and next_probe == PROBES:
		break
	time.sleep(0.2)
seconds = time.monotonic() - began
watch.stop()
same(len(seen), N + PROBES, "each has its answer")
ok(wait_until(lambda: way.lying() == 0, 60), "nothing is left in the mailbox", way.lying())
grown = watch.grown()
for name, (early, late) in grown.items():
	ok(late - early < GROWTH, f"{name} does not grow with the backlog: {early} kB, later {late} kB")
half = sorted(waits.values())[len(waits) // 2] if waits else seconds
ok(half < max(seconds / 4, 15), f"half of the single mails that come in between are answered within {half:.0f} of {seconds:.0f} s",
	{who: round(took, 1) for who, took in waits.items()})
same(site.daemon_stop(), 0, "SIGTERM ends in order")
site.balanced("balanced", seen=N + PROBES)
run = subprocess.run(["git", "-C", flow.SOURCE, "rev-parse", "HEAD"], capture_output=True, text=True)
result = {"version": 1, "commit": run.stdout.strip() or None, "seed": None, "mails": N, "via": VIA, "seconds": round(seconds, 1),
	"mails_per_second": round(N / seconds, 1), "memory_kb": {name: {"early": early, "late": late} for name, (early, late) in grown.items()},
	"seconds_single": sorted(round(took, 1) for took in waits.values()), "result": "failed" if flow.failures else "passed"}
with open(os.path.join(flow.BUILD, "backlog.json"), "w", encoding="utf-8") as file:
	json.dump(result, file, indent=1)
note(json.dumps(result))
done()
