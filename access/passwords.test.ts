import { expect, test } from "bun:test";
import { MOST_WRONG, type PasswordOutcome, Passwords } from "./passwords.ts";

const HASH = `$2y$05$${"a".repeat(53)}`;
const OTHER = `$2y$05$${"b".repeat(53)}`;

/** Passwords whose hashes are computed when the test says so; "right" fits every hash. */
function held(text = `ann:${HASH}\nbob:${OTHER}`) {
  const computing: { readonly hash: string; readonly end: () => void }[] = [];
  let time = 0;
  const passwords = new Passwords(text, {
    now: () => time,
    verify: (password, hash) => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      computing.push({ hash, end: () => resolve(password === "right") });
      return promise;
    },
  });
  async function end(): Promise<void> {
    computing.shift()?.end();
    for (let n = 0; n < 5; n++) await Promise.resolve();
  }
  return { passwords, computing, end, pass: (milliseconds: number) => void (time += milliseconds) };
}

test("What was right is remembered while it is used; what was wrong for a minute", async () => {
  const { passwords, computing, end, pass } = held();
  const first = passwords.check("ann", "right", "1");
  await end();
  const wrong = passwords.check("ann", "wrong", "1");
  await end();
  const seen: unknown[] = [await first, await wrong];
  seen.push(passwords.check("ann", "right", "2"), passwords.check("ann", "wrong", "2"));
  for (let n = 0; n < 3; n++) {
    pass(9 * 60_000);
    seen.push(passwords.check("ann", "right", "1"));
  }
  pass(11 * 60_000);
  seen.push(passwords.check("ann", "right", "1") instanceof Promise, computing.length);
  expect(seen).toEqual(["right", "wrong", "right", "wrong", "right", "right", "right", true, 1]);
});

test("A user that doesn't exist is computed like another, and never right", async () => {
  const { passwords, computing, end } = held();
  const outcome = passwords.check("nobody", "right", "1");
  const hashes = computing.map(({ hash }) => hash);
  await end();
  expect({ hashes, outcome: await outcome }).toEqual({ hashes: [HASH], outcome: "wrong" });
});

test("One hash is computed at a time; the same password is computed once", async () => {
  const { passwords, computing, end } = held();
  const all = ["ann", "ann", "bob", "ann"].map((user) => passwords.check(user, "right", "1"));
  const before = computing.length;
  await end();
  const between = computing.length;
  await end();
  expect({ before, between, outcomes: await Promise.all(all) }).toEqual({
    before: 1,
    between: 1,
    outcomes: ["right", "right", "right", "right"],
  });
});

test("A client has few wrong passwords a minute, and what is known to be right goes on", async () => {
  const { passwords, computing, end, pass } = held();
  const right = passwords.check("ann", "right", "here");
  await end();
  await right;
  const count = async (client: string, from: number) => {
    const outcomes: PasswordOutcome[] = [];
    for (let n = 0; n < MOST_WRONG + 2; n++) {
      const outcome = passwords.check("ann", `${from + n}`, client);
      if (computing.length > 0) await end();
      outcomes.push(await outcome);
    }
    return outcomes.map((outcome) => outcome[0]).join("");
  };
  const first = await count("here", 0);
  const known = passwords.check("ann", "right", "here");
  const elsewhere = await count("there", 100);
  pass(60_000);
  const later = await count("here", 200);
  const some = "w".repeat(MOST_WRONG);
  expect({ first, known, elsewhere, later }).toEqual({
    first: `${some}tt`,
    known: "right",
    elsewhere: `${some}tt`,
    later: `${some}tt`,
  });
});

test("When too many wait, others are told to come again", async () => {
  const { passwords, end } = held();
  const outcomes = Array.from({ length: 40 }, (_, n) => passwords.check("ann", `${n}`, `${n}`));
  const busy = outcomes.filter((outcome) => outcome === "busy").length;
  for (let n = 0; n < 40; n++) await end();
  const settled = await Promise.all(outcomes);
  const wrong = settled.filter((outcome) => outcome === "wrong").length;
  const again = passwords.check("ann", "new", "41") instanceof Promise;
  expect({ busy, wrong, again }).toEqual({ busy: 7, wrong: 33, again: true });
});

test("A long password isn't computed, and a hash that can't be computed fits nothing", async () => {
  const { passwords, computing } = held();
  const long = passwords.check("ann", "x".repeat(2000), "1");
  const failing = new Passwords(`ann:${HASH}`, { verify: () => Promise.reject(new Error("no")) });
  const failed = await failing.check("ann", "x", "1");
  expect({ long, computed: computing.length, failed }).toEqual({
    long: "wrong",
    computed: 0,
    failed: "wrong",
  });
});

test("The runtime computes hashes of htpasswd, and does so on another thread", async () => {
  const made = await Bun.password.hash("päss", { algorithm: "bcrypt", cost: 8 });
  const argon = await Bun.password.hash("päss", {
    algorithm: "argon2id",
    memoryCost: 64,
    timeCost: 2,
  });
  const passwords = new Passwords(
    `b:${made}\ny:${made.replace("$2b$", "$2y$")}\na:${made.replace("$2b$", "$2a$")}\ng:${argon}`,
  );
  let turns = 0;
  const counting = setInterval(() => void turns++, 0);
  const right = await Promise.all([..."byag"].map((user) => passwords.check(user, "päss", "1")));
  const wrong = await Promise.all([..."byag"].map((user) => passwords.check(user, "pass", "1")));
  clearInterval(counting);
  expect({ right, wrong, turned: turns > 4 }).toEqual({
    right: ["right", "right", "right", "right"],
    wrong: ["wrong", "wrong", "wrong", "wrong"],
    turned: true,
  });
});
