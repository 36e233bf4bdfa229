/** What failed, in the system's word for it: `ENOENT`, say. Undefined for an error without one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error && "code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
