"""Receives datagrams at a socket of the family AF_UNIX, as systemd does, and prints each as
one line of JSON: the sender's process, the microseconds of the clock, the text."""

import json
import os
import socket
import struct
import sys
import time

address = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
receiver.bind("\0" + address[1:] if address.startswith("@") else address)
receiver.settimeout(1)
parent = os.getppid()
print("{}", flush=True)
while os.getppid() == parent:
    try:
        text, ancillary, _, _ = receiver.recvmsg(4096, socket.CMSG_SPACE(12))
    except TimeoutError:
        continue
    pid = struct.unpack("3i", ancillary[0][2])[0]
    clock = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    print(json.dumps({"pid": pid, "clock": clock, "text": text.decode()}), flush=True)
