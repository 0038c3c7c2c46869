# SPDX-License-Identifier: ISC
#
# clock: what depends on time, on the hooked twins with a moved clock: an acknowledgement that leaves late says so
# (T33), and receipts for later mail (T32) go out at most once an hour.

from flow import Site, done, mail, ok, parse, same, text_of

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
done()
