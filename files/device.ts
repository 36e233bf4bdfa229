/** The devices that files are on, and what was learned of them. */

/** One device, shared by all open files on it. */
export class Device {
  /** Whether its file system can tell which bytes are in memory (page-cache.ts). */
  tells = true;
}

const devices = new Map<bigint, Device>();

/** The device with this number. */
export function deviceOf(number: bigint): Device {
  const known = devices.get(number);
  if (known !== undefined) return known;
  const device = new Device();
  devices.set(number, device);
  return device;
}
