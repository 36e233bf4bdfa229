/** How a request was admitted, and what its answer may hand on. Who may read is decided in access/. */

/** Inclusive, as in a Range field. */
export interface SignedWindow {
  readonly first: number;
  readonly last: number;
}

/** What a signed link is good for besides its path. */
export interface Terms {
  /** Seconds since 1970. */
  readonly expires: number;
  /** Address of the one client; undefined: any. */
  readonly client?: string | undefined;
  readonly window?: SignedWindow | undefined;
}

export interface Pass {
  /** Name of the token or user; empty for a link. */
  readonly name: string;
  /** By a token or a password. */
  readonly hasCredentials: boolean;
  /** What links in documents are signed with; undefined: they aren't. */
  readonly terms: Terms | undefined;
  /** Both parameters of the link in its URL, with a question mark; empty without one. */
  readonly query: string;
  /**
   * What may be sent at this URL. documents: what is made about files, and no file or
   * directory that is there. file: a file that is there, and nothing else.
   */
  readonly reach: "all" | "documents" | "file";
  /** A Set-Cookie field; undefined: none. */
  readonly cookie?: string | undefined;
}
