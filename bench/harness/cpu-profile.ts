/** Reads what `node --cpu-prof` writes: which functions the time went to. */

/** The part of V8's .cpuprofile format that is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Ids of nodes, one a sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  /** `function file:line`; what is not JavaScript as V8 names it: `(program)`, `(garbage collector)`. */
  readonly name: string;
  /** Of the busy time, 0 to 1. */
  readonly share: number;
}

/** Self time by function, the largest first; idle time is left out. Empty for a profile that was never busy. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const micros = new Map<string, number>();
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? '(unknown)';
    if (name !== '(idle)') micros.set(name, (micros.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0));
  });
  const busy = [...micros.values()].reduce((sum, value) => sum + value, 0);
  return [...micros].map(([name, value]) => ({ name, share: value / busy })).sort((a, b) => b.share - a.share);
}

/** Microseconds in which anything ran: tells the profile of the worker from that of a process that only waited. */
export function busyMicros(profile: CpuProfile): number {
  const idle = new Set(profile.nodes.filter((node) => node.callFrame.functionName === '(idle)').map((node) => node.id));
  return profile.samples.reduce((sum, id, i) => sum + (idle.has(id) ? 0 : (profile.timeDeltas[i] ?? 0)), 0);
}

function nameOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName || '(anonymous)';
  if (frame.url === '') return name;
  const file = frame.url.replace(/^file:\/\//, '').replace(/^.*\/(?=[^/]+\/[^/]+$)/, '');
  return `${name} ${file}:${frame.lineNumber + 1}`;
}
