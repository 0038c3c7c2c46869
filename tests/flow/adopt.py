# SPDX-License-Identifier: ISC
#
# adopt: older mail that the first poll left in place is taken in later, from a time on, with or without
# acknowledgements; twice is harmless, a restart keeps what was said, and what cannot be done is refused.

import calendar
import time

from flow import Site, done, mail, ok, parse, same, wait_until

DAY = 24	# hours


def ago(hours):
	return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - hours * 3600))


def answered(site):
	return sorted(message["To"] for message in site.acks())


def old(site, name, days):
	site.deliver(mail(f"Thư cũ của {name}.\n", sender=f"{name}@reporter.example", subject=f"Báo cáo {name}"),
		hours_old=days * DAY)


def site_with_old_mail():
	"""After its first poll: four mails left in place, a fresh one answered."""
	site = Site()
	for name, days in (("hai-muoi-ngay", 20), ("tam-ngay", 8), ("sau-ngay", 6), ("bon-ngay", 4)):
		old(site, name, days)
	old(site, "hom-nay", 0)
	same((site.once(), answered(site)), (0, ["hom-nay@reporter.example"]), "the first poll leaves what is older in place")
	same((len(site.tickets()), len(site.in_folder("Maildir"))), (1, 4), "without a ticket")
	same(site.balanced("balanced: left in place", seen=5)["accounted"]["before_start"], 4, "and counted so")
	return site


def adopt(site, *words):
	return site.ctl("mailbox", "adopt", *words)


def reporters(site):
	return sorted(ticket["reporter"].partition("@")[0] for ticket in site.tickets())


# ---- refused ----------------------------------------------------------------------------------------------

site = site_with_old_mail()
answer = adopt(site, "main", "--since", ago(9 * DAY))
ok(answer["exit"] in (69, 75) and answer.get("error"), "without a daemon: refused as other changes are", answer)
retried = site.ctl("hold", "retry", "0" * 32)
same(answer["exit"], retried["exit"], "with the same exit code")
ok(site.daemon_start(), "the daemon runs")
for words, why in ((("khac", "--since", ago(DAY)), "an unknown mailbox"), (("main",), "no --since"),
		(("main", "--since", "hom-qua"), "no time"), (("main", "--since", ""), "an empty time"),
		((), "no name")):
	answer = adopt(site, *words)
	ok(answer["exit"] in (64, 65) and answer.get("error"), f"{why}: refused", answer)
same((len(site.tickets()), len(site.in_folder("Maildir"))), (1, 4), "and nothing was done")
ok(site.daemon.poll() is None, "the daemon does not mind")

# ---- with acknowledgements, from a time on -----------------------------------------------------------------

answer = adopt(site, "main", "--since", ago(7 * DAY))
same((answer["exit"], answer.get("mailbox"), answer.get("silent")), (0, "main", False), "adopt: taken")
ok(wait_until(lambda: len(site.acks()) == 3), "what came since then is answered", answered(site))
ok(wait_until(lambda: len(site.in_folder("Maildir")) == 2), "and moved")
same(answered(site), [f"{name}@reporter.example" for name in ("bon-ngay", "hom-nay", "sau-ngay")], "exactly these")
same(reporters(site), ["bon-ngay", "hom-nay", "sau-ngay"], "each has a ticket")
for raw in site.acks_raw():
	same(site.verify(raw), site.fingerprint, f"gpg verifies the acknowledgement to {parse(raw)['To']}")
same(site.balanced("balanced: two adopted", seen=5)["accounted"]["before_start"], 2, "two are left")

# ---- silently ------------------------------------------------------------------------------------------------

answer = adopt(site, "main", "--since", ago(9 * DAY), "--silent")
same((answer["exit"], answer.get("silent")), (0, True), "adopt --silent: taken")
ok(wait_until(lambda: len(site.tickets()) == 4 and len(site.in_folder("Maildir")) == 1), "it becomes a ticket")
same(len(site.acks()), 3, "without an acknowledgement")
ticket = next((ticket for ticket in site.tickets() if "tam-ngay" in ticket["reporter"]), {"id": "-"})
ok("silently" in str(site.ctl("explain", ticket["id"])), "and explain says why", site.ctl("explain", ticket["id"]))
same([row["recipient"] for row in site.ctl("queue", "list")["outgoing"] if "tam-ngay" in row["recipient"]], [],
	"nothing is planned for it either")

# ---- again, and after a restart --------------------------------------------------------------------------------

for words in (("--silent",), ()):
	same(adopt(site, "main", "--since", ago(9 * DAY), *words)["exit"], 0, f"the same again {words}: taken")
	site.deliver(mail("Mới.\n", sender=f"moi{len(words)}@reporter.example"))
	ok(wait_until(lambda n=len(words): f"moi{n}@reporter.example" in answered(site)), "new mail is answered all the same")
same((len(site.tickets()), len(site.acks())), (6, 5), "and nothing comes twice")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
same(site.once(), 0, "a restart")
same((len(site.tickets()), len(site.acks()), len(site.in_folder("Maildir"))), (6, 5, 1), "changes nothing")
box = site.balanced("balanced: in the end", seen=7)
same(box["accounted"]["before_start"], 1, "one is left in place for ever")
same(site.ctl("journal", "verify").get("ok"), True, "the journal verifies")

# ---- a day's name, and killed in between -----------------------------------------------------------------------

other = site_with_old_mail()
ok(other.daemon_start(), "another daemon")
day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 9 * 86400))
answer = adopt(other, "main", "--since", day)
same(answer["exit"], 0, "a day is a time, too")
other.daemon.kill()
other.daemon_stop()
same(other.once(), 0, "killed at once: the next start goes on")
same((answered(other), len(other.in_folder("Maildir"))), ([f"{name}@reporter.example" for name in
	("bon-ngay", "hom-nay", "sau-ngay", "tam-ngay")], 1), "with all of it, once")
since = calendar.timegm(time.strptime(answer.get("since", "1970-01-01T00:00:00Z"), "%Y-%m-%dT%H:%M:%SZ"))
ok(abs(since - (calendar.timegm(time.strptime(day, "%Y-%m-%d")) - 7 * 3600)) < 1, "since midnight here", answer)
other.balanced("balanced: after a kill", seen=5)
done()
