/**
 * The certificate and the key of a TLS port: two files in PEM form, checked before they are
 * used, so that a mistake is one line for the operator and not a failed handshake of every
 * client. The first certificate is the server's; those that follow lead to its issuer.
 */

import type { KeyObject, X509Certificate } from "node:crypto";
import { readOperatorFile } from "./operator-file.ts";

/** PEM, as it stands in the files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** The files of a certificate. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads and checks both. `now` is milliseconds since 1970; without it an expired certificate
 * is taken, too. Throws with one line for the operator.
 */
export function readCertificate(files: CertificateFiles, now?: number): Certificate {
  const cert = readOperatorFile(files.cert);
  const key = readOperatorFile(files.key);
  const [first] = readChain(cert, files.cert);
  if (!first.checkPrivateKey(readKey(key, files.key))) {
    throw unusable(files.key, `it is not the key of the first certificate in "${files.cert}"`);
  }
  if (now !== undefined) checkDates(first, files.cert, now);
  return { cert, key };
}

/** Loading it takes 12 ms, which a start without TLS saves. */
function crypto(): typeof import("node:crypto") {
  return require("node:crypto");
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function readChain(text: string, path: string): readonly [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...others] = (text.match(CERTIFICATE) ?? []).map(
      (pem) => new (crypto().X509Certificate)(pem),
    );
    if (first !== undefined) return [first, ...others];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw unusable(path, "a certificate in it can't be read", error);
  }
  throw unusable(path, "no certificate in PEM form");
}

function readKey(text: string, path: string): KeyObject {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw unusable(path, "the key is encrypted");
  }
  try {
    return crypto().createPrivateKey(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw unusable(path, "no private key in PEM form", error);
  }
}

function checkDates({ validFrom, validTo }: X509Certificate, path: string, now: number): void {
  if (Date.parse(validTo) < now) throw unusable(path, `it expired on ${validTo}`);
  if (Date.parse(validFrom) > now) throw unusable(path, `it isn't valid before ${validFrom}`);
}

function unusable(path: string, reason: string, cause?: Error): Error {
  return new Error(`Cannot use "${path}": ${reason}`, { cause });
}
