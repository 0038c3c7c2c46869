# SPDX-License-Identifier: ISC
#
# bounces: with real Postfix and Dovecot.  Answers that Postfix takes and then cannot deliver, to a user the mailbox
# server does not know and to an address that is forwarded out: its bounces come back into the gateway's own mailbox,
# are tied to mail and ticket by what the gateway asked for (RFC 3461), and nothing is sent for them.

import email
import re

from flow import done, mail, ok, same, wait_until
from realsite import RealSite, log_since, needs_root
from servers import Servers

needs_root()
HOTLINE, WELL = "ungcuu@example.vn", "khoe@reporter.example"
GONE, AWAY, FORWARDED = "mat@reporter.example", "chuyen+di@reporter.example", "ai@noi-khac.example"
world = Servers(users=(HOTLINE, WELL), aliases={AWAY: FORWARDED})
with open(world.path("postfix/recipients"), "a", encoding="utf-8") as file:
	file.write(f"{GONE} ok\n")	# Postfix knows it, Dovecot does not
world.postfix_command("reload")
world.must(lambda: world.known_to_postfix(GONE), "Postfix to know a user who is gone")
site = RealSite(world)
site.via(None, {"more": f'null_sender = false; envelope = "{HOTLINE}";'})
for sender in (WELL, GONE, AWAY):
	site.post(mail("Báo cáo.\n", sender=sender))
begin = len(world.logs("postfix.log"))
same((site.once(), sorted(row["state"] for row in site.outgoing())), (0, ["sent"] * 3), "Postfix takes three answers")
ok(wait_until(lambda: site.lying() == 2 and world.count(WELL) == 1), "one arrives, two come back as bounces",
	log_since(world, "postfix.log", begin))
bounces = [email.message_from_bytes(raw) for raw in world.fetch(HOTLINE)]
told = "".join(part.as_string() for message in bounces for part in message.walk() if
	part.get_content_type() in ("message/delivery-status", "text/rfc822-headers"))
rows = {row["recipient"]: row for row in site.outgoing()}
ok(all(f"Original-Envelope-Id: {rows[to]['id']}" in told for to in (GONE, AWAY)), "they carry our ENVID", told)
ok(f"Original-Recipient: rfc822;{AWAY}" in told.replace("; ", ";") and FORWARDED in told, "the original recipient", told)
ok(all(f"X-Ungcuu-Id: {rows[to]['id']}" in told for to in (GONE, AWAY)) and "PGP SIGNATURE" not in str(bounces[0]),
	"and our header alone", told)
sent = len(re.findall("status=sent", log_since(world, "postfix.log", begin)))
states = {ticket["id"]: ticket["state"] for ticket in site.tickets()}
same(site.once(), 0, "the bounces are taken in")
rows = {row["recipient"]: row for row in site.outgoing()}
same({to: (row["state"], row["delivery"], row["delivery_status"]) for to, row in rows.items()}, {WELL: ("sent", None, None),
	GONE: ("sent", "failed", "5.1.1"), AWAY: ("sent", "failed", "5.1.2")}, "each is tied to its mail, and to no other")
same((len(rows), len(re.findall("status=sent", log_since(world, "postfix.log", begin)))), (3, sent), "nothing is sent for them")
same({ticket["id"]: ticket["state"] for ticket in site.tickets()}, states, "no ticket is new, none has moved")
for to in (GONE, AWAY):
	shown = site.ctl("ticket", "show", rows[to]["ticket"])
	why = [event["why"] for event in shown["events"] if event["event"] == "delivery-failed"]
	ok(len(why) == 1 and rows[to]["delivery_status"] in why[0], f"{to}: in the journal of its ticket", shown["events"])
	same([letter["relation"] for letter in shown["letters"]], ["first", "automatic"], f"{to}: the bounce lies on the ticket")
attention = site.ctl("status").get("attention", [])
same((sum("did not arrive" in line for line in attention), [line for line in attention if "@" in line]), (2, []),
	"status calls for a person, without addresses")
code, out, err = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "ticket", "show", rows[GONE]["ticket"])
ok(re.search(r"T01 +sent +failed +5\.1\.1", out), "ticket show for people", out)
site.balanced("balanced", seen=5)
done()
