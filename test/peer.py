"""A libtorrent peer: peer.py TORRENT DIRECTORY seed|fetch

It knows no one but whom its tracker names. `fetch` ends when the torrent is
complete and the tracker knows, `seed` when its standard input does.
"""
import sys

import libtorrent

torrent, directory, role = sys.argv[1:]
session = libtorrent.session({
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "allow_multiple_connections_per_ip": True,
    # A tracker on this very machine would have to be at /announce.
    "ssrf_mitigation": False,
    "alert_mask": libtorrent.alert.category_t.all_categories,
})
session.add_torrent({
    "ti": libtorrent.torrent_info(torrent),
    "save_path": directory,
})
if role == "seed":
    sys.stdin.read()
finished = False
while role == "fetch":
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        finished = finished or isinstance(alert, libtorrent.torrent_finished_alert)
        # The tracker is told of the end, too.
        if finished and isinstance(alert, libtorrent.tracker_reply_alert):
            sys.exit(0)
        if isinstance(alert, libtorrent.tracker_error_alert):
            sys.exit(alert.message())
