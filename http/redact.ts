/**
 * What of a target or a referer may be shown to an operator: everything but secrets. A log
 * is read by more people than may use a signed link. The values of these query parameters
 * are replaced, and so are user and password before a host.
 */

/** Names of parameters whose values let somebody in, in lower case. */
const SECRET = new Set([
  ...["signature", "sig", "x-amz-signature", "x-amz-security-token", "x-amz-credential"],
  ...["token", "access_token", "id_token", "refresh_token", "auth", "authorization", "code"],
  ...["key", "api_key", "apikey", "passkey", "password", "passwd", "pwd", "secret", "jwt"],
]);

const HIDDEN = "***";

/** `/a?token=x&b=1` gives `/a?token=***&b=1`. Takes paths and absolute URLs. */
export function redact(target: string): string {
  const shown = target.includes("@") ? withoutUser(target) : target;
  return /[?#]/.test(shown) ? withoutSecrets(shown) : shown;
}

function withoutSecrets(target: string): string {
  const [path = "", ...rest] = target.split(/([?&;#])/);
  let shown = path;
  let inSecret = false;
  for (let at = 0; at < rest.length; at += 2) {
    const [separator = "", parameter = ""] = rest.slice(at, at + 2);
    // A question mark within a value is part of it.
    if (inSecret && separator === "?") continue;
    const [name = ""] = parameter.split("=", 1);
    inSecret = name !== parameter && SECRET.has(decoded(name).toLowerCase());
    shown += separator + (inSecret ? `${name}=${HIDDEN}` : parameter);
  }
  return shown;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll("+", " ")).trim();
  } catch (error) {
    if (error instanceof URIError) return name;
    throw error;
  }
}

/** RFC 3986 §3.2.1. Only in an authority: an `@` in a path is part of a name. */
function withoutUser(target: string): string {
  return target.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i, "$1//");
}
