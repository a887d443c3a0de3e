"""What python-zeroconf resolves: look.py NAME PORT ADDRESS..., all of them and no other."""

import socket
import sys

from zeroconf import IPVersion, Zeroconf

name, port, wanted = sys.argv[1], int(sys.argv[2]), sorted(sys.argv[3:])
kind = "_clawdbot-bridge._tcp.local."
zeroconf = Zeroconf(ip_version=IPVersion.All)
info = zeroconf.get_service_info(kind, f"{name}.{kind}", timeout=5000)
zeroconf.close()
if info is None:
    sys.exit("not found")
found = sorted(info.parsed_addresses())
txt = {key.decode(): (value or b"").decode() for key, value in info.properties.items()}
print(info.server, info.port, found, txt)
keys = {"role", "transport", "displayName", "lanHost", "gatewayPort", "bridgePort", "sshPort"}
if found != wanted or info.port != port or not keys <= txt.keys():
    sys.exit(f"wanted {wanted} at {port}")
