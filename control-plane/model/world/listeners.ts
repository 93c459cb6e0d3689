/** Listeners that would want the same socket. */
import { isIP } from 'node:net';
import { keyId, type Problem } from '../document.ts';
import { listing, problemAt } from '../problems.ts';
import type { ListenerSpec } from '../specs.ts';
import type { Proposal } from './proposal.ts';

/** Two listeners of one group on one port with addresses that overlap: a node could open only the first. */
export function portClashes({ after, changed, put }: Proposal): Problem[] {
  const done = new Set<string>();
  return put.flatMap((listener) => {
    if (listener.kind !== 'Listener') return [];
    done.add(keyId(listener.document));
    const clashing = [...after.all('Listener')].filter((other) => {
      const id = keyId(other.document);
      // Of two that come together, the later one is told.
      const toldThere = changed.has(id) && !done.has(id);
      return other.document.name !== listener.document.name && !toldThere && sameSocket(listener.spec, other.spec);
    });
    if (clashing.length === 0) return [];
    const { port, groups } = listener.spec;
    const others = listing(clashing.map(({ document, spec }) => `Listener ${document.name} (${spec.address})`));
    const shared = groups.filter((group) => clashing.some(({ spec }) => spec.groups.includes(group)));
    const detail = `Port ${port} is taken by ${others} in the node group ${listing(shared)}.`;
    const remedy = 'Choose another port, an address that does not overlap, or another group.';
    return [problemAt(listener.document, '/spec/port', { code: 'conflict', detail, remedy })];
  });
}

function sameSocket(a: ListenerSpec, b: ListenerSpec): boolean {
  return (
    a.port !== 0 &&
    a.port === b.port &&
    (a.protocol === 'udp') === (b.protocol === 'udp') &&
    overlap(a.address, b.address) &&
    a.groups.some((group) => b.groups.includes(group))
  );
}

/** `0.0.0.0` and `::` take every address; an IPv4 one may also be written into IPv6. */
function overlap(a: string, b: string): boolean {
  return isAny(a) || isAny(b) || plain(a) === plain(b);
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::' || address === '::ffff:0:0';
}

/** `::ffff:7f00:1` is 127.0.0.1. */
function plain(address: string): string {
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(address);
  if (mapped === null || isIP(address) !== 6) return address;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
