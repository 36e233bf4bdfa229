/** Exit codes that mean something to whoever started the program. */

/** The operator's mistake: a restart would make the same. */
export const MISTAKE = 2;

/** A second signal asked for the end at once: 128 and the number of SIGINT. */
export const INTERRUPTED = 130;
