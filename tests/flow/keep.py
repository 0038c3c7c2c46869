# SPDX-License-Identifier: ISC
#
# keep: done_keep: server copies in the done folder go when the mail is that old with us, balanced and in a backup,
# and nothing else goes; by Maildir and, as root, by IMAP.

import os

from flow import Site, done, mail, ok, same
from realsite import RealSite, needs_root
from servers import Servers, USER

DAY = 86400000
KEEP = 'done_keep = "30d"; held_folder'
REPORTERS = [f"n{n}@reporter.example" for n in range(120)]


def keeps(site):
	with open(site.path("ungcuu.conf"), encoding="utf-8") as file:
		text = file.read()
	with open(site.path("ungcuu.conf"), "w", encoding="utf-8") as file:
		file.write(text.replace("held_folder", KEEP, 1))


site = Site(hooked=True)
keeps(site)
for n in range(100):
	site.deliver(mail(f"Thư số {n}.\n", sender=REPORTERS[n]))
same((site.once(), len(site.in_folder("Maildir", ".Done"))), (0, 100), "a hundred mails in the done folder")
site.hooks(f"clock=+{31 * DAY}")
same((site.once(), len(site.in_folder("Maildir", ".Done"))), (0, 100), "31 days later, but there is no backup: all stay")
site.hooks(f"clock=+{20 * DAY}")
same(site.ctl("backup", site.path("backup"))["exit"], 0, "a backup, made on day 20")
site.hooks(f"clock=+{21 * DAY}")
late = site.deliver(mail("Thư sau.\n", sender=REPORTERS[110]))
same((site.once(), len(site.in_folder("Maildir", ".Done"))), (0, 101), "day 21: all stay")
site.hooks(f"clock=+{32 * DAY}")
stray = mail("Không ai thấy.\n", sender=REPORTERS[111])
with open(site.path("Maildir/.Done/cur/stray.1:2,S"), "wb") as file:
	file.write(stray)
site.once()
same(len(site.in_folder("Maildir", ".Done")), 102, "a mail nobody can explain lies there: not balanced, all stay")
os.remove(site.path("Maildir/.Done/cur/stray.1:2,S"))
site.hooks(f"clock=+{33 * DAY}")
same(site.once(), 0, "balanced again")
same(site.in_folder("Maildir", ".Done"), [late], "day 33: the hundred are gone, the one of day 21 stays")
same(site.log.count("event=removed"), 100, "the log says so")
site.balanced("balanced", seen=101)
same((site.ctl("journal", "verify")["ok"], site.once()), (True, 0), "the journal verifies, and a run more does nothing")
same(site.in_folder("Maildir", ".Done"), [late], "the one still stays")

# ---- IMAP
needs_root()
world = Servers(users=(USER, *REPORTERS))
real = RealSite(world, hooked=True)
real.via({"more": 'done_keep = "30d";'})
for n in range(3):
	real.post(mail(f"Thư số {n}.\n", sender=REPORTERS[n]))
same((real.once(), real.lying("Done")), (0, 3), "IMAP: three mails in the done folder")
real.hooks(f"clock=+{DAY}")
same(real.ctl("backup", real.path("backup"))["exit"], 0, "IMAP: a backup")
real.hooks(f"clock=+{29 * DAY}")
real.post(mail("Thư sau.\n", sender=REPORTERS[9]))
same((real.once(), real.lying("Done")), (0, 4), "IMAP: day 29: all stay")
with world.imap(USER) as client:
	client.select("Done")
	client.store("4", "+FLAGS", r"(\Deleted)")	# a person marked the last one, and has not expunged it
real.hooks(f"clock=+{31 * DAY}")
same((real.once(), real.lying("Done")), (0, 1), "IMAP: day 31: the three are gone, and not what a person marked")
real.balanced("IMAP: balanced", seen=4)
done()
