# SPDX-License-Identifier: ISC
#
# again: what must hold when something is cut short or comes again: a stop in the first poll, a name used
# twice, a mail put back, somebody else's Message-ID, a copy from a list, impossible file times; and what
# --once and `explain` say of it.

import os
import signal

from flow import Site, children, done, mail, ok, program, same, text_of, wait_until


def counts(site):
	ledger = site.ctl("ledger")["mailboxes"][0]
	return {kind: n for kind, n in ledger["accounted"].items() if n}, ledger["unexplained"]


# A stop in the middle of the first poll: what was old before it stays old.
site = Site()
for n in range(600):
	site.deliver(mail(sender=f"o{n}@old.example", message_id=f"o{n}@old.example"), hours_old=200, name=f"z{n:04d}")
for n in range(40):
	site.deliver(mail(sender=f"n{n}@new.example", message_id=f"n{n}@new.example"), hours_old=1, name=f"a{n:04d}")
site.daemon_start()
ok(wait_until(lambda: "event=stored" in site.daemon_text()), "the first poll is under way")
same(site.daemon_stop(), 0, "a stop in its middle is in order")
same(site.once(), 0, "the rest")
same(counts(site), ({"report": 40, "before_start": 600}, 0), "600 old mails stay in place, 40 new ones are reports")
same(sorted({ack["To"].split("@")[1] for ack in site.acks()}), ["new.example"], "nobody of the old ones is answered")
same(len(site.acks()), 40, "each new one is, once")
site.close()

# Another mail under a name that is known, and a mail that is put back.
site = Site()
site.deliver(mail("một\n", sender="a@one.example", message_id="a@one.example"), name="same.1")
same(site.once(), 0, "a mail called same.1")
site.deliver(mail("hai\n", sender="b@two.example", message_id="b@two.example"), name="same.1")
same((site.once(), len(site.tickets()), len(site.acks())), (0, 2, 2), "another mail called same.1 is a report of its own")
same(site.in_folder("Maildir"), [], "and is moved")
same(len(site.in_folder("Maildir", ".Done")), 2, "beside the first one")
site.balanced("balanced: a name used twice", seen=2)
name = next(name for name in os.listdir(site.path("Maildir/.Done/cur")) if "ungcuu-2" in name)
os.rename(site.path("Maildir/.Done/cur", name), site.path("Maildir/cur/same.1:2,S"))
same((site.once(), len(site.tickets()), len(site.acks())), (0, 2, 2), "a mail put back is no new report")
same(site.in_folder("Maildir"), [], "it is moved again")
site.balanced("balanced: a mail put back", seen=2)
site.close()

# One too large to store, under a name that is known: told of once, and the next mail is handled.
site = Site(mode='answer"; max_size = "64KB')
site.deliver(mail(sender="a@one.example", message_id="a@one.example"), name="same.1")
same(site.once(), 0, "a mail called same.1, with a limit on size")
site.deliver(mail("x\n" * 50000, sender="b@two.example", message_id="b@two.example"), name="same.1")
site.deliver(mail(sender="c@three.example", message_id="c@three.example"))
same((site.once(), len(site.acks())), (0, 3), "a larger mail of its name is answered, the next mail, too")
same((site.once(), site.balanced("balanced", seen=3)["accounted"]["oversize"]), (0, 1), "once, and not again by the next poll")
same(site.in_folder("Maildir", ".Held"), ["same.1"], "and lies in the held folder")
site.close()

# A stranger's report that names another reporter's mail; a list copy before the direct one.
site = Site()
site.deliver(mail(sender="phisher@evil.example", message_id="phish@evil.example"))
site.once()
site.deliver(mail("Tôi nhận được thư này.\n", sender="victim@one.example", message_id="v@one.example",
	headers=("In-Reply-To: <phish@evil.example>", "References: <phish@evil.example>")))
same((site.once(), len(site.tickets()), len(site.acks())), (0, 2, 2),
	"a report that refers to a stranger's mail has its own ticket and acknowledgement")
site.deliver(mail("Bổ sung.\n", sender="victim@one.example", message_id="v2@one.example",
	headers=("In-Reply-To: <v@one.example>",)))
same((site.once(), len(site.tickets())), (0, 2), "a reporter's reply to the own mail joins the ticket")
site.balanced("balanced: other people's Message-IDs", seen=3)
listed = mail("Máy chủ lỗi.\n", sender="c@list.example", message_id="c@list.example", headers=("List-Id: <cert.list.example>",))
direct = mail("Máy chủ lỗi.\n", sender="c@list.example", message_id="c@list.example")
site.deliver(listed)
site.once()
site.deliver(direct)
same((site.once(), len(site.tickets())), (0, 3), "the direct copy of a mail that came by a list first is a report")
site.balanced("balanced: list copy first", seen=5)

# File times nobody can believe.
when = site.deliver(mail(sender="d@time.example", message_id="d@time.example"), name="y1970")
os.utime(site.path("Maildir/new/y1970"), (0, 0))
same(site.once(), 0, "a mail with a file time of 1970")
ack = next(ack for ack in site.acks() if "d@time.example" in ack["To"])
ok("1970" not in text_of(ack), "is not told that it came in 1970")
site.close()

# --once tells what it leaves, also through the death of a hub and a stop.
site = Site()
site.deliver(mail(headers=("X-Filler: x",) * 1200), name="0held")
for n in range(200):
	site.deliver(mail(sender=f"m{n}@many.example", message_id=f"m{n}@many.example"), name=f"m{n:04d}")
with open(site.path("once.log"), "wb") as log:
	process = site.start("ungcuud", "-f", site.path("ungcuu.conf"), "-d", "-v", "--once", stderr=log)
ok(wait_until(lambda: b"state=held" in open(site.path("once.log"), "rb").read()), "one mail is held")
os.kill(next(pid for pid in children(process.pid) if program(pid) == "ungcuu-hub"), signal.SIGKILL)
same(process.wait(120), 1, "a hub killed after that: --once still ends with 1")
same(len(site.ack_files()), 200, "and everybody else is answered once")
same(site.once(), 0, "a mail held before does not make the next --once fail")
for n in range(200):
	site.deliver(mail(sender=f"k{n}@many.example", message_id=f"k{n}@many.example"), name=f"k{n:04d}")
with open(site.path("once.log"), "wb") as log:
	process = site.start("ungcuud", "-f", site.path("ungcuu.conf"), "-d", "-v", "--once", stderr=log)
ok(wait_until(lambda: b"event=stored" in open(site.path("once.log"), "rb").read()), "a run begins")
process.send_signal(signal.SIGTERM)
same(process.wait(60), 1, "--once stopped before it is through ends with 1")
same((site.once(), len(site.ack_files())), (0, 400), "nothing was lost or doubled")
site.close()

# A hub that dies in a decision: of those decided together only the one that does it again is held.
site = Site(hooked=True)
for n in range(5):
	site.deliver(mail(sender=f"s{n}@many.example", message_id=f"s{n}@many.example"))
site.hooks(*["fault=hub.decide.before hub abort"] * 2)
same(site.once(), 1, "a hub that aborts twice in its decision")
same((len(site.ctl("hold", "list")["held"]), len(site.acks())), (1, 4), "holds one mail and answers the other four")
site.balanced("balanced: suspects are decided alone", seen=5)
site.close()

# A letter that crashes its process may know the zygote's addresses: the zygote is renewed.
site = Site(hooked=True)
site.daemon_start()
site.deliver(mail(headers=("X-Ungcuu-Test: crash-mime",)))
ok(wait_until(lambda: "state=held" in site.daemon_text()), "a mail that crashes twice is held")
site.deliver(mail(sender="next@many.example", message_id="next@many.example"))
ok(wait_until(lambda: len(site.acks()) == 1), "and the next mail is answered")
same(site.daemon_text().count("event=role-start role=mime "), 3, "by a new zygote after each crash")
same(site.daemon_stop(), 0, "in order")
site.close()

# Everything that kept an answer from leaving is explained.
site = Site(hooked=True)
site.deliver(mail())
site.hooks("fault=maildir.deliver.space submit nospace")
same(site.once(), 1, "an answer that cannot leave")
site.hooks("clock=+7200000")
same(site.once(), 0, "leaves later")
events = [row["event"] for row in site.ctl("explain", site.tickets()[0]["id"])["events"]]
ok("mail-later" in events and "mail-late" in events and "mail-sent" in events, "explain tells why and when", events)
done()
