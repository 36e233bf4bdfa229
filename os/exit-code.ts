/** Exit codes that tell how the program ended. */

/** The operator's mistake: another start would fail the same way. */
export const MISTAKE = 2;

/** A second signal asked for the end at once: 128 and the number of SIGINT. */
export const INTERRUPTED = 130;
