/** What is decided of a request, and by what. */

import type { Fields } from "../http/conditional.ts";
import type { Pass } from "../http/pass.ts";
import type { Plan } from "../http/plan.ts";

export interface Facts {
  readonly method: string;
  readonly url: string;
  readonly fields: Fields;
  /** The client's address; empty when it is gone. */
  readonly client: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Admitted {
  readonly kind: "admitted";
  readonly pass: Pass;
}

export type Verdict =
  /** Anyone may. */
  { readonly kind: "open" } | Admitted | { readonly kind: "refused"; readonly plan: Plan };
