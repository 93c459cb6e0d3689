/** How much of what a process may have it uses: memory, and the time of a thread. */
import { getHeapStatistics } from 'node:v8';

/** Of the heap that V8 may have, or of the memory that the system allows the process: whichever is nearer its end. */
export function memoryShare(): number {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  const allowed = process.constrainedMemory();
  // without a bound the system names none, or more than any machine has
  const bounded = allowed > 0 && allowed < Number.MAX_SAFE_INTEGER;
  return Math.max(used_heap_size / heap_size_limit, bounded ? process.memoryUsage.rss() / allowed : 0);
}

/** Tells, each time, the share of the time since the last time in which this thread had a core and worked. */
export function threadBusyShares(now: () => number): () => number {
  let lastMs = now();
  let last = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(last);
    const elapsedMs = now() - lastMs;
    lastMs += elapsedMs;
    last = { user: last.user + user, system: last.system + system };
    return (user + system) / 1000 / elapsedMs;
  };
}
