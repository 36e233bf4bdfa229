/** Which version of which file something is about. */

/** One version of one file. */
export interface FileFacts {
  /** Absolute, as it is asked for: links in it are followed again. */
  readonly path: string;
  /** May be another number after the machine was started again. */
  readonly device: bigint;
  readonly inode: bigint;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
}

/** The facts alone, to be sent and kept: an OpenFile, say, has them and more. */
export function factsOf({ path, device, inode, size, modified }: FileFacts): FileFacts {
  return { path, device, inode, size, modified };
}
