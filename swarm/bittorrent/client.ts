/** What a peer id tells of the program behind it (BEP 20). */

const TRANSMISSION = Buffer.from("-TR", "latin1");

/**
 * Transmission 3.00 decides every ten seconds who has what it wants and who may have what
 * it has, and tells a connected peer of a new piece up to ten seconds later. Only what it
 * has when it connects it tells at once.
 */
export function isTransmission(peerId: Uint8Array): boolean {
  return TRANSMISSION.equals(peerId.subarray(0, TRANSMISSION.length));
}
