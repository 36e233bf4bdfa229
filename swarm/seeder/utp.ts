/**
 * Refusing uTP (BEP 29). libtorrent tries uTP before TCP and waits three seconds for
 * an answer; a reset makes it turn to TCP within one.
 *
 * ```
 * type (4 bits), version (4 bits)   extension (1)   connection id (2)
 * times and window (12)             sequence number (2)   acknowledged number (2)
 * ```
 */
const LENGTH = 20;
const SYN = 0x41;
const RESET = 0x31;

/** The reset that answers a SYN, of the same length; undefined for any other packet. */
export function refuseUtp(packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < LENGTH || packet[0] !== SYN) return undefined;
  const reset = new Uint8Array(LENGTH);
  reset[0] = RESET;
  reset.set(packet.subarray(2, 4), 2);
  reset.set(packet.subarray(16, 18), 18);
  return reset;
}

/**
 * Answers every uTP connection attempt at a port with a reset, until the socket is closed.
 * Rejects when the port is taken. A reset that can't be sent is lost, as any datagram may be.
 */
export function listenForUtp(hostname: string, port: number): Promise<Bun.udp.Socket<"buffer">> {
  return Bun.udpSocket({
    hostname,
    port,
    socket: {
      data(socket, packet, from, address) {
        const reset = refuseUtp(packet);
        if (reset !== undefined) send(socket, reset, from, address);
      },
      // An earlier answer reached nobody (ECONNREFUSED). Without this handler it would
      // end the process.
      error() {},
    },
  });
}

function send(
  socket: Bun.udp.Socket<"buffer">,
  packet: Uint8Array,
  port: number,
  address: string,
): void {
  try {
    socket.send(packet, port, address);
  } catch {
    // Port 0, a broadcast address, no route, a full buffer: a datagram that is lost.
  }
}
