/** Who runs where: the proxy alone on one core; the load generator, the backend and all else on the other. */
import { readFileSync } from 'node:fs';

export interface Cores {
  readonly proxy: number;
  readonly load: number;
}

/** The first two CPUs that this process may use. Throws where there is only one. */
export function chooseCores(): Cores {
  const status = readFileSync('/proc/self/status', 'utf8');
  const [load, proxy] = parseCpuList(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '');
  if (load === undefined || proxy === undefined) {
    throw new Error('The proxy needs a core of its own and the load another: run this where two CPUs are allowed.');
  }
  return { proxy, load };
}

/** The kernel's list format: `0-2,5` is 0, 1, 2, 5. */
export function parseCpuList(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}
