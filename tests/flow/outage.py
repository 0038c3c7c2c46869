# SPDX-License-Identifier: ISC
#
# outage: a submission server that is away for a week: nothing is lost, the back-off is bounded and differs from time
# to time, what waited for policy.give_up is held with an alarm, and `queue retry` sends each mail exactly once.

import re
import socket
import threading

from flow import done, mail, ok, parse, same, wait_until
from hosting import HostedSite, Service, field

HOUR = 3600 * 1000
N_OLD, N_NEW = 12, 4

service = Service()
port = service.port
service.close()			# nobody listens there from here on
with socket.socket() as probe:
	same(probe.connect_ex(("127.0.0.1", port)) != 0, True, "the server is away")
site = HostedSite(service, hooked=True)


def report(n):
	return mail(f"Báo cáo {n}.\n", sender=f"n{n}@reporter.example")


def rests(log):
	return [int(found) for found in re.findall(r"event=submission-rests tries=\d+ seconds=(\d+)", log)]


for n in range(N_OLD):
	site.deliver(report(n))
same((site.once(), site.states(), len(site.tickets())), (1, ["protected"] * N_OLD, N_OLD), "all are taken in, and wait")
same(sum(row["attempts"] for row in site.outgoing()), 1, "one of them asked for all")

# Two days, as a daemon: the clock leaps under it.
ok(site.daemon_start(), "a daemon")
for step in range(1, 17):
	# What was made when it was not late yet is made anew; nothing is under way when the clock leaps.
	wait_until(lambda: site.states() == ["protected"] * N_OLD, 10)
	tries = len(rests(site.daemon_text()))
	site.hooks(f"clock=+{step * 3 * HOUR}")
	site.ctl("queue", "cancel", "0" * 32)	# a request wakes it, and it sees the new time
	wait_until(lambda: len(rests(site.daemon_text())) > tries, 10)
wait_until(lambda: site.states() == ["protected"] * N_OLD, 10)
seconds = rests(site.daemon_text())
ok(len(seconds) >= 16, "it tries on", len(seconds))
ok(max(seconds) <= 15 * 60 * 1.1 and seconds[0] < 30, "the pauses grow, and are bounded", seconds)
ok(len(set(seconds[8:])) > 3, "and no two are quite the same", seconds)
ok("cause=submission" in site.daemon_text(), "an alarm says that no mail leaves")
for n in range(N_OLD, N_OLD + N_NEW):
	site.deliver(report(n))
ok(wait_until(lambda: len(site.outgoing()) == N_OLD + N_NEW), "mail goes on coming in")
same(site.ctl("status")["exit"], 1, "status calls for a person")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
ok(all(row["attempts"] < 50 for row in site.outgoing()), "no mail was tried without end")

# The sixth day.
site.hooks(f"clock=+{6 * 24 * HOUR}")
site.log = ""
same(site.once(), 1, "after policy.give_up")
same(site.states(), ["held"] * N_OLD + ["protected"] * N_NEW, "what waited for five days is held, what came later waits")
ok("event=alarm cause=queue-held" in site.log, "with an alarm", site.log[-2000:])
ok(any("held" in line for line in site.attention()), "status says so", site.attention())
shown = site.ctl("queue", "show", next(row["id"] for row in site.outgoing() if row["state"] == "held"))
ok("refused" in shown["outgoing"][0]["reason"] and shown["gives_up"] is None, "queue show has the last word of the way out", shown)

# The server is back after a week; what was held waits for a person.
service.listener = socket.create_server(("127.0.0.1", port))
threading.Thread(target=service.listen, daemon=True).start()
site.hooks(f"clock=+{7 * 24 * HOUR}")
same((site.once(), site.states()), (0, ["held"] * N_OLD + ["sent"] * N_NEW), "the server is back: what waits leaves")
held = [row for row in site.outgoing() if row["state"] == "held"]
ids = {row["recipient"]: row["message_id"] for row in held}
ok(site.daemon_start(), "a daemon")
same([site.ctl("queue", "retry", row["id"])["exit"] for row in held], [0] * N_OLD, "queue retry of each")
ok(wait_until(lambda: site.states() == ["sent"] * (N_OLD + N_NEW)), "sends them", site.outgoing())
ok("event=alarm-clear cause=queue-held" in site.daemon_text(), "and the alarm is over")
same(site.ctl("queue", "retry", held[0]["id"])["exit"], 65, "once more is refused: it was sent")
same(site.daemon_stop(), 0, "SIGTERM ends in order")
same(sorted(to for _, to, _ in service.accepted), sorted(f"n{n}@reporter.example" for n in range(N_OLD + N_NEW)),
	"each exactly once")
same({to: field(raw, "Message-ID").strip("<>") for _, to, raw in service.accepted if to in ids}, ids, "under its own Message-ID")
same(site.ctl("status")["exit"], 0, "status is content")
ok(all(parse(raw)["Subject"] for _, _, raw in service.accepted), "whole")
site.balanced("balanced", seen=N_OLD + N_NEW)
done()
