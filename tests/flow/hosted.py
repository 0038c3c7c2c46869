# SPDX-License-Identifier: ISC
#
# hosted: what submission services do to mail of ours, and what must not come of it: rewritten Message-IDs and bounces
# of them, forged bounces, <> and plus-addresses refused, rate limits, greylisting, mail too large, a connection cut
# behind the final dot.

import re

from flow import HOTLINE, done, mail, ok, parse, same, text_of
from hosting import HostedSite, Service, bounce, field

MINUTE = 60000


def report(name):
	return mail(f"Báo cáo của {name}.\n", sender=f"{name}@reporter.example")


def row_of(site, name):
	return next(row for row in site.outgoing() if row["recipient"] == f"{name}@reporter.example")


# ---- a service that rewrites Message-IDs, and the bounces of it ------------------------------------------------

def rewritten(raw):
	return re.sub(rb"(?im)^Message-ID:.*(\r\n[ \t].*)*", b"Message-ID: <0100abc@service.example.com>", raw, count=1)


def check_bounces():
	service = Service()
	site = HostedSite(service)
	names = ("an", "binh", "chi", "dung", "em")
	for name in names:
		site.deliver(report(name))
	same((site.once(), len(service.accepted)), (0, 5), "five answers leave")
	sent = {name: rewritten(service.of(f"{name}@reporter.example")[0]) for name in names}
	ids = {name: row_of(site, name)["id"] for name in names}
	same([field(sent[name], "X-Ungcuu-Id") for name in names], [ids[name] for name in names], "each names itself in a field")
	same([field(sent[name], "Message-ID") for name in names], ["<0100abc@service.example.com>"] * 5, "the service rewrote its Message-ID")
	before = {ticket["id"]: (ticket["state"], ticket["reports"]) for ticket in site.tickets()}

	site.deliver(bounce(sent["an"], "an@reporter.example"))
	site.deliver(bounce(sent["binh"], "binh@reporter.example", "delayed", "4.4.1"))
	site.deliver(bounce(b"Subject: x\r\n\r\n", "chi@reporter.example", envelope_id=ids["chi"]))
	site.deliver(bounce(sent["dung"], "dung@reporter.example", report=False))
	same((site.once(), len(service.accepted)), (0, 5), "four bounces: nothing is sent to anybody")
	shown = {name: site.ctl("queue", "show", ids[name]) for name in names}
	found = {name: (row["state"], row["delivery"], row["delivery_status"]) for name in names for row in shown[name]["outgoing"]}
	same(found, {"an": ("sent", "failed", "5.1.1"), "binh": ("sent", "delayed", "4.4.1"), "chi": ("sent", "failed", "5.1.1"),
		"dung": ("sent", "failed", None), "em": ("sent", None, None)}, "tied to their mails: by our field, by ENVID, by text")
	number = shown["an"]["outgoing"][0]["ticket"]
	ticket = site.ctl("ticket", "show", number)
	same([(row["id"], row["delivery"]) for row in ticket["outgoing"]], [(ids["an"], "failed")], "ticket show tells")
	ok([event for event in ticket["events"] if event["event"] == "delivery-failed" and "5.1.1" in event["why"]],
		"and its journal", ticket["events"])
	ok([line for line in site.attention() if ids["an"] in line and number in line and "did not arrive" in line] and
		not [line for line in site.attention() if ids["binh"] in line], "status calls for a person", site.attention())
	same({ticket["id"]: (ticket["state"], ticket["reports"]) for ticket in site.tickets()}, before, "no ticket has moved, none is new")

	em = sent["em"]
	for forged in (bounce(em, "nguoi-khac@reporter.example"), bounce(b"X-Ungcuu-Id: " + b"0" * 32 + b"\r\n\r\n", "em@reporter.example"),
			bounce(em, "em@reporter.example", "expired", "x"), bounce(b"Message-ID: <a@b.example>\r\n\r\n", "em@reporter.example",
			envelope_id=ids["an"]), bounce(em.replace(b"em@", b"an@"), "an@reporter.example", report=False).replace(b"em@", b"")):
		site.deliver(forged)
	site.deliver(bounce(sent["an"], "an@reporter.example", "delayed", "4.0.0"))
	site.deliver(bounce(sent["an"], "an@reporter.example", "delivered", "2.0.0"))
	same((site.once(), len(service.accepted)), (0, 5), "forged bounces, and late ones: nothing is sent")
	same(site.ctl("queue", "show", ids["em"])["outgoing"][0]["delivery"], None, "nothing forged is believed")
	same(site.ctl("queue", "show", ids["an"])["outgoing"][0]["delivery"], "failed", "a failure is not taken back")
	same({ticket["id"]: (ticket["state"], ticket["reports"]) for ticket in site.tickets()}, before, "and no ticket has moved")
	em_code = re.search(r"(?:Thread code|Mã luồng)[^:]*: *([0-9a-z -]+)", text_of(parse(em)), re.I)
	site.deliver(mail(f"Bổ sung.\n\n> Thread code: {em_code.group(1)}\n", sender="em@reporter.example",
		headers=("In-Reply-To: <0100abc@service.example.com>",)))
	same((site.once(), len(site.tickets())), (0, 5), "an answer to the rewritten Message-ID joins its ticket by the thread code")
	own = next(row for row in site.outgoing() if row["id"] == ids["em"])
	site.deliver(em.replace(b"\r\n", b"\n"))
	same((site.once(), len(site.tickets()), len(service.accepted)), (0, 5, 5), "a mail of ours that comes back is noise, and not answered")
	ok(own, "")
	site.balanced("balanced")
	service.close()


# ---- the envelope: VERP, <> and plus-addresses refused -----------------------------------------------------------

def check_envelopes():
	def strict(service, session, stage, line):
		if stage == "MAIL" and "<>" in line:
			return b"550 5.7.0 empty senders are not allowed here"
		if stage == "MAIL" and "+" in line:
			return b"553 5.1.7 not a sender of yours"
		return None

	service = Service(strict)
	site = HostedSite(service, hooked=True)
	for name in ("mot", "hai", "ba", "bon"):
		site.deliver(report(name))
	same((site.once(), service.count("MAIL"), site.states()), (1, 1, ["protected"] * 4), "<> is refused: once, and no mail is held")
	ok([line for line in site.attention() if "null_sender = false" in line and "no mail leaves" in line], "status says what to set",
		site.attention())
	ok("event=alarm cause=submission" in site.log, "and there is an alarm", site.log[-2000:])
	site.submit('null_sender = false; envelope = "ungcuu+%m@example.vn";')
	site.hooks(f"clock=+{20 * MINUTE}")
	same((site.once(), service.count("MAIL"), site.states()), (1, 2, ["protected"] * 4), "a plus-address is refused: the same")
	ok([line for line in site.attention() if "correct submission.envelope" in line], "with another hint", site.attention())
	site.submit('null_sender = false; envelope = "bounce-%m@example.vn";')
	site.hooks(f"clock=+{40 * MINUTE}")
	same((site.once(), site.states()), (0, ["sent"] * 4), "the third way is taken: everything leaves")
	same(sorted(sender for sender, _, _ in service.accepted), sorted(f"bounce-{row['id']}@example.vn" for row in site.outgoing()),
		"each with its own envelope sender")
	same(len({to for _, to, _ in service.accepted}), 4, "once")
	same(site.attention(), [], "and status is content")
	name = row_of(site, "mot")
	site.deliver(bounce(b"Subject: x\r\n\r\n", "mot@reporter.example", to=f"bounce-{name['id']}@example.vn"))
	site.deliver(bounce(b"Subject: x\r\n\r\n", "mot@reporter.example", to=f"bounce-{row_of(site, 'hai')['id']}@example.vn"))
	same((site.once(), len(service.accepted)), (0, 4), "bounces to those addresses")
	same((row_of(site, "mot")["delivery"], row_of(site, "hai")["delivery"]), ("failed", None), "tied by the address, if the recipient is right")
	service.close()

	def after_recipient(service, session, stage, line):
		return b"550 5.7.1 <>: Sender address rejected: no" if stage == "RCPT" and session["MAIL"] == "" else None

	service = Service(after_recipient)
	site = HostedSite(service)
	site.deliver(report("nam"))
	same((site.once(), site.states()), (1, ["protected"]), "<> refused with the recipient: not held")
	site.submit(f'null_sender = false; envelope = "{HOTLINE}";')
	same(site.ctl("check")["exit"], 0, "check is content")
	ok(site.daemon_start(), "a daemon with another sender")
	same(site.ctl("queue", "retry", row_of(site, "nam")["id"])["exit"], 0, "queue retry of a mail that waits: now")
	ok(site.daemon_stop() == 0 and site.once() == 0 and site.states() == ["sent"], "and it leaves", site.outgoing())
	service.close()


# ---- limits: of rate, of one recipient, of size -------------------------------------------------------------------

def check_limits():
	allowed = [3]

	def limited(service, session, stage, line):
		if stage == "MAIL" and len(service.accepted) >= allowed[0]:
			return b"451 4.7.0 too many messages from you"
		if stage == "RCPT" and "muon@" in line and len(service.accepted) < 6:
			return b"450 4.2.0 <muon@reporter.example>: Recipient address rejected: Greylisted"
		if stage == "TEXT" and b"To: lon@" in line:
			return b"552 5.3.4 message too big"
		return None

	service = Service(limited)
	site = HostedSite(service, hooked=True)
	names = ["muon", "lon"] + [f"n{n}" for n in range(8)]
	for name in names:
		site.deliver(report(name))
	same((site.once(), len(service.accepted)), (1, 3), "three mails a while: three leave")
	ok(service.count("MAIL") <= 3 + 2 + 4, "and the others do not ask one by one", service.count("MAIL"))
	same(row_of(site, "lon")["state"], "held", "a mail too large is held")
	ok("552 5.3.4" in row_of(site, "lon")["reason"], "with its reason", row_of(site, "lon"))
	asked = service.count("MAIL")
	site.hooks(f"clock=+{20 * MINUTE}")
	same((site.once(), service.count("MAIL") - asked), (1, 1), "the next time one mail asks for all")
	for turn in range(2, 6):
		allowed[0] = 20
		site.hooks(f"clock=+{20 * MINUTE * turn}")
		site.once()
	same(site.states(), ["held"] + ["sent"] * 9, "later everything else has left, the greylisted one too")
	same(sorted(to for _, to, _ in service.accepted), sorted(f"{name}@reporter.example" for name in names if name != "lon"), "each once")
	service.close()


# ---- cut behind the final dot ---------------------------------------------------------------------------------------

def check_cut():
	cuts = [2]

	def cutting(service, session, stage, line):
		if stage == "TEXT" and cuts[0]:
			cuts[0] -= 1
			return ""
		return None

	service = Service(cutting)
	site = HostedSite(service, hooked=True)
	site.deliver(report("cut"))
	for turn in range(3):
		site.hooks(f"clock=+{20 * MINUTE * turn}")
		site.once()
	mails = service.of("cut@reporter.example")
	same((len(mails), {field(each, "Message-ID") for each in mails}), (3, {f"<{row_of(site, 'cut')['message_id']}>"}),
		"cut behind the final dot: sent again under the same Message-ID")
	same((len(set(mails)), site.states()), (1, ["sent"]), "the same octets, until it is accepted")
	service.close()


check_bounces()
check_envelopes()
check_limits()
check_cut()
done()
