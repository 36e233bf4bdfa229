/** Certificates that tests make for themselves, by openssl. */

import { join } from "node:path";
import { run } from "./clients.ts";

export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
}

/** A certificate of localhost that signs itself. `days`: how long it is valid; negative: it expired. */
export async function makeCertificate(
  directory: string,
  name: string,
  days = 2,
): Promise<CertificatePaths> {
  const [cert, key, request] = ["crt", "key", "csr"].map((kind) =>
    join(directory, `${name}.${kind}`),
  ) as [string, string, string];
  await openssl(
    ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    ...["-nodes", "-subj", `/CN=${name}.test`, "-keyout", key, "-out", request],
  );
  await openssl(
    ...["x509", "-req", "-in", request, "-signkey", key, "-days", String(days), "-out", cert],
  );
  return { cert, key };
}

export async function openssl(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await run(["openssl", ...args]);
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
}

/** The name in the certificate that `port` serves to new connections. */
export async function servedName(port: number): Promise<string> {
  const shown = await run(["openssl", "s_client", "-connect", `127.0.0.1:${port}`]);
  return /subject=CN = (\S+)/.exec(shown.stdout)?.[1] ?? shown.stderr;
}
