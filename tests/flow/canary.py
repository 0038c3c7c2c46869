# SPDX-License-Identifier: ISC
#
# canary: strings planted in subject, body, address and attachment are searched in database, WAL, spool, log, run
# and tmpfs directories, in plain, the three base64 alignments, quoted-printable, UTF-16 and hex.  No hit.
# The control run with sealing off (a hook that installed programs do not have) must hit each of them.

import base64
import glob
import os
import quopri

from flow import Site, done, mail, note, ok, same, wait_until

# where it is planted: the string
CANARIES = {
	"subject": "ChimHoangYenTieuDe7391",
	"body": "ChimHoangYenThanBai5582",
	"diacritics": "Chim hoàng yến giữa đêm",
	"address": "chimhoangyen2264@reporter.example",
	"name": "ChimHoangYenHoTen9043",
	"attachment name": "chimhoangyentep3317.pdf",
	"attachment": "ChimHoangYenTrongTep8120",
	"message id": "chimhoangyen.id.6675@reporter.example",
	"indicator": "chimhoangyen-4498.example",
}

REPORT = mail(sender=f"{CANARIES['name']} <{CANARIES['address']}>", subject=CANARIES["subject"],
	message_id=CANARIES["message id"], content_type="multipart/mixed; boundary=b",
	body="--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
		f"{CANARIES['body']} {CANARIES['diacritics']} http://{CANARIES['indicator']}/x\n--b\n"
		"Content-Type: application/pdf\nContent-Transfer-Encoding: 7bit\n"
		f"Content-Disposition: attachment; filename={CANARIES['attachment name']}\n\n"
		f"{CANARIES['attachment']}\n--b--\n")


def forms(text):
	"""name: bytes under which the text would still be readable."""
	raw = text.encode()
	out = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
		"UTF-16LE": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be"),
		"quoted-printable": quopri.encodestring(raw).replace(b"=\n", b"").rstrip(b"\n"),
		"header quoted-printable": quopri.encodestring(raw, header=True).replace(b"=\n", b"").rstrip(b"\n")}
	for shift in range(3):
		code = base64.b64encode(b"\0" * shift + raw)
		# the first and last group mix with the neighbours' bits
		out[f"base64 {shift}"] = code[4 if shift else 0:(len(raw) + shift) // 3 * 4]
	return out


def places(site):
	"""Every file that may outlive or leave the machine; not the mailbox and not the outgoing Maildir."""
	found = [site.path("daemon.log")]
	for folder in ("db", "spool", "run", "gnupg"):
		found += [os.path.join(base, name) for base, _, names in os.walk(site.path(folder)) for name in names]
	for folder in glob.glob("/dev/shm/ungcuu*") + glob.glob("/run/ungcuu*") + \
			glob.glob(os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"), "ungcuu*")):
		found += [os.path.join(base, name) for base, _, names in os.walk(folder) for name in names]
	return found


def hits(site):
	"""(where planted, form, file) of every hit."""
	out = []
	for path in places(site):
		try:
			with open(path, "rb") as file:
				content = file.read().replace(b"=\r\n", b"").replace(b"=\n", b"")
		except OSError:	# a socket, or gone meanwhile
			continue
		for where, text in CANARIES.items():
			for form, needle in forms(text).items():
				if needle in content or (form == "plain" and needle.lower() in content.lower()):
					out.append((where, form, os.path.relpath(path, site.folder)))
	return out


def full_run(site):
	"""A running daemon with the report decided and its WAL unfolded, then the store after its end."""
	site.deliver(REPORT)
	ok(site.daemon_start("-v"), "the daemon runs")
	ok(wait_until(lambda: len(site.acks()) == 1), "the report is acknowledged")
	site.ctl("ticket", "show", site.tickets()[0]["id"])
	found = hits(site)
	wal = [path for path in places(site) if path.endswith("-wal") and os.path.getsize(path)]
	same(site.daemon_stop(), 0, "it ends in order")
	return found + hits(site), wal


same(sorted(form for form in forms("x" * 12) if not forms("x" * 12)[form]), [], "the search looks for something")
sealed = Site()
found, wal = full_run(sealed)
ok(wal, "the write-ahead log was there to be searched")
same(found, [], "nothing readable outside the mailbox")
names = [name for base, folders, files in os.walk(sealed.path("spool")) for name in folders + files]
ok(not any(text in name for name in names for text in CANARIES.values()), "nor in a file name", names)

control = Site(hooked=True)
control.hooks("seal=off")
found, wal = full_run(control)
for where in CANARIES:
	ok(any(hit[0] == where for hit in found), f"with sealing off the search finds: {where}")
note(f"{len(found)} hits with sealing off")
done()
