# SPDX-License-Identifier: ISC
#
# forged: a worker in foreign hands.  A stand-in for ungcuu-submit speaks the frame protocol well enough to be
# taken for it, then breaks one rule of it in each life.  Each time the hub must name the rule, have the
# process killed and go on; with the true program back everything is sent, once.

import os
import re
import sys

from flow import Site, done, mail, ok, replace, same, wait_until

STAND_IN = """#!{python}
import os, socket, struct, sys
hub = socket.socket(fileno=int(sys.argv[1]))
runs = len(os.listdir("{runs}"))
open("{runs}/%d" % runs, "w").close()
def frame(verb, body, size=None):
	hub.send(struct.pack("=HHI", verb, 0, len(body) if size is None else size) + body)
def verb_of(data):
	return struct.unpack("=H", data[:2])[0]
slice_verb = verb_of(hub.recv(70000))
ready = slice_verb + 1			# the answer stands behind its request in the table
frame(ready, b"\\0")
rule = runs % 6
if rule == 0:
	frame(60000, b"")		# no such verb
elif rule == 1:
	frame(slice_verb, b"\\0" * 8)	# only the hub's side may send it
elif rule == 2:
	frame(ready, b"\\0")		# nobody asked again
elif rule == 3:
	frame(ready, b"\\0", 2)		# not as long as it says
elif rule == 4:
	frame(ready, b"\\0" * 200)	# longer than its row allows
else:
	frame(verb_of(hub.recv(70000)) + 1, b"\\xff" * 24)	# an answer that is no GVariant of its type
while hub.recv(70000):
	pass
"""
RULES = ("unlisted verb", "wrong direction", "answer nobody asked for", "header", "too large", "not in normal form")

site = Site()
os.makedirs(site.path("runs"))
replace(site, "ungcuu-submit", STAND_IN.format(python=sys.executable, runs=site.path("runs")))
site.deliver(mail())
ok(site.daemon_start(), "the daemon runs with a stand-in for submit")


def named(rule):
	return re.search(rf"event=peer-violation role=submit [^\n]*{re.escape(rule.replace(' ', chr(92) + 'x20'))}|"
		rf"event=peer-violation role=submit [^\n]*{re.escape(rule)}", site.daemon_text())


for rule in RULES:
	ok(wait_until(lambda rule=rule: named(rule), 60), f"broken rule: {rule}", site.daemon_text()[-3000:])
text = site.daemon_text()
ok(text.count("event=peer-violation role=submit") <= len(re.findall("event=role-start role=submit", text)),
	"each one cost the process its life", text[-2000:])
ok(not re.search("event=role-end role=hub", text), "the hub lived through all of it")
site.deliver(mail("Thêm một thư.\n", sender="next@reporter.example", message_id="next@reporter.example"))
ok(wait_until(lambda: len(site.tickets()) == 2), "the next mail is taken in all the while")
same(site.daemon_stop(), 0, "in order")

# An answer under way in two such ends is held, as for any counted death; a person sends it on.
site.use(hooked=False)
ok(site.daemon_start(), "the true program is back")
for row in site.ctl("queue", "list")["outgoing"]:
	if row["state"] == "held":
		same(site.ctl("hold", "retry", row["id"])["exit"], 0, "a held answer is retried by hand")
ok(wait_until(lambda: len(site.acks()) == 2, 60), "both reports are answered, once")
same(site.daemon_stop(), 0, "in order again")
site.balanced("balanced", seen=2)
done()
