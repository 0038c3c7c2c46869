#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# make-fixed: makes what the tests of crypto/ cannot make with the gpg of Debian 12: an AEAD message (packet 20,
# OCB), and a compression bomb, for which there is no time in a test.  Both for a key that is for nothing else.
# Writes fixed.key, aead.gpg and bomb.gpg into the current folder.  Needs gpg 2.2 and python3-cryptography.

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESOCB3

CHUNK = 6	# chunks of 2 ** (6 + CHUNK) octets


def gpg(*args, data=None):
	run = subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback",
		"--passphrase", "", "--trust-model", "always", *args], input=data, capture_output=True)
	if run.returncode:
		sys.exit(run.stderr.decode())
	return run


def packet(tag, body):
	return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


def aead_packet(key, plain):
	header, iv, size = bytes([0xD4, 1, 9, 2, CHUNK]), bytes(range(15)), 1 << (6 + CHUNK)
	cipher, out, n = AESOCB3(key), bytes([1, 9, 2, CHUNK]) + iv, 0

	def nonce(index):
		return iv[:7] + (int.from_bytes(iv[7:], "big") ^ index).to_bytes(8, "big")
	for at in range(0, len(plain), size):
		out += cipher.encrypt(nonce(n), plain[at:at + size], header + struct.pack(">Q", n))
		n += 1
	out += cipher.encrypt(nonce(n), b"", header + struct.pack(">QQ", n, len(plain)))
	return packet(20, out)


def write(name, data):
	with open(name, "wb") as file:
		file.write(data)


home = tempfile.mkdtemp(dir="/dev/shm")
try:
	gpg("--faked-system-time", "20240101T000000", "--quick-gen-key", "Fixed <fixed@example.vn>", "ed25519",
		"sign,cert", "never")
	name = re.search(rb"fpr:+([0-9A-F]{40})", gpg("--with-colons", "--list-keys").stdout).group(1).decode()
	gpg("--faked-system-time", "20240101T000000", "--quick-add-key", name, "cv25519", "encr", "never")
	write("fixed.key", gpg("--armor", "--export-secret-keys", name).stdout)
	sealed = gpg("--rfc4880", "--cipher-algo", "AES256", "-z", "0", "-r", name, "-e", data=b"x").stdout
	shown = gpg("--show-session-key", "-d", data=sealed).stderr
	key = bytes.fromhex(re.search(rb"session key: '9:([0-9A-F]+)'", shown).group(1).decode())
	text = b"".join(b"Line %04d of an AEAD letter.\r\n" % n for n in range(400))
	write("aead.gpg", sealed[:2 + sealed[1]] +
		aead_packet(key, packet(11, b"b\0\0\0\0\0" + text)))
	zeros = os.path.join(home, "zeros")
	with open(zeros, "wb") as file:
		file.truncate(2 << 30)
	write("bomb.gpg", gpg("--compress-algo", "bzip2", "--bzip2-compress-level", "9", "-r", name, "--output", "-",
		"-e", zeros).stdout)
finally:
	subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], timeout=20)
	shutil.rmtree(home)
