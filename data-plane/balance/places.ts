/** Where endpoints stand, seen from where this node stands. Pure. */
import { compareUtf8 } from '../../proto/hashing/compare-utf8.ts';
import type { LocalityConfig } from '../model/config.ts';
import type { Candidate } from './candidate.ts';

export interface Place<C> {
  /** Its region, zone and sub-zone. */
  readonly name: string;
  readonly locality: LocalityConfig;
  /** A node knows its zone, and takes the first place there for its own. */
  readonly isOwn: boolean;
  readonly members: readonly C[];
}

/** The node's own place first, then by name, as Envoy has them. @param ownZone empty: unknown */
export function placesOf<C extends Candidate>(candidates: readonly C[], ownZone: string): Place<C>[] {
  const byName = new Map<string, C[]>();
  for (const candidate of candidates) {
    const { region, zone, subZone } = candidate.config.locality;
    const name = [region, zone, subZone].join('\0');
    const members = byName.get(name);
    if (members === undefined) byName.set(name, [candidate]);
    else members.push(candidate);
  }
  const places = [...byName]
    .sort(([a], [b]) => compareUtf8(a, b))
    .map(([name, members]) => ({ name, locality: members[0]!.config.locality, isOwn: false, members }));
  const own = ownZone === '' ? -1 : places.findIndex(({ locality }) => locality.zone === ownZone);
  if (own < 0) return places;
  return [{ ...places[own]!, isOwn: true }, ...places.filter((_, index) => index !== own)];
}

export interface Zone<C> {
  readonly name: string;
  readonly members: readonly C[];
}

/** By zones alone, whatever their regions: the node knows no more of itself. Its own first. */
export function zonesOf<C extends Candidate>(candidates: readonly C[], ownZone: string): Zone<C>[] {
  const byName = new Map<string, C[]>();
  for (const candidate of candidates) {
    const { zone } = candidate.config.locality;
    const members = byName.get(zone);
    if (members === undefined) byName.set(zone, [candidate]);
    else members.push(candidate);
  }
  return [...byName]
    .sort(([a], [b]) => Number(b === ownZone) - Number(a === ownZone) || compareUtf8(a, b))
    .map(([name, members]) => ({ name, members }));
}
