/** The Authorization field (RFC 9110 §11.6.2): Basic (RFC 7617) and Bearer (RFC 6750 §2.1). */

export type Credentials =
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "basic"; readonly user: string; readonly password: string };

/** Characters. Nothing longer is looked at. */
const LONGEST = 4200;
const SCHEME = /^(basic|bearer) +([A-Za-z0-9._~+/-]+=*) *$/i;

/** Undefined for another scheme and for what is malformed. */
export function readCredentials(field: string): Credentials | undefined {
  if (field.length > LONGEST) return undefined;
  const [, scheme = "", sent = ""] = SCHEME.exec(field) ?? [];
  if (sent === "") return undefined;
  if (scheme.toLowerCase() === "bearer") return { kind: "bearer", token: sent };
  const text = decode(sent);
  const colon = text === undefined ? -1 : text.indexOf(":");
  if (text === undefined || colon === -1) return undefined;
  return { kind: "basic", user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Base64 of UTF-8, as our challenge asks for. */
function decode(sent: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.fromBase64(sent),
    );
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
