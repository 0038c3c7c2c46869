# SPDX-License-Identifier: ISC
#
# loops: machines that answer machines.  Two gateways wired to each other, with what lies between them leaving the
# mail alone, dropping the marks in its header, or flattening it to plain text; a vacation responder that changes
# its subject and drops headers; a person or machine that never stops.  Each must come to rest by itself, by the
# marks, by the thread, and in the end by the caps, which a restart and a kill do not reset.

import re

from flow import Site, done, mail, ok, parse, same, text_of

A, B = "ungcuu@a.example.vn", "ungcuu@b.example.vn"
ROUNDS = 12
MARKS = ("auto-submitted", "x-auto-response-suppress", "x-ungcuu-loop", "precedence", "return-path")
THREAD = ("in-reply-to", "references", "reply-to")


def lines_without(raw, names):
	head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
	kept, keep = [], True
	for line in head.split(b"\n"):
		if not line[:1].isspace():
			keep = line.partition(b":")[0].decode().lower() not in names
		if keep:
			kept.append(line)
	return b"\n".join(kept) + b"\n\n" + body


def untouched(raw, n):
	return raw


def unmarked(raw, n):
	"""A relay that keeps the mail but none of the marks in its header, nor the Message-ID."""
	return b"Message-ID: <relay%d@relay.example>\n" % n + lines_without(raw, MARKS + THREAD + ("message-id",))


def flattened(raw, n):
	"""One that makes plain text of it, and says nothing of where it came from."""
	old = parse(raw)
	return mail(f"{n}: {re.sub('[A-Za-z]{3}-[0-9]{4}-[0-9]+|Mã.*|.*code.*|.*[Cc]ode:.*', '', text_of(old))}",
		sender=old["From"].addresses[0].addr_spec, to=old["To"].addresses[0].addr_spec, subject=f"Tin số {n}",
		message_id=f"flat{n}@relay.example")


def wired(between, most=4):
	sites = {address: Site(hotline=address, caps=f'cap_address = "{most} per 1d";') for address in (A, B)}
	sites[A].deliver(mail(sender=B, to=A))
	carried, moved = set(), []
	for _ in range(ROUNDS):
		for site in sites.values():
			if site.once() != 0:
				ok(False, "a gateway could not come to an end", site.log[-2000:])
		fresh = [(path, site) for site in sites.values() for path in site.ack_files() if path not in carried]
		if not fresh:
			break
		for path, _ in fresh:
			carried.add(path)
			with open(path, "rb") as file:
				raw = file.read()
			sites[parse(raw)["To"].addresses[0].addr_spec].deliver(between(raw, len(carried)))
		moved.append(len(fresh))
	return sites, moved


def by_address(sites, moved):
	return {address: len(site.ack_files()) for address, site in sites.items()}, moved


sites, moved = wired(untouched)
same(by_address(sites, moved), ({A: 1, B: 0}, [1]), "two gateways: the first acknowledgement is not answered")
same([ticket["kind"] for ticket in sites[B].tickets()], [], "and makes no ticket")
sites[B].balanced("but it is accounted for", seen=1)

sites, moved = wired(unmarked)
same(by_address(sites, moved), ({A: 1, B: 0}, [1]), "a relay that drops marks, thread and Message-ID: the marks inside the "
	"protected header end it")
sites[B].balanced("accounted for", seen=1)

sites, moved = wired(flattened)
same(by_address(sites, moved), ({A: 4, B: 4}, [1] * 8), "a relay that leaves nothing but words: the caps end it")
same({address: len(site.tickets()) for address, site in sites.items()}, {A: 5, B: 4}, "no mail is without its ticket")
capped = [row for row in sites[A].ctl("queue", "list")["outgoing"] if row["state"] != "sent"]
same([(row["state"], row["attempts"], "cap_address" in row["reason"]) for row in capped], [("cancelled", 0, True)],
	"what was not sent says why, and cost no attempt")
status = sites[A].ctl("status")
ok(status["exit"] == 1 and status["outbox"]["capped_last_day"] == 1 and any("cap" in line for line in status["attention"]),
	"status tells of it", status)
last = max(ticket["id"] for ticket in sites[A].tickets())
ok(any(row["event"] == "mail-cancelled" and "policy.cap_address" in row["why"]
	for row in sites[A].ctl("explain", last)["events"]), "explain, too")

# ---- a vacation responder that changes its subject each time and drops all headers

site = Site(caps='cap_address = "5 per 1d";')
site.deliver(mail(sender="lan@reporter.example"))
answered = 0
for n in range(10):
	site.once()
	acks = site.acks()
	if len(acks) == answered:
		break
	answered = len(acks)
	site.deliver(mail(f"Tôi đi vắng đến ngày {n}.\n", sender="lan@reporter.example", subject=f"Tôi đi vắng ({n})"))
same((answered, len(site.tickets())), (5, 6), "a responder without any mark is answered as often as the cap allows")
site.close()

site = Site()
site.deliver(mail(sender="lan@reporter.example"))
site.once()
quoted = "\n".join("> " + line for line in text_of(site.acks()[0]).split("\n"))
for n in range(3):
	site.deliver(mail(f"Tôi đi vắng.\n\n{quoted}\n", sender="lan@reporter.example", subject=f"Vắng mặt {n}"))
same((site.once(), len(site.acks()), len(site.tickets())), (0, 1, 1), "one that quotes our mail is known by its thread code")
site.balanced("balanced", seen=4)
site.close()

# ---- caps outlast a restart and a kill, and end with their time

site = Site(hooked=True, caps='cap_domain = "4 per 1h";')
for n in range(3):
	site.deliver(mail(sender=f"a{n}@one.example"))
same((site.once(), len(site.acks())), (0, 3), "three mails to one domain")
site.hooks("fault=hub.turn.after hub kill")
site.deliver(mail(sender="a3@one.example"))
site.once()
for n in range(4, 6):
	site.deliver(mail(sender=f"a{n}@ONE.example"))
site.deliver(mail(sender="a@two.example"))
same((site.once(), sum(ack["To"].endswith("@one.example") for ack in site.acks()), len(site.acks())), (0, 4, 5),
	"after a kill one more leaves to it, then none; another domain is not concerned")
site.hooks("clock=+3700000")
site.deliver(mail(sender="a6@one.example"))
same((site.once(), len(site.acks())), (0, 6), "after an hour mail leaves again")
site.balanced("balanced", seen=8)
site.close()

# ---- a flood under a party's name leaves the party room, and does not use up what others need

PARTY = '''directory = { agencies = ( { id = "so-mau"; name = "Sở mẫu"; addresses = [ "cntt@so.example.vn" ]; } ); };'''
site = Site(caps='cap_address = "2 per 1d"; cap_party = "3 per 1d"; cap_total = "10 per 1d";', more=PARTY)
for n in range(12):
	site.deliver(mail(f"{n}\n", sender=f"x{n}@d{n}.example"))
same((site.once(), len(site.acks())), (0, 8), "strangers cause four fifths of cap_total, and no more")
for n in range(5):
	site.deliver(mail(f"{n}\n", sender="cntt@so.example.vn"))
same((site.once(), len(site.acks())), (0, 10), "the rest is a party's")
same(len(site.tickets()), 17, "every mail has its ticket")
site.close()

# ---- our own addresses are no recipients: told before the start, and no way round it later

site = Site(more='responders = ( { id = "an"; name = "An"; address = "report@example.vn"; } );')
code, out, err = site.run("ungcuud", "-f", site.path("ungcuu.conf"), "-n")
ok(code == 78 and re.search(r"ungcuu\.conf:\d+: responders\.0\.address: .*circles", out + err), "78, with its line", out + err)
site.close()

site = Site(hooked=True)
site.deliver(mail(sender="ban@example.vn"))
site.hooks("fault=maildir.deliver.space submit nospace")
same((site.once(), len(site.acks())), (1, 0), "an answer waits")
site.configure(hotline='ungcuu@example.vn"; reply_address = "b%t@example.vn')
site.hooks("clock=+600000")
same((site.once(), len(site.acks())), (0, 0), "its recipient has become one of our own addresses: it does not leave")
row = site.ctl("queue", "list")["outgoing"][0]
same((row["state"], row["reason"]), ("cancelled", "its recipient is an address of our own"), "and queue list says why")
done()
