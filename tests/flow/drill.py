# SPDX-License-Identifier: ISC
#
# drill: a ticket that a person calls an exercise.  What leaves for it goes to drill addresses and to responders,
# marked, whenever it was planned; without a drill address it does not leave; and it is counted apart.

from flow import Site, done, mail, ok, same, text_of, wait_until

MORE = '''directory = { agencies = ( { id = "so-mau"; name = "Sở mẫu"; addresses = [ "cntt@so.example.vn" ];
  drill_address = "dientap@so.example.vn"; } ); };
responders = ( { id = "an"; name = "An"; address = "an@example.vn"; } );'''
MARK = "[DIỄN TẬP / DRILL] "
DRILL, AGENCY, TEAM = "drill@example.vn", "cntt@so.example.vn", "an@example.vn"


def reply(site, ticket, sender, code):
	"""A later mail with an attachment, which gets a receipt."""
	body = (f"--b\nContent-Type: text/plain; charset=utf-8\n\nThêm tệp. Mã luồng: {code}\n--b\n"
		"Content-Type: application/zip\nContent-Disposition: attachment; filename=a.zip\n\nxx\n--b--\n")
	site.deliver(mail(body, sender=sender, subject=f"Re: [{ticket}] x", content_type="multipart/mixed; boundary=b"))


def events(site, ticket):
	return [row["event"] for row in site.ctl("explain", ticket)["events"]]


def of(site, address):
	return [ack for ack in site.acks() if ack["To"] == address]


site = Site(mode='answer"; receipt_interval = "1m"; drill_address = "drill@example.vn', more=MORE)
for sender in ("lan@reporter.example", AGENCY, TEAM, "binh@reporter.example"):
	site.deliver(mail(sender=sender, subject=sender))
ok(site.daemon_start(), "the daemon runs")
ok(wait_until(lambda: len(site.acks()) == 4), "four reports are acknowledged as ever")
tickets = {ticket["reporter"]: ticket["id"] for ticket in site.tickets()}
same(site.ctl("ticket", "list")["open"], {"tickets": 4, "drills": 0}, "no drill yet")
for sender in ("lan@reporter.example", AGENCY, TEAM):
	answer = site.ctl("ticket", "drill", tickets[sender], "yes")
	same((answer["exit"], answer.get("ticket"), answer.get("drill")), (0, tickets[sender], True), f"{sender}: a drill now")
same(site.ctl("ticket", "drill", tickets[AGENCY], "yes")["exit"], 0, "said twice, it stays one")
same(events(site, tickets[AGENCY]).count("drill"), 1, "and stands in the journal once")
same([site.ctl("ticket", "drill", *words)["exit"] for words in (("NBH-2020-000001", "yes"), (tickets[TEAM], "maybe"))],
	[65, 64], "no such ticket, and neither yes nor no")
same(site.ctl("ticket", "list")["open"], {"tickets": 1, "drills": 3}, "drills are counted apart")
same(site.ctl("status")["open"], {"tickets": 1, "drills": 3}, "in status, too")
same(sorted(ticket["reporter"] for ticket in site.tickets() if ticket["drill"]), sorted([TEAM, AGENCY, "lan@reporter.example"]),
	"and marked in the list")

before = {address: len(of(site, address)) for address in tickets}
for sender in tickets:
	reply(site, tickets[sender], sender, "x")
ok(wait_until(lambda: len(site.acks()) == 8), "four later mails have their receipts", [ack["To"] for ack in site.acks()])
same([len(of(site, address)) - before[address] for address in ("lan@reporter.example", AGENCY, TEAM, "binh@reporter.example")],
	[0, 0, 1, 1], "of drills, none reached an outsider")
same((len(of(site, DRILL)), len(of(site, "dientap@so.example.vn"))), (1, 1), "they went to the drill addresses")
for address, marked in ((DRILL, True), ("dientap@so.example.vn", True), (TEAM, True), ("binh@reporter.example", False)):
	same(of(site, address)[-1]["Subject"].startswith(MARK), marked, f"{address}: the subject is marked, or is not")
same(of(site, DRILL)[0]["In-Reply-To"], None, "what was redirected answers nothing that was seen there")
same("mail-redirected" in events(site, tickets["lan@reporter.example"]), True, "and the journal says so")


def code_of(ack):
	return ack["Message-ID"].split(".")[1]


ok(code_of(of(site, DRILL)[0]) not in {code_of(ack) for ack in site.acks() if ack["To"] != DRILL} and
	code_of(of(site, "lan@reporter.example")[0]) not in text_of(of(site, DRILL)[0]).replace("-", ""),
	"with a thread code of its own")
same(site.ctl("ticket", "drill", tickets[TEAM], "no")["drill"], False, "no drill after all")
same(site.daemon_stop(), 0, "in order")
site.close()

# Planned, even made, before the ticket was called a drill; and then there is no address for drills.
site = Site(hooked=True)
site.hooks("fault=maildir.deliver.space submit nospace", "fault=maildir.deliver.space submit nospace")
site.deliver(mail(sender="lan@reporter.example"))
ok(site.daemon_start(), "the daemon runs")
ok(wait_until(lambda: [row["state"] for row in site.ctl("queue", "list")["outgoing"]] == ["protected"]),
	"an acknowledgement is made and waits")
ticket = site.tickets()[0]["id"]
same(site.ctl("ticket", "drill", ticket, "yes")["exit"], 0, "then its ticket is called a drill")
site.hooks("clock=+60000")
ok(wait_until(lambda: [row["state"] for row in site.ctl("queue", "list")["outgoing"]] == ["cancelled"], 90),
	"it does not leave", site.ctl("queue", "list"))
same(("mail-cancelled" in events(site, ticket), len(site.acks())), (True, 0), "and the journal says why")
ok("drill" in site.ctl("queue", "list")["outgoing"][0]["reason"], "queue list, too")
same(site.daemon_stop(), 0, "in order")
site.balanced("balanced", seen=1)
same(site.ctl("journal", "verify")["ok"], True, "the journal is whole")
done()
