"""Asks as a resolver does that knows nothing of multicast: legacy.py HOST ITS-ADDRESS OUR-ADDRESS."""

import socket
import struct
import sys

host, wanted = sys.argv[1], socket.inet_aton(sys.argv[2])
name = b"".join(bytes([len(part)]) + part.encode() for part in host.split(".")) + b"\0"
question = name + struct.pack("!HH", 1, 1)
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(3)
asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[3]))
asker.sendto(struct.pack("!6H", 0x1234, 0, 1, 0, 0, 0) + question, ("224.0.0.251", 5353))
packet, source = asker.recvfrom(9000)
identity, flags, questions, answers = struct.unpack("!4H", packet[:8])
assert source == (sys.argv[2], 5353), source
assert identity == 0x1234 and flags == 0x8400, (identity, flags)
assert questions == 1 and packet[12:].startswith(question), packet
kind, klass, ttl, length = struct.unpack("!HHIH", packet[14 + len(question):][:10])
assert answers == 1 and (kind, klass, length) == (1, 1, 4), packet
assert ttl <= 10, ttl
assert packet[24 + len(question):][:4] == wanted, packet
