/** Real clients, the compiled executable and files of many megabytes take longer than a unit. */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(60_000);
