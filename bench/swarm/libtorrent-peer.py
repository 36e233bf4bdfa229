"""A peer as libtorrent makes it by default, or the seeder of a swarm.

libtorrent-peer.py peer ADDRESS URL DIRECTORY       downloads by TCP, then seeds until it is ended
libtorrent-peer.py peer-utp ADDRESS URL DIRECTORY   the same by uTP where peers take it, as by default
libtorrent-peer.py seed ADDRESS TORRENT DIRECTORY   seeds
libtorrent-peer.py super ADDRESS TORRENT DIRECTORY  seeds as BEP 16 has it
libtorrent-peer.py make FILE TORRENT TRACKER PIECE_LENGTH [WEB_SEED]   prints the info hash

A peer says "ready", waits for a line, fetches the torrent from the URL, and prints
the SHA-256 of the file when it has all of it. What libtorrent does to find peers
and routers beyond the tracker is off: there is nobody here.
"""

import hashlib
import sys
import time
import urllib.request

import libtorrent


def session(address, utp=True):
    return libtorrent.session(
        {
            "enable_incoming_utp": utp,
            "enable_outgoing_utp": utp,
            "listen_interfaces": f"{address}:6881",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "alert_mask": libtorrent.alert.category_t.storage_notification,
        }
    )


def peer_utp(address, url, directory):
    peer(address, url, directory, utp=True)


def peer(address, url, directory, utp=False):
    own = session(address, utp)
    print("ready", flush=True)
    sys.stdin.readline()
    with urllib.request.urlopen(url) as response:
        info = libtorrent.torrent_info(libtorrent.bdecode(response.read()))
    handle = own.add_torrent({"ti": info, "save_path": directory})
    while not handle.status().is_seeding:
        time.sleep(0.05)
    # A piece counts as there before it is written.
    flush(own, handle)
    with open(f"{directory}/{info.name()}", "rb") as file:
        print(hashlib.sha256(file.read()).hexdigest(), flush=True)
    report(handle)
    wait()


def flush(own, handle):
    handle.flush_cache()
    while True:
        own.wait_for_alert(1000)
        for alert in own.pop_alerts():
            if isinstance(alert, libtorrent.cache_flushed_alert):
                return


def report(handle):
    status = handle.status()
    print(
        f"peers {status.num_peers} uploads {status.num_uploads}"
        f" wasted {status.total_redundant_bytes} failed {status.total_failed_bytes}",
        file=sys.stderr,
        flush=True,
    )


def seed(address, torrent, directory, more=0):
    own = session(address)
    flags = libtorrent.torrent_flags
    own.add_torrent(
        {
            "ti": libtorrent.torrent_info(torrent),
            "save_path": directory,
            "flags": flags.default_flags | flags.seed_mode | more,
        }
    )
    print("ready", flush=True)
    wait()


def super_seed(address, torrent, directory):
    seed(address, torrent, directory, libtorrent.torrent_flags.super_seeding)


def wait():
    """libtorrent works on its own threads."""
    while True:
        time.sleep(3600)


def make(file, torrent, tracker, piece_length, web_seed=None):
    files = libtorrent.file_storage()
    libtorrent.add_files(files, file)
    made = libtorrent.create_torrent(files, int(piece_length), libtorrent.create_torrent.v1_only)
    made.add_tracker(tracker)
    if web_seed is not None:
        made.add_url_seed(web_seed)
    libtorrent.set_piece_hashes(made, file.rsplit("/", 1)[0])
    with open(torrent, "wb") as out:
        out.write(libtorrent.bencode(made.generate()))
    print(libtorrent.torrent_info(torrent).info_hash())


{"peer": peer, "peer-utp": peer_utp, "seed": seed, "super": super_seed, "make": make}[sys.argv[1]](*sys.argv[2:])
