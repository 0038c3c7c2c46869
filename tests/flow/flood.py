# SPDX-License-Identifier: ISC
#
# flood: reports of many forged senders.  Every one is a ticket, what leaves is bounded by the caps, and the hub's
# memory does not grow with their number.  300 senders in `make check`; `make flood` has 10 000 and writes
# flood.json.  FLOOD_SENDERS, FLOOD_SEED, FLOOD_JSON.

import json
import os
import random
import subprocess
import time

from flow import SOURCE, Site, children, done, mail, note, ok, program, same, status_fields, wait_until

SENDERS = int(os.environ.get("FLOOD_SENDERS", "300"))
SEED = int(os.environ.get("FLOOD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
DOMAINS = 40
WAVES = 6 if SENDERS >= 1000 else 3
WARM = WAVES // 3		# memory after the first waves is what the others may have
GROWTH_KB = 2048 + 512		# the page cache of SQLite, and slack
CAP_TOTAL = max(40, SENDERS // 5)
CAP_DOMAIN = max(2, SENDERS // 100)
WAIT = 60 + SENDERS / 4


def commit():
	run = subprocess.run(["git", "-C", SOURCE, "rev-parse", "HEAD"], capture_output=True, text=True)
	return run.stdout.strip() or None


def hub_kb(site):
	"""Memory of its own the hub holds now, in KB."""
	pid = next(pid for pid in children(site.daemon.pid) if program(pid) == "ungcuu-hub")
	return int(status_fields(pid)["RssAnon"].split()[0])


def decided(site):
	return site.ctl("status")["mails"]


random.seed(SEED)
note(f"senders={SENDERS} seed={SEED}")
began = time.monotonic()
site = Site(caps=f'cap_total = "{CAP_TOTAL} per 1d"; cap_domain = "{CAP_DOMAIN} per 1d";')
ok(site.daemon_start(), "the daemon runs")
memory, delivered = [], 0
for wave in range(WAVES):
	upto = SENDERS * (wave + 1) // WAVES
	for n in range(delivered, upto):
		domain = f"d{random.randrange(DOMAINS)}.example"
		site.deliver(mail(f"Báo cáo {n}: {random.getrandbits(64):x}\n" * random.randrange(1, 30),
			sender=f"x{random.getrandbits(40):x}@{domain}", subject=f"{n}"))
	delivered = upto
	ok(wait_until(lambda upto=upto: decided(site)["seen"] == upto and decided(site)["pending"] == 0, WAIT) and
		wait_until(lambda: site.ctl("status")["outbox"]["planned"] + site.ctl("status")["outbox"]["protected"] == 0, WAIT),
		f"{upto} reports of as many senders are dealt with", site.ctl("status"))
	memory.append(hub_kb(site))
status = site.ctl("status")
same(site.daemon_stop(), 0, "in order")
note(f"memory of the hub after each wave, KB: {memory}")
ok(max(memory[WARM:]) <= max(memory[:WARM]) + GROWTH_KB, "the hub's memory does not grow with their number", memory)

acks = site.acks()
per_domain = {}
for ack in acks:
	domain = ack["To"].rpartition("@")[2]
	per_domain[domain] = per_domain.get(domain, 0) + 1
same(status["open"]["tickets"], SENDERS, "every report has its ticket")
same(len({ack["To"] for ack in acks}), len(acks), "nobody is written to twice")
ok(len(acks) <= CAP_TOTAL * 80 // 100 + 1, "what leaves is bounded in all", len(acks))
ok(max(per_domain.values()) <= CAP_DOMAIN, "and for each domain", per_domain)
same((status["outbox"]["sent"], status["outbox"]["sent"] + status["outbox"]["cancelled"]), (len(acks), SENDERS),
	"each acknowledgement was sent or cancelled, none waits")
same(status["outbox"]["capped_last_day"], SENDERS - len(acks), "and status counts those that were not sent")
box = site.balanced("balanced", seen=SENDERS)
if os.environ.get("FLOOD_JSON"):
	with open(os.environ["FLOOD_JSON"], "w", encoding="utf-8") as file:
		json.dump({"commit": commit(), "seed": SEED, "seconds": round(time.monotonic() - began, 1),
			"counts": {"senders": SENDERS, "tickets": status["open"]["tickets"], "sent": len(acks),
			"cancelled": status["outbox"]["cancelled"], "unexplained": box.get("unexplained")},
			"caps": {"total": CAP_TOTAL, "domain": CAP_DOMAIN}, "hub_kb": memory}, file, indent=1)
		file.write("\n")
done()
