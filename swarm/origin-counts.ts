/** What the origin was asked for since the start. */

import type { DocumentKind } from "./documents/document.ts";
import type { Announced } from "./tracker/route.ts";

export class OriginCounts {
  /** Documents that were given. */
  readonly documents: Record<DocumentKind, number> = {
    torrent: 0,
    meta4: 0,
    sha256: 0,
    magnet: 0,
    sha256sums: 0,
    txt: 0,
  };
  /** Announces by event, family and result, with a slash between them. */
  readonly announces: Record<string, number> = {};

  readonly announced = ({ event, family, result }: Announced): void => {
    const name = `${event}/${family}/${result}`;
    this.announces[name] = (this.announces[name] ?? 0) + 1;
  };
}
