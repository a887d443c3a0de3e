"""Asks as fast as it can for so many seconds, in every way, and counts what comes back."""

import os
import socket
import struct
import sys
import time

GROUP = ("224.0.0.251", 5353)
NAME = b"\x10_clawdbot-bridge\x04_tcp\x05local\x00"


def query(kind, unicast=False):
    header = struct.pack("!6H", 0, 0, 1, 0, 0, 0)
    return header + NAME + struct.pack("!HH", kind, 0x8001 if unicast else 1)


def crafted():
    """As many names as fit, each with as many labels as there can be."""
    longest = b"\x01a" * 126 + b"\0"
    rest = struct.pack("!HHIH", 12, 1, 120, 2) + b"\xc0\x0c"
    records = [longest + rest] + [b"\xc0\x0c" + rest] * 600
    return struct.pack("!6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
listener.bind(("", 5353))
membership = socket.inet_aton(GROUP[0]) + socket.inet_aton("10.1.0.2")
listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
listener.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.1.0.2"))
listener.setblocking(False)
legacy = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
legacy.bind(("10.1.0.2", 0))
legacy.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.1.0.2"))
legacy.setblocking(False)

sent = answers = alone = 0
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    for packet in (query(12), query(255), query(12, True), os.urandom(60), crafted()):
        try:
            listener.sendto(packet, GROUP)
            legacy.sendto(packet, GROUP)
            sent += 2
        except BlockingIOError:
            pass
    for reader in (listener, legacy):
        while True:
            try:
                packet, source = reader.recvfrom(9000)
            except BlockingIOError:
                break
            is_answer = len(packet) > 12 and packet[2] & 0x80
            if is_answer and source[0] == "10.1.0.1":
                answers += reader is listener
                alone += reader is legacy
print("questions", sent)
print("answers", answers)
print("alone", alone)
