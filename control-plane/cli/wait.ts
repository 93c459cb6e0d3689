/** `--wait`: follows a revision until every connected node of the groups that it touches has taken it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, GroupRollout } from './client.ts';
import { CliError } from './errors.ts';
import { progressLine } from './progress.ts';

const pollMs = 100;

/** Throws a CliError if a node refuses the revision, a group cannot be served it, or the time is up. */
export async function waitForNodes(client: Client, revision: number, timeoutMs: number): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  const progress = progressLine();
  for (;;) {
    const rollout = await client.rollout(revision);
    progress.show(describe(revision, rollout.groups));
    if (rollout.state === 'complete') {
      progress.end();
      return;
    }
    if (rollout.state === 'failed') {
      progress.end();
      throw new CliError(`Revision ${revision} was not taken by every node.`, { lines: failuresOf(rollout.groups) });
    }
    if (Date.now() >= deadlineMs) {
      progress.end();
      const lines = [
        'fairlead status says which nodes are behind. The revision itself is stored and still on its way.',
      ];
      throw new CliError(`Revision ${revision} did not reach every node within ${timeoutMs / 1_000} s.`, { lines });
    }
    await sleep(pollMs);
  }
}

function describe(revision: number, groups: readonly GroupRollout[]): string {
  const touched = groups.filter((group) => group.state !== 'unaffected');
  if (touched.length === 0) return `revision ${revision}: no node group serves any of it`;
  const parts = touched.map(({ group, state, nodes }) =>
    state === 'pending' ? `${group} waiting` : `${group} ${nodes.synced}/${nodes.connected}`,
  );
  return `revision ${revision}: ${parts.join(', ')} nodes synced`;
}

function failuresOf(groups: readonly GroupRollout[]): string[] {
  return groups.flatMap(({ group, problems }) => problems.map((problem) => `${group}: ${problem}`));
}
