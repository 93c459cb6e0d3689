/** Response flags, counted from the lines of an access log. */

export interface FlagCounts {
  readonly requests: number;
  /** By flag; `-` stands for none and is left out. */
  readonly flags: Readonly<Record<string, number>>;
}

/** Lines that are no access log are passed over. */
export function countFlags(log: string): FlagCounts {
  const flags: Record<string, number> = {};
  let requests = 0;
  for (const line of log.split('\n')) {
    if (!line.startsWith('{') || !line.endsWith('}')) continue;
    const entry = JSON.parse(line) as { flags?: string; authority?: string };
    if (entry.flags === undefined || entry.authority === undefined) continue;
    requests++;
    if (entry.flags === '-') continue;
    for (const flag of entry.flags.split(',')) flags[flag] = (flags[flag] ?? 0) + 1;
  }
  return { requests, flags };
}
