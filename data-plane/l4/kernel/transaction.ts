/** Pure: what stands in the table and what shall stand there in; the script that nft carries out at once, or not at all, out. */
import { aliveLines, baseChains, type Table, type Wanted } from './ruleset.ts';

/** Where there is no table yet. */
export const nothing: Table = { slots: new Map(), counted: new Map(), timeouts: new Set(), marks: new Map() };

/**
 * Puts right only what differs: flows that are under way go on, and counters count on. Says the node is alive as well.
 * @param name of the table
 * @param before null: there is no table
 */
export function transaction(name: string, before: Table | null, wanted: Wanted): string {
  const at = `inet ${name}`;
  const was = before ?? nothing;
  const { wording } = wanted;
  const lines: string[] = [];
  if (before === null) lines.push(`add table ${at}`, `add set ${at} alive { type nf_proto; flags timeout; }`);
  for (const [one, text] of wording.timeouts) {
    if (!was.timeouts.has(one)) lines.push(`add ct timeout ${at} ${one} { ${text} }`);
  }
  for (const [one, text] of wording.slots) if (!was.slots.has(one)) lines.push(`add map ${at} ${one} { ${text} }`);
  for (const [one, text] of wording.counted) if (!was.counted.has(one)) lines.push(`add set ${at} ${one} { ${text} }`);
  for (const [one, slots] of wanted.slots) lines.push(...slotLines(`${at} ${one}`, was.slots.get(one) ?? [], slots));
  for (const [one, keys] of wanted.counted) lines.push(...keyLines(`${at} ${one}`, was.counted.get(one), keys));
  lines.push(...chainLines(at, was, wanted));
  for (const one of was.slots.keys()) if (!wanted.slots.has(one)) lines.push(`delete map ${at} ${one}`);
  for (const one of was.counted.keys()) if (!wanted.counted.has(one)) lines.push(`delete set ${at} ${one}`);
  for (const one of was.timeouts) if (!wanted.timeouts.has(one)) lines.push(`delete ct timeout ${at} ${one}`);
  lines.push(...aliveLines(name));
  return `${lines.join('\n')}\n`;
}

function slotLines(map: string, before: readonly string[], wanted: readonly string[]): string[] {
  const gone: number[] = [];
  const come: string[] = [];
  for (const [slot, endpoint] of wanted.entries()) {
    if (before[slot] === endpoint) continue;
    if (before[slot] !== undefined) gone.push(slot);
    come.push(`${slot} : ${endpoint}`);
  }
  return elementLines(map, gone.map(String), come);
}

function keyLines(set: string, before: ReadonlySet<string> = new Set(), wanted: ReadonlySet<string>): string[] {
  const gone = [...before].filter((key) => !wanted.has(key));
  return elementLines(
    set,
    gone,
    [...wanted].filter((key) => !before.has(key)),
  );
}

function elementLines(at: string, gone: readonly string[], come: readonly string[]): string[] {
  return [
    ...(gone.length === 0 ? [] : [`delete element ${at} { ${gone.join(', ')} }`]),
    ...(come.length === 0 ? [] : [`add element ${at} { ${come.join(', ')} }`]),
  ];
}

function chainLines(at: string, was: Table, { marks, wording }: Wanted): string[] {
  const lines: string[] = [];
  for (const chain of marks.keys()) {
    if (was.marks.has(chain)) continue;
    const base = baseChains[chain];
    lines.push(`add chain ${at} ${chain}${base === undefined ? '' : ` { ${base} }`}`);
  }
  for (const [chain, wanted] of marks) {
    const before = was.marks.get(chain) ?? [];
    if (before.length === wanted.length && before.every((mark, index) => mark === wanted[index])) continue;
    if (before.length > 0) lines.push(`flush chain ${at} ${chain}`);
    const rules = wording.rules.get(chain)!;
    for (const [index, rule] of rules.entries())
      lines.push(`add rule ${at} ${chain} ${rule} comment "${wanted[index]}"`);
  }
  return lines;
}

/** No new flow is taken from now on. */
export function closing(name: string): string {
  return `flush set inet ${name} alive\n`;
}

/** Flows that are under way end. */
export function removal(name: string): string {
  return `delete table inet ${name}\n`;
}
