# SPDX-License-Identifier: ISC
#
# outqueue: what a person says about one outgoing mail: show, retry, cancel; in every state, while it is being made, while
# it is on its way, and by ids that are none.

import threading

from flow import done, mail, ok, replace, same, wait_until
from hosting import HostedSite, Service

answering = threading.Event()
asked = threading.Event()


def slow(service, session, stage, line):
	if stage == "RCPT" and "no@" in line:
		return b"550 5.1.1 <no@reporter.example>: no such user"
	if stage == "RCPT" and "cham@" in line:
		asked.set()
		answering.wait(60)
	return b"450 4.2.0 come back" if stage == "RCPT" and "cho@" in line else None


def row_of(name):
	return next((row for row in site.outgoing() if row["recipient"] == f"{name}@reporter.example"), {})


def report(name):
	site.deliver(mail(f"Báo cáo của {name}.\n", sender=f"{name}@reporter.example"))


def change(verb, name):
	answer = site.ctl("queue", verb, row_of(name).get("id", "") if name.isalpha() else name)
	return answer["exit"], answer.get("error", {}).get("why")


service = Service(slow)
site = HostedSite(service)
ok(site.daemon_start(), "a daemon")
for name in ("no", "cho", "xong"):
	report(name)
ok(wait_until(lambda: [row_of(name).get("state") for name in ("no", "xong")] == ["held", "sent"] and
	row_of("cho").get("reason")), "one is refused, one waits, one is sent", site.outgoing())
shown = site.ctl("queue", "show", row_of("no")["id"])
row = shown["outgoing"][0]
same((shown["exit"], row["state"], row["attempts"], row["next_try"], row["recipient"], shown["sent"], shown["in_attempt"],
	shown["stored"]), (0, "held", 1, None, "no@reporter.example", None, False, True), "queue show: a held mail")
ok(row["reason"].startswith("RCPT: 550 5.1.1") and "@" not in row["reason"], "with the server's words, without the address", row)
shown = site.ctl("queue", "show", row_of("cho")["id"])
ok(shown["outgoing"][0]["next_try"] and shown["gives_up"] > shown["since"], "queue show: a waiting one", shown)
ok(site.ctl("queue", "show", row_of("xong")["id"])["sent"], "queue show: a sent one")
code, out, err = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "queue", "show", row_of("no")["id"])
ok(code == 0 and "State" in out and "held" in out and "550 5.1.1" in out, "queue show for people", out)
for verb in ("show", "retry", "cancel"):
	same(site.ctl("queue", verb, "0" * 32)["exit"], 65, f"queue {verb}: no such mail")
same([site.ctl("queue", verb, "x")["exit"] for verb in ("show", "retry", "cancel")], [65, 64, 64], "an id that is none")

same(change("cancel", "xong"), (65, "it was sent"), "cancel: never of a mail that was sent")
same(change("retry", "xong"), (65, "it was sent"), "retry: nor that")
same((change("cancel", "cho"), row_of("cho")["state"]), ((0, None), "cancelled"), "cancel: one that waits")
same((change("cancel", "cho"), change("retry", "cho")), ((65, "it was cancelled already"), (65, "it was cancelled")), "and that is final")
log = len(site.daemon_text())
same((change("cancel", "no"), row_of("no")["state"]), ((0, None), "cancelled"), "cancel: a held one")
ok("event=alarm-clear cause=queue-held" in site.daemon_text()[log:], "the last one held: the alarm is over")
same(site.ctl("queue", "show", row_of("no")["id"])["stored"], False, "what was made of it is erased")
events = [event["event"] for event in site.ctl("ticket", "show", row_of("cho")["ticket"])["events"]]
ok("mail-cancelled" in events, "the journal has it", events)
same(site.ctl("status")["exit"], 0, "status is content")

report("cham")
ok(asked.wait(30), "a mail is on its way")
same(change("cancel", "cham"), (75, "it is on its way to the server: try again"), "cancel: refused for now")
same(change("retry", "cham"), (75, "it is being tried"), "retry: the same")
answering.set()
ok(wait_until(lambda: row_of("cham").get("state") == "sent"), "it was sent, once", site.outgoing())
same(len(service.of("cham@reporter.example")), 1, "really")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
code, out, err = site.run("ungcuuctl", "-f", site.path("ungcuu.conf"), "--json", "queue", "cancel", row_of("cham")["id"])
same(code, 69, "without a daemon nothing is changed")
same((site.once(), len(service.accepted)), (0, 2), "what was cancelled never leaves")
ok(site.ctl("journal", "verify")["ok"], "the journal's chain holds")

# While it is being made: nobody signs.
site.bin_before = site.bin
replace(site, "ungcuu-keys", "#!/bin/sh\nexec sleep 600\n")
ok(site.daemon_start(), "a daemon whose keys do not come up")
report("doi")
ok(wait_until(lambda: row_of("doi").get("state") == "planned" and site.ctl("queue", "show", row_of("doi")["id"])["in_attempt"]),
	"a mail is being made", site.outgoing())
same((change("cancel", "doi"), row_of("doi")["state"]), ((0, None), "cancelled"), "cancel: done at once")
site.daemon_stop()
site.bin = site.bin_before
same((site.once(), row_of("doi")["state"], len(service.accepted)), (0, "cancelled", 2), "and it stays cancelled")
done()
