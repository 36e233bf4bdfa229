/** Bytes for a reader: `1.5 GiB`. */

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

export function formatLength(bytes: number): string {
  let [scaled, unit] = [bytes, "bytes"];
  for (const next of UNITS) {
    if (scaled < 1024) break;
    [scaled, unit] = [scaled / 1024, next];
  }
  return `${unit === "bytes" ? scaled : scaled.toFixed(1)} ${unit}`;
}
