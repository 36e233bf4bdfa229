/**
 * The htpasswd file, for `Authorization: Basic` (RFC 7617): `user:hash` a line, the hash by
 * bcrypt or argon2. A hash is made to be slow, 60 ms and more, so strangers must not
 * have many of them computed: few at a time, on another thread; a bounded queue; a few
 * wrong passwords a minute from one client. What was right is remembered by a keyed hash,
 * so that a client that sends it with every request costs a lookup.
 */

import { linesOf, Unusable } from "./secret-file.ts";

export type PasswordOutcome =
  | "right"
  | "wrong"
  /** Too many others are being checked. */
  | "busy"
  /** This client sent too many wrong ones. */
  | "too many";

/** Of `$2y$10$…`: two digits of cost, then 22 characters of salt and 31 of hash. */
const BCRYPT = /^\$2[aby]\$(?:0[4-9]|1\d|2\d|3[01])\$[./A-Za-z0-9]{53}$/;
const ARGON2 = /^\$argon2(?:id|i|d)\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/;

/** Hashes computed at a time and those that wait: 32 of 60 ms are two seconds. */
const AT_ONCE = 1;
const MOST_WAITING = 32;
/** Passwords that are remembered as right or wrong, and for how many milliseconds. */
const MOST_REMEMBERED = 4096;
const RIGHT_FOR = 10 * 60_000;
const WRONG_FOR = 60_000;
/** Passwords that one client may get wrong in a minute. */
export const MOST_WRONG = 10;
const PER = 60_000;
/** Clients whose wrong passwords are counted. */
const MOST_CLIENTS = 8192;
/** Bytes. */
const LONGEST = 1024;

export interface PasswordsOptions {
  readonly verify?: (password: string, hash: string) => Promise<boolean>;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: () => number;
}

export class Passwords {
  readonly #hashes: ReadonlyMap<string, string>;
  /** Computed for a user that doesn't exist, so that the answer takes as long. */
  readonly #decoy: string;
  readonly #key = crypto.getRandomValues(new Uint8Array(32));
  readonly #verify: (password: string, hash: string) => Promise<boolean>;
  readonly #now: () => number;
  readonly #right: Remembered;
  readonly #wrong: Remembered;
  readonly #pending = new Map<string, Promise<PasswordOutcome>>();
  readonly #waiting: (() => void)[] = [];
  readonly #clients = new Map<string, { count: number; readonly since: number }>();
  #running = 0;

  /** Throws {@link Unusable}. */
  constructor(text: string, options: PasswordsOptions = {}) {
    this.#hashes = parseHtpasswd(text);
    this.#decoy = [...this.#hashes.values()][0] ?? "";
    this.#verify = options.verify ?? (async (one, hash) => await Bun.password.verify(one, hash));
    this.#now = options.now ?? (() => performance.now());
    this.#right = new Remembered(RIGHT_FOR, this.#now);
    this.#wrong = new Remembered(WRONG_FOR, this.#now);
  }

  /** `client`: what its wrong passwords are counted by. Never rejects. */
  check(
    user: string,
    password: string,
    client: string,
  ): PasswordOutcome | Promise<PasswordOutcome> {
    if (Buffer.byteLength(user) + Buffer.byteLength(password) > LONGEST) return "wrong";
    const key = this.#keyOf(user, password);
    if (this.#right.has(key)) return "right";
    if (this.#wrong.has(key)) return "wrong";
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    if (this.#waiting.length >= MOST_WAITING) return "busy";
    // Counted before it is known to be wrong: all that one client has waiting are bounded, too.
    if (!this.#count(client)) return "too many";
    const outcome = this.#compute(user, password, key, client);
    this.#pending.set(key, outcome);
    return outcome;
  }

  async #compute(
    user: string,
    password: string,
    key: string,
    client: string,
  ): Promise<PasswordOutcome> {
    if (this.#running >= AT_ONCE) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    } else this.#running++;
    try {
      const hash = this.#hashes.get(user);
      const fits = await this.#verify(password, hash ?? this.#decoy).catch(() => false);
      const right = fits && hash !== undefined;
      (right ? this.#right : this.#wrong).add(key);
      if (right) this.#uncount(client);
      return right ? "right" : "wrong";
    } finally {
      this.#pending.delete(key);
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** False when the client has had its share of this minute. */
  #count(client: string): boolean {
    const now = this.#now();
    const counted = this.#clients.get(client);
    if (counted !== undefined && now - counted.since < PER) {
      if (counted.count >= MOST_WRONG) return false;
      counted.count++;
      return true;
    }
    this.#clients.delete(client);
    this.#clients.set(client, { count: 1, since: now });
    removeOldest(this.#clients, MOST_CLIENTS);
    return true;
  }

  #uncount(client: string): void {
    const counted = this.#clients.get(client);
    if (counted !== undefined && counted.count > 0) counted.count--;
  }

  #keyOf(user: string, password: string): string {
    const text = JSON.stringify([user, password]);
    return new Bun.CryptoHasher("sha256", this.#key).update(text).digest("base64url");
  }
}

/** Keys for some time after they were last asked for; the oldest go first. */
class Remembered {
  readonly #until = new Map<string, number>();

  constructor(
    readonly milliseconds: number,
    readonly now: () => number,
  ) {}

  has(key: string): boolean {
    const until = this.#until.get(key);
    if (until === undefined) return false;
    this.#until.delete(key);
    if (until < this.now()) return false;
    this.#until.set(key, this.now() + this.milliseconds);
    return true;
  }

  add(key: string): void {
    this.#until.set(key, this.now() + this.milliseconds);
    removeOldest(this.#until, MOST_REMEMBERED);
  }
}

function removeOldest(map: Map<string, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}

function parseHtpasswd(text: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const { line, number } of linesOf(text)) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Unusable(`line ${number} is no user:hash`);
    const hash = line.slice(colon + 1);
    if (!BCRYPT.test(hash) && !ARGON2.test(hash)) {
      throw new Unusable(
        `line ${number} has ${schemeOf(hash)}, not bcrypt (htpasswd -B) or argon2`,
      );
    }
    hashes.set(line.slice(0, colon), hash);
  }
  if (hashes.size === 0) throw new Unusable("it has no user");
  return hashes;
}

/** How a hash says that it was made. */
function schemeOf(hash: string): string {
  if (/^\$2[aby]\$|^\$argon2/.test(hash)) return "a damaged hash";
  if (hash.startsWith("$apr1$")) return "an MD5 hash (apr1)";
  if (hash.startsWith("{SHA}")) return "an SHA-1 hash";
  if (/^\$[156]\$|^[./A-Za-z0-9]{13}$/.test(hash)) return "a hash by crypt";
  return "an unknown hash or none";
}
