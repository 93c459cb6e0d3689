import { statSync, truncateSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** No line of an access log is shorter than this. */
const shortestLineBytes = 40;
/** Longer than any proxy here keeps lines in its buffers (Envoy 10 s), or a busy disk keeps a proxy. */
const defaultPatienceMs = 15_000;
const pollMs = 50;

/** Empties the log, which would fill the disk, after making sure that it was really written. */
export async function takeAccessLog(
  { name, accessLog }: { readonly name: string; readonly accessLog: string },
  lines: number,
  patienceMs = defaultPatienceMs,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const bytes = statSync(accessLog, { throwIfNoEntry: false })?.size;
    // half of them may be in buffers still; a log that is off stays empty
    if ((bytes ?? 0) >= (lines * shortestLineBytes) / 2) {
      if (bytes !== undefined) truncateSync(accessLog);
      return;
    }
    if (performance.now() > deadline) {
      const what = bytes === undefined ? 'no access log' : `${bytes} B of access log`;
      throw new Error(`${name} wrote ${what} for ${lines} lines within ${patienceMs} ms: its log must be on.`);
    }
    await delay(pollMs);
  }
}
