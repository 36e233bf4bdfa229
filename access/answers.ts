/** Answers to requests that aren't admitted. They don't say why, and no cache keeps them. */

import { type Plan, refuse } from "../http/plan.ts";

const NOT_KEPT = { "cache-control": "no-store" } as const;

/** 403: a link that isn't valid, whatever the reason, or none. */
export const REFUSED: Plan = {
  ...refuse(403, "This needs a valid link", NOT_KEPT),
  refusedBy: "forbidden",
};

/** The passwords of too many others are being checked: that takes two seconds at most. */
export const BUSY: Plan = {
  ...refuse(503, "Too many passwords are being checked; try again", {
    ...NOT_KEPT,
    "retry-after": "2",
  }),
  refusedBy: "unauthorized",
};

export const TOO_MANY: Plan = {
  ...refuse(429, "Too many wrong passwords; try again in a minute", {
    ...NOT_KEPT,
    "retry-after": "60",
  }),
  refusedBy: "unauthorized",
};

/** The ways in by credentials. */
export interface Challenged {
  readonly basic: boolean;
  readonly bearer: boolean;
  /** Whether a bearer token was sent (RFC 6750 §3.1). */
  readonly isInvalidToken: boolean;
}

/** 401 with a challenge for each way (RFC 9110 §11.6.1). Basic comes first: old clients look no further. */
export function challenge({ basic, bearer, isInvalidToken }: Challenged): Plan {
  const error = isInvalidToken ? `, error="invalid_token"` : "";
  const challenges = [
    ...(basic ? [`Basic realm="rangesrv", charset="UTF-8"`] : []),
    ...(bearer ? [`Bearer realm="rangesrv"${error}`] : []),
  ];
  const fields = { ...NOT_KEPT, "www-authenticate": challenges.join(", ") };
  return {
    ...refuse(401, "This needs a token, a password or a valid link", fields),
    refusedBy: "unauthorized",
  };
}
