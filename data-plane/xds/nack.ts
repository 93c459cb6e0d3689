/** The text of a NACK: each resource at fault, each field, each problem; bounded. */

import { formatProblem } from './decode/problems.ts';
import { limits } from './limits.ts';
import type { RejectedResource } from './response.ts';
import type { NodeType } from './types.ts';

const cut = '...(truncated)';

/** For example `clusters "checkout/orders": lb_policy: CLUSTER_PROVIDED is not supported by this data plane`. */
export function rejectionReasons(type: NodeType, rejected: readonly RejectedResource[]): string[] {
  return rejected.flatMap(({ name, problems }) =>
    problems.map((problem) => `${type} ${JSON.stringify(name)}: ${formatProblem(problem)}`),
  );
}

/** One reason a line, bounded. */
export function nackText(reasons: readonly string[]): string {
  const bytes = Buffer.from(reasons.join('\n'), 'utf8');
  if (bytes.length <= limits.nackBytes) return bytes.toString('utf8');
  let end = limits.nackBytes - cut.length;
  // not in the middle of a character
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end) + cut;
}
