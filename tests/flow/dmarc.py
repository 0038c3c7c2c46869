# SPDX-License-Identifier: ISC
#
# dmarc: what our own receiving server says of a From address.  A failure makes a ticket and no mail to that
# address; a party is written to at its directory address; a forged field below the real one changes nothing; a
# forwarder is exempt only where SPF proves its envelope.

from flow import Site, done, mail, ok, same

MORE = """authserv_ids = [ "mx.example.vn" ];
directory = { agencies = ( { id = "so-mau"; name = "Sở mẫu"; language = "vi";
  addresses = [ "vanthu@so.example.vn", "cntt@so.example.vn" ]; } ); };"""
POLICY = 'answer"; forwarders = [ "cong@tinh.example.vn" ]; late_after = "1h'
OURS = "Authentication-Results: mx.example.vn; "
FAIL = OURS + "spf=pass smtp.mailfrom=spammer@example.com; dmarc=fail (p=reject) header.from=reporter.example"
PASS = OURS + "dmarc=pass header.from=reporter.example"
HANDED_ON = OURS + "spf=pass smtp.mailfrom=SRS0=abcd=XX=reporter.example=a@tinh.example.vn; dmarc=fail"

# name, From, header fields from the top, who is written to, an event of the ticket
CASES = (
	("fails", "fails@reporter.example", (FAIL,), None, "dmarc-fail"),
	("fails, a forged pass below", "below@reporter.example", (FAIL, PASS), None, "dmarc-fail"),
	("passes, a forged fail below", "above@reporter.example", (PASS, FAIL), "above@reporter.example", None),
	("is said by another server", "other@reporter.example", (FAIL.replace("mx.example.vn", "mx.example.com"),),
		"other@reporter.example", None),
	("is not told", "none@reporter.example", (OURS + "dmarc=none",), "none@reporter.example", None),
	("could not be told", "temp@reporter.example", (OURS + "dmarc=temperror",), "temp@reporter.example", None),
	("fails under a party's From", "cntt@so.example.vn", (FAIL,), "vanthu@so.example.vn", "dmarc-fail"),
	("fails, handed on by a forwarder", "handed@reporter.example", (HANDED_ON,), "handed@reporter.example", "forwarded"),
	("fails, handed on by a stranger", "stranger@reporter.example", (HANDED_ON.replace("@tinh.", "@thinh."),
		"Delivered-To: cong@tinh.example.vn", "Resent-From: cong@tinh.example.vn"), None, "dmarc-fail"),
	("fails behind an encoded word", "word@reporter.example",
		(OURS + "spf=pass smtp.mailfrom==?utf-8?q?a=28?=@b.example; dmarc=fail (x)",), None, "dmarc-fail"),
)

site = Site(mode=POLICY, more=MORE)
for name, sender, fields, to, event in CASES:
	site.deliver(mail(sender=f"Ai đó <{sender}>", subject=f"DMARC {name}", headers=fields))
same(site.once(), 0, "all is decided, and what may leave has left")
sent = sorted(ack["To"] for ack in site.acks())
same(sent, sorted(to for _, _, _, to, _ in CASES if to), "written to are exactly these")
tickets = {ticket["reporter"]: ticket["id"] for ticket in site.tickets()}
same(len(tickets), len(CASES), "each mail has its ticket")
for name, sender, fields, to, event in CASES:
	events = {row["event"]: row["why"] for row in site.ctl("explain", tickets[sender])["events"]}
	ok((event is None or event in events) and ("no-answer" in events) == (to is None) and
		(to or "DMARC fails" in events["no-answer"]), f"explain, where DMARC {name}", events)
	with open(site.path("one.eml"), "wb") as file:
		file.write(mail(sender=sender, headers=fields))
	answer = site.ctl("inspect", site.path("one.eml"))
	ok(answer["acknowledge"] == (to is not None) and (to or "DMARC fails" in answer["acknowledge_why"]) and
		(to in (None, sender) or "directory" in answer["acknowledge_why"]) and
		(event != "forwarded" or "forwarders" in answer["acknowledge_why"]), f"inspect, where DMARC {name}", answer)
diverted = next(ack for ack in site.acks() if ack["To"] == "vanthu@so.example.vn")
same((diverted["In-Reply-To"], diverted["References"]), (None, None),
	"what goes to the directory's address answers no mail that was seen there")

# From alone lets a mail join a ticket by its number; not where DMARC says that it may be forged.
number = tickets["above@reporter.example"]
for fields, message in (((PASS,), "second@x"), ((FAIL,), "third@x")):
	site.deliver(mail("Thêm thông tin.\n", sender="above@reporter.example", subject=f"Re: [{number}] x",
		message_id=message, headers=fields))
same(site.once(), 0, "two more that name the ticket")
relations = [letter["relation"] for letter in site.ctl("ticket", "show", number)["letters"]]
same(relations, ["first", "reply"], "one joins it, the other does not")
same(len(site.tickets()), len(CASES) + 1, "and has a ticket of its own")
site.balanced("balanced", seen=len(CASES) + 2)

# Without authserv_ids nobody's word counts.
site = Site()
site.deliver(mail(headers=(FAIL,)))
same((site.once(), len(site.acks())), (0, 1), "without authserv_ids a failure is not heard")
done()
