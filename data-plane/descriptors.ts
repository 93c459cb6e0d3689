/** Descriptors that this process may have open: as many as its limits call for, or connections only as there are descriptors. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Of one connection: the client's, and the endpoint's. */
const aConnection = 2;
/** Listeners, logs, streams to the control plane, checks, the admin interface. */
const others = 200;

export interface Descriptors {
  /** Connections that there are descriptors for. */
  readonly connections: number;
  /** Why there are fewer than wanted, and what to do; null: there are as many. */
  readonly warning: string | null;
}

/**
 * @param wanted connections
 * @param allowed how many descriptors the process may have; asked again after `raise`
 * @param raise asks the system for so many, which it may not grant
 */
export function descriptorsFor(wanted: number, allowed: () => number, raise: (to: number) => void): Descriptors {
  const needed = wanted * aConnection + others;
  if (allowed() < needed) raise(needed);
  const has = allowed();
  if (has >= needed) return { connections: wanted, warning: null };
  const connections = Math.max(1, Math.floor((has - Math.min(others, has / 2)) / aConnection));
  const warning =
    `this process may have ${has} descriptors open, enough for ${connections} connections and not for ${wanted}: ` +
    `what comes beyond is closed; raise the limit (ulimit -n, LimitNOFILE) to ${needed}, or say --limit connections=${connections}`;
  return { connections, warning };
}

/** The soft limit, which Node itself has raised to the hard one; Infinity where it cannot be known. */
export function allowedDescriptors(): number {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** As HAProxy does where it is root; others may not, and Node has no call for it. */
export function raiseDescriptors(to: number): void {
  if (process.getuid?.() === 0)
    spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${to}:${to}`], { stdio: 'ignore' });
}
