/**
 * The Host field of a request, RFC 9112 §3.2: one line with a host and perhaps a port, or
 * an empty one. Everything else is 400.
 *
 * The runtime joins two Host lines with ", ", refuses HTTP/1.1 without Host on its own, and
 * hides the authority of an absolute target.
 */

/** RFC 3986 §3.2.2: a name, empty perhaps, or an IP literal, and the digits of a port. */
const HOST =
  /^(?:(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*|\[(?:[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:-]+)\])(?::\d*)?$/;

/** Whether a request may have this Host; null: it has none, as HTTP/1.0 allows. */
export function isHost(value: string | null): boolean {
  // On the path of every request.
  return value === null || HOST.test(value);
}
