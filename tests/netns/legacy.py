"""Asks as a resolver does that knows nothing of multicast, by IPv4 and by IPv6:
legacy.py HOST ITS-ADDRESS OUR-ADDRESS OUR-INTERFACE."""

import socket
import struct
import sys

host, wanted, own, interface = sys.argv[1:]
name = b"".join(bytes([len(part)]) + part.encode() for part in host.split(".")) + b"\0"
question = name + struct.pack("!HH", 1, 1)
index = socket.if_nametoindex(interface)

v4 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
v4.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
v6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)

for asker, group in ((v4, ("224.0.0.251", 5353)), (v6, ("ff02::fb", 5353, 0, index))):
    asker.settimeout(3)
    asker.sendto(struct.pack("!6H", 0x1234, 0, 1, 0, 0, 0) + question, group)
    packet, source = asker.recvfrom(9000)
    identity, flags, questions, answers = struct.unpack("!4H", packet[:8])
    assert source[1] == 5353, source
    assert identity == 0x1234 and flags == 0x8400, (identity, flags)
    assert questions == 1 and packet[12:].startswith(question), packet
    kind, klass, ttl, length = struct.unpack("!HHIH", packet[14 + len(question):][:10])
    assert answers == 1 and (kind, klass, length) == (1, 1, 4), packet
    assert ttl <= 10, ttl
    assert packet[24 + len(question):][:4] == socket.inet_aton(wanted), packet
