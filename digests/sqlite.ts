/** SQLite, loaded when it is first used: most processes open no store, and it takes a millisecond of their start. */

export function sqlite(): typeof import("bun:sqlite") {
  return require("bun:sqlite");
}
