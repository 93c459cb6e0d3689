/** A churn's report as text. */
import type { ChurnReport } from './run.ts';

/** The rest only repeats them. */
const shownFailures = 10;

export function reportOf({ changes, seconds, settled, proxies }: ChurnReport): string {
  const head = `${changes} changes in ${seconds.toFixed(1)} s; ${settled} times acknowledged by every proxy`;
  const rows = proxies.map(({ proxy, served, absent, exact, failures, flags }) => {
    const counted = ['NC', 'UH', 'NR', ...Object.keys(flags.flags).filter((flag) => !['NC', 'UH', 'NR'].includes(flag))]
      .map((flag) => `${flag} ${flags.flags[flag] ?? 0}`)
      .join(', ');
    return `${proxy}: ${served} served, ${absent} absent (404), ${exact} of them judged exactly, ${failures.length} failed; flags: ${counted}`;
  });
  const failures = proxies.flatMap((proxy) => proxy.failures);
  const shown = failures.slice(0, shownFailures).map(({ proxy, request, got, changes: during }) => {
    return [`${proxy} ${request}`, `  got ${got}`, ...during.map((change) => `    ${change}`)].join('\n');
  });
  return [head, ...rows, ...shown].join('\n');
}
