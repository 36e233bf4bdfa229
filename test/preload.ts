/** What every run of the tests does in the end. */

import { afterAll } from "bun:test";
import { removeTemporaryDirectories } from "./site.ts";

afterAll(removeTemporaryDirectories);
