# SPDX-License-Identifier: ISC
#
# packets: OpenPGP packets that gpg does not make on request: without integrity, under OCB, a compression bomb.
# Needs the session key of a message gpg made, nothing else but the standard library; AES and OCB are written
# out here (RFC 4880, RFC 7253, draft-ietf-openpgp-rfc4880bis) and slow, for a page of text.  For tests alone.

import bz2
import struct

# ---- framing -----------------------------------------------------------------------------------------


def packet(tag, body):
	return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


def literal(data):
	return packet(11, b"b\0\0\0\0\0" + data)


def new_length(data, at):
	"""(length, octets of it, is partial) of a new-format packet."""
	first = data[at]
	if first < 192:
		return first, 1, False
	if first < 224:
		return ((first - 192) << 8) + data[at + 1] + 192, 2, False
	if first < 255:
		return 1 << (first & 31), 1, True
	return int.from_bytes(data[at + 1:at + 5], "big"), 5, False


def packets(data):
	"""[(tag, body)] of the outermost packets."""
	found, at = [], 0
	while at < len(data):
		head, at, body = data[at], at + 1, b""
		if head & 0x40:
			more = True
			while more:
				length, octets, more = new_length(data, at)
				at += octets
				body += data[at:at + length]
				at += length
			found.append((head & 63, body))
			continue
		octets = (1, 2, 4, 0)[head & 3]
		length = int.from_bytes(data[at:at + octets], "big") if octets else len(data) - at
		found.append((head >> 2 & 15, data[at + octets:at + octets + length]))
		at += octets + length
	return found


def recipients(data):
	"""Key ids a message names, in its order; zeros for a hidden one."""
	return [body[1:9].hex().upper() for tag, body in packets(data) if tag == 1]


# ---- AES, one block at a time ------------------------------------------------------------------------

def double(x):
	return (x << 1 ^ (0x1B if x & 0x80 else 0)) & 0xFF


def boxes():
	box, p, q = [0x63] * 256, 1, 1
	while True:
		p ^= double(p)
		q ^= q << 1
		q ^= q << 2
		q = (q ^ q << 4) & 0xFF
		q ^= 0x09 if q & 0x80 else 0
		box[p] = 0x63 ^ q ^ (q << 1 | q >> 7) & 0xFF ^ (q << 2 | q >> 6) & 0xFF ^ (q << 3 | q >> 5) & 0xFF \
			^ (q << 4 | q >> 4) & 0xFF
		if p == 1:
			return box


BOX = boxes()
SHIFT = [(i + 4 * (i % 4)) % 16 for i in range(16)]	# column-major state, rows rotated


def xor(a, b):
	return bytes(x ^ y for x, y in zip(a, b))


class AES:
	def __init__(self, key):
		words, rcon = [key[i:i + 4] for i in range(0, len(key), 4)], 1
		n = len(words)
		self.rounds = n + 6
		for i in range(n, 4 * (self.rounds + 1)):
			word = words[-1]
			if i % n == 0:
				word = bytes(BOX[b] for b in word[1:] + word[:1])
				word = bytes([word[0] ^ rcon]) + word[1:]
				rcon = double(rcon)
			elif n > 6 and i % n == 4:
				word = bytes(BOX[b] for b in word)
			words.append(xor(words[i - n], word))
		self.keys = [b"".join(words[i:i + 4]) for i in range(0, len(words), 4)]

	def encrypt(self, block):
		state = xor(block, self.keys[0])
		for n in range(1, self.rounds + 1):
			state = bytes(BOX[state[SHIFT[i]]] for i in range(16))
			if n < self.rounds:
				state = b"".join(self.mix(state[i:i + 4]) for i in range(0, 16, 4))
			state = xor(state, self.keys[n])
		return state

	@staticmethod
	def mix(column):
		every = column[0] ^ column[1] ^ column[2] ^ column[3]
		return bytes(column[i] ^ every ^ double(column[i] ^ column[(i + 1) % 4]) for i in range(4))


# ---- a sealed packet without integrity ---------------------------------------------------------------

def no_integrity(key, plain):
	"""Tag 9: CFB with the resynchronisation of RFC 4880 §13.9; older gpg hands its text out."""
	aes, prefix = AES(key), bytes(range(16))
	out = xor(aes.encrypt(bytes(16)), prefix)
	out += xor(aes.encrypt(out), prefix[14:])
	register = out[2:18]
	for at in range(0, len(plain), 16):
		register = xor(aes.encrypt(register), plain[at:at + 16])
		out += register
	return packet(9, out)


# ---- OCB ---------------------------------------------------------------------------------------------

def shifted(block):
	x = int.from_bytes(block, "big") << 1
	return (x ^ 0x87 if x >> 128 else x).to_bytes(17, "big")[1:]


class OCB:
	"""Tags of 128 bits, nonces of 15 octets."""

	def __init__(self, key):
		self.aes = AES(key)
		self.star = self.aes.encrypt(bytes(16))
		self.dollar = shifted(self.star)
		self.levels = [shifted(self.dollar)]

	def level(self, i):
		n = (i & -i).bit_length() - 1
		while len(self.levels) <= n:
			self.levels.append(shifted(self.levels[-1]))
		return self.levels[n]

	def hash(self, data):
		total = offset = bytes(16)
		whole = len(data) // 16
		for i in range(1, whole + 1):
			offset = xor(offset, self.level(i))
			total = xor(total, self.aes.encrypt(xor(data[16 * i - 16:16 * i], offset)))
		rest = data[16 * whole:]
		if rest:
			total = xor(total, self.aes.encrypt(xor((rest + b"\x80").ljust(16, b"\0"), xor(offset, self.star))))
		return total

	def start(self, nonce):
		block = b"\x01" + nonce
		bottom = block[15] & 63
		top = self.aes.encrypt(block[:15] + bytes([block[15] & 0xC0]))
		stretch = int.from_bytes(top + xor(top[:8], top[1:9]), "big")
		return (stretch >> (64 - bottom) & ((1 << 128) - 1)).to_bytes(16, "big")

	def encrypt(self, nonce, plain, data):
		offset, check, out = self.start(nonce), bytes(16), b""
		whole = len(plain) // 16
		for i in range(1, whole + 1):
			block = plain[16 * i - 16:16 * i]
			offset = xor(offset, self.level(i))
			check = xor(check, block)
			out += xor(offset, self.aes.encrypt(xor(block, offset)))
		rest = plain[16 * whole:]
		if rest:
			offset = xor(offset, self.star)
			out += xor(rest, self.aes.encrypt(offset))
			check = xor(check, (rest + b"\x80").ljust(16, b"\0"))
		tag = self.aes.encrypt(xor(xor(check, offset), self.dollar))
		return out + xor(tag, self.hash(data))


def aead(key, plain, chunk=6, final=True):
	"""Tag 20 as GnuPG 2.3 and later write it, in chunks of 2 ** (6 + chunk) octets.  Without `final` the tag over
	the whole length is missing: a message cut short."""
	header, iv, size = bytes([0xD4, 1, 9, 2, chunk]), bytes(range(15)), 1 << (6 + chunk)
	cipher, out, n = OCB(key), header[1:] + iv, 0

	def nonce(index):
		return iv[:7] + (int.from_bytes(iv[7:], "big") ^ index).to_bytes(8, "big")
	for at in range(0, len(plain), size):
		out += cipher.encrypt(nonce(n), plain[at:at + size], header + struct.pack(">Q", n))
		n += 1
	if final:
		out += cipher.encrypt(nonce(n), b"", header + struct.pack(">QQ", n, len(plain)))
	return packet(20, out)


# ---- a bomb ------------------------------------------------------------------------------------------

def bzip2_block(data):
	"""(bits, CRC) of the one block bzip2 makes of this data."""
	stream = bz2.compress(data, 9)
	bits = "".join(f"{octet:08b}" for octet in stream)
	end = bits.rindex(f"{0x177245385090:048b}")
	return bits[32:end], int(bits[32 + 48:32 + 80], 2)


def bomb(blocks=48, size=44739243):
	"""Tag 8, bzip2: a literal packet of blocks * size zeros, by default just over 2 GiB, in 2 KB.  Compressed one
	block at a time: the others are the same bits again."""
	total = blocks * size
	head = bzip2_block(b"\xCB\xFF" + struct.pack(">I", total + 6) + b"b\0\0\0\0\0")
	zeros = bzip2_block(bytes(size))
	bits, crc = "", 0
	for block, check in [head] + [zeros] * blocks:
		bits += block
		crc = (crc << 1 | crc >> 31) & 0xFFFFFFFF ^ check
	bits += f"{0x177245385090:048b}{crc:032b}"
	bits += "0" * (-len(bits) % 8)
	return packet(8, b"\3BZh9" + int(bits, 2).to_bytes(len(bits) // 8, "big"))
