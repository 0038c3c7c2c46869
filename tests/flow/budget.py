# SPDX-License-Identifier: ISC
#
# budget: submission.per_minute and per_day, on the hooked twins with a moved clock.  What is over the budget waits,
# costs no attempt and is not lost; of a day's mails receipts take four fifths.

from flow import Site, done, mail, same

SUBMISSION = 'submission = { type = "maildir"; path = "sent"; '
MINUTE, DAY = 60 * 1000, 24 * 3600 * 1000


def site_with(settings, reports):
	site = Site(hooked=True)
	with open(site.path("ungcuu.conf"), encoding="utf-8") as file:
		text = file.read()
	assert SUBMISSION in text
	with open(site.path("ungcuu.conf"), "w", encoding="utf-8") as file:
		file.write(text.replace(SUBMISSION, SUBMISSION + settings))
	for n in range(reports):
		site.deliver(mail(f"Báo cáo {n}.\n", sender=f"nguoi{n}@reporter.example"))
	return site


def waiting(site):
	return [(row["state"], row["attempts"]) for row in site.ctl("queue", "list").get("outgoing", []) if row["state"] != "sent"]


def goes_on(site, offset, code, acks, name):
	site.hooks(f"clock=+{offset}")
	same((site.once(), len(site.acks())), (code, acks), name)


site = site_with("per_minute = 2;", 5)
same((site.once(), len(site.acks())), (1, 2), "two a minute: two leave, and --once says that something is left")
same(waiting(site), [("protected", 0)] * 3, "the others wait, without an attempt")
goes_on(site, MINUTE + 1000, 1, 4, "a minute later two more")
goes_on(site, 2 * MINUTE + 2000, 0, 5, "and then the last")
site.balanced("balanced", seen=5)

site = site_with("per_day = 5;", 6)
same((site.once(), len(site.acks())), (1, 4), "five a day: receipts take four")
goes_on(site, DAY // 2, 1, 4, "half a day later no more")
goes_on(site, DAY + 60000, 0, 6, "the next day the rest")
same(len({ack["To"] for ack in site.acks()}), 6, "each once")
done()
