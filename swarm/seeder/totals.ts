/** What all uploads have sent and been asked for since the start, those that are over included. */
export class SeedTotals {
  /** Bytes of blocks. */
  bytes = 0;
  /** For blocks, by what became of them; the last two end the connection. */
  readonly requests = { accepted: 0, refused: 0, excessive: 0, malformed: 0 };
}
