/** What this machine lacks, and no endpoint can help. */
const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN']);

/** @param code of the error of a socket that could not be opened or connected */
export function isOwnShortage(code: string | undefined): boolean {
  return code !== undefined && shortages.has(code);
}
