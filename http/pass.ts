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
  /** By a token or a password. */
  readonly hasCredentials: boolean;
  /** What links in documents are signed with; undefined: they aren't. */
  readonly terms: Terms | undefined;
  /** Both parameters of the link in its URL, with a question mark; empty without one. */
  readonly query: string;
  /** Whether a file or directory at this URL is refused, and only what is made about others is sent. */
  readonly exceptFiles: boolean;
  /** A Set-Cookie field; undefined: none. */
  readonly cookie?: string | undefined;
}
