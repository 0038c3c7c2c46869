# SPDX-License-Identifier: ISC
#
# clock: what depends on time, on the hooked twins with a moved clock: an acknowledgement that leaves late says so
# (T33), and receipts for later mail (T32) go out at most once an hour.  A clock that jumps while work is in hand
# ends no process, and one set back makes nothing wait until it is there again.

import os
import signal

from flow import Site, children, command, done, mail, ok, parse, rfc3339, same, text_of, wait_until

HOUR = 3600 * 1000


def with_attachment(ack_id, n):
	return mail("--b\nContent-Type: text/plain; charset=utf-8\n\nNhật ký.\n--b\nContent-Type: text/plain\n"
		f"Content-Disposition: attachment; filename=log{n}.txt\n\nline {n}\n--b--\n",
		headers=(f"In-Reply-To: {ack_id}", f"References: {ack_id}"),
		content_type="multipart/mixed; boundary=b")


def templates(site):
	return sorted(row["template"] for row in site.ctl("queue", "list").get("outgoing", []) if row["state"] == "sent")


# Late: taken in and decided, but submission has no place to go for two hours.
site = Site(hooked=True)
site.deliver(mail())
site.hooks(*["fault=maildir.deliver.space submit nospace"] * 20)
same(site.once(), 1, "an acknowledgement that cannot leave: --once ends with 1")
same((len(site.tickets()), len(site.acks())), (1, 0), "the ticket is there, the acknowledgement is not")
site.hooks(f"clock=+{2 * HOUR}")
same(site.once(), 0, "two hours later")
same(len(site.acks()), 1, "it leaves, once")
same(templates(site), ["T33"], "as T33")
same(site.verify(site.acks_raw()[0]), site.fingerprint, "signed")
prompt = Site(hooked=True)
prompt.deliver(mail())
same((prompt.once(), templates(prompt)), (0, ["T01"]), "within the hour it is T01")
ok(text_of(site.acks()[0]) != text_of(prompt.acks()[0]), "with other words")

# Receipts.
ack_id = prompt.acks()[0]["Message-ID"]
# hours after the report, sent so far besides T01
STEPS = ((0.1, 1), (0.3, 1), (0.9, 1), (1.2, 2), (1.5, 2), (2.3, 3))
for n, (hours, expected) in enumerate(STEPS):
	prompt.hooks(f"clock=+{int(hours * HOUR)}")
	prompt.deliver(with_attachment(ack_id, n))
	code = prompt.once()
	same((code, templates(prompt).count("T32")), (0, expected), f"receipts {hours} hours after the report")
same(len(prompt.tickets()), 1, "all on one ticket")
prompt.hooks(f"clock=+{5 * HOUR}")
before = len(prompt.acks())
prompt.deliver(mail("Chỉ là lời cảm ơn thêm thông tin.\n", headers=(f"References: {ack_id}",)))
same((prompt.once(), len(prompt.acks()) - before), (0, 0), "a later mail without attachment gets no receipt")
receipt = next(parse(raw) for raw in prompt.acks_raw()[1:])
same(receipt["To"], "an@reporter.example", "a receipt goes to its sender")
prompt.balanced("balanced", seen=8)

# Set back by a day while an answer waits.
DAY = 24 * HOUR
back = Site(hooked=True)
back.deliver(mail())
back.hooks(f"clock=+{DAY}", "fault=maildir.deliver.space submit nospace")
same((back.once(), len(back.acks())), (1, 0), "an answer waits a little")
waits = rfc3339(back.ctl("queue", "list")["outgoing"][0]["next_try"])
back.hooks()
same((back.once(), len(back.acks())), (1, 0), "the clock is set back by a day: it still waits")
moved = waits - rfc3339(back.ctl("queue", "list")["outgoing"][0]["next_try"])
ok(abs(moved - DAY / 1000) < 60, "as long as before, not a day longer", moved)
ok("event=clock-back" in back.log, "the log says so")
back.hooks(f"clock=+{HOUR // 30}")
same((back.once(), len(back.acks())), (0, 1), "and leaves")

# Work in hand: the reader of a letter stands still, the clock jumps a year ahead and two days back.
running = Site(hooked=True)
running.hooks("fault=letter.parse letter stall")
running.daemon_start()
running.deliver(mail())
ok(wait_until(lambda: not running.hooks_left(), 20), "a letter is being read")
for offset in (f"+{365 * DAY}", f"-{DAY}"):
	running.hooks(f"clock={offset}")
	running.ctl("hold", "retry", "0" * 32)	# a turn
ok("event=overdue" not in running.daemon_text(), "who works is not past its deadline because the clock jumped")
seen = {pid for pid in children(running.daemon.pid) if "ungcuu-mime" in " ".join(command(pid))}
for pid in seen:
	if os.getpgid(pid) != pid:	# the letter's own process, not the zygote
		os.kill(pid, signal.SIGKILL)
ok(wait_until(lambda: len(running.acks()) == 1, 20), "its end is noticed, the mail is read again and answered")
running.deliver(mail("Sau đó.\n", sender="sau@reporter.example"))
ok(wait_until(lambda: len(running.acks()) == 2, 20), "with the clock a day back, the next mail is taken in and answered")
same(len(running.ctl("hold", "list").get("held", [])), 0, "nothing is held")
same(running.daemon_stop(), 0, "SIGTERM ends in order")
running.balanced("balanced", seen=2)
done()
