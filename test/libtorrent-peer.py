"""A libtorrent peer with its defaults, save that it looks for nobody by itself.

libtorrent-peer.py SOURCE DIRECTORY [ADDRESS:PORT ...]

SOURCE is a .torrent file or a magnet link. Prints "complete" when it has everything,
and seeds until its standard input ends.
"""

import sys
import time

import libtorrent

source, directory, *peers = sys.argv[1:]
session = libtorrent.session(
    {
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # All are on one address here.
        "allow_multiple_connections_per_ip": True,
    }
)
if source.startswith("magnet:"):
    parameters = libtorrent.parse_magnet_uri(source)
else:
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(source)
parameters.save_path = directory
torrent = session.add_torrent(parameters)
for peer in peers:
    address, port = peer.rsplit(":", 1)
    torrent.connect_peer((address, int(port)))
while not torrent.status().is_seeding:
    time.sleep(0.02)
# A piece counts as there before it is written.
torrent.flush_cache()
while True:
    session.wait_for_alert(1000)
    if any(isinstance(alert, libtorrent.cache_flushed_alert) for alert in session.pop_alerts()):
        break
print("complete", flush=True)
sys.stdin.read()
