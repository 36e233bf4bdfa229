/**
 * Max–min fair shares: a rate in all, one for each client, one for each connection. Who
 * takes less than his share leaves the rest to the others, and nobody who wants more gets
 * less than another. Pure. Rates are bytes a second; Infinity: no limit.
 */

export interface Rates {
  readonly total: number;
  /** All connections of one client. */
  readonly client: number;
  readonly connection: number;
}

/** What limits a connection first. */
export type Scope = "total" | "client" | "connection";

/** What the connections of one client want. */
export interface Wanted {
  /** The client's own limit now. */
  readonly limit: number;
  /** What its connections that take less than their share take, together. */
  readonly taken: number;
  /** Its connections that take all they get. */
  readonly hungry: number;
  /** Both. */
  readonly connections: number;
}

export interface Share {
  /** For each hungry connection, and the most for any other. */
  readonly level: number;
  /** To this, each other connection may rise at once. All may do so at the same time. */
  readonly assured: number;
  /** What holds the hungry ones back; undefined: nothing. */
  readonly scope: Scope | undefined;
}

/** One share for each client, in their order. */
export function shareOut(
  rates: Pick<Rates, "total" | "connection">,
  clients: readonly Wanted[],
): Share[] {
  const wishes = clients.map(({ limit, taken, hungry }) =>
    Math.min(limit, taken + (hungry === 0 ? 0 : hungry * rates.connection)),
  );
  const most = waterLevel(rates.total, wishes);
  const even = rates.total / Math.max(1, clients.length);
  return clients.map((client, at) => {
    const { limit, hungry, taken, connections } = client;
    const amount = Math.min(wishes[at] ?? 0, most);
    const level = Math.min(rates.connection, levelWithin(amount, client));
    const assured = Math.min(rates.connection, Math.min(limit, even) / Math.max(1, connections));
    if (hungry === 0 && taken <= amount)
      return { level: rates.connection, assured, scope: undefined };
    return { level, assured, scope: scopeOf(level, rates.connection, amount, limit) };
  });
}

/** The level L at which all of min(wish, L) add up to `amount`; Infinity: there is enough for all wishes. */
export function waterLevel(amount: number, wishes: readonly number[]): number {
  let [left, waiting] = [amount, wishes.length];
  for (const wish of wishes.toSorted((a, b) => a - b)) {
    if (wish * waiting > left) return left / waiting;
    left -= wish;
    waiting -= 1;
  }
  return Infinity;
}

/**
 * The others may take more than an even part only of what the hungry ones leave. One that is
 * cut to its even part takes all of it, and is hungry at the next look.
 */
function levelWithin(amount: number, { hungry, taken, connections }: Wanted): number {
  const even = amount / Math.max(1, connections);
  return hungry === 0 ? even : Math.max(even, (amount - taken) / hungry);
}

function scopeOf(level: number, connection: number, amount: number, limit: number) {
  if (level === Infinity) return undefined;
  if (level >= connection) return "connection";
  return amount >= limit ? "client" : "total";
}
