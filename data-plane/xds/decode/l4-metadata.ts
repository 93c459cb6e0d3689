/** What stands in metadata under `fairlead.l4`: of no message of Envoy's, so it is read by hand. */
import { l4Metadata } from '../../../proto/l4.ts';
import type { Datapath, L4Hash } from '../../model/config.ts';
import { type StructMessage, structToJson } from './messages.ts';
import { type Place, unsupported } from './problems.ts';

const datapaths: readonly unknown[] = ['user', 'kernel', 'auto'] satisfies Datapath[];
const hashes: readonly unknown[] = ['five-tuple', 'source', 'destination-port', 'authority'] satisfies L4Hash[];

export interface L4Settings {
  readonly datapath: Datapath;
  /** Null: nothing said. */
  readonly hash: L4Hash | null;
  /** Of a UDP listener: so many may be open at once. Null: nothing said. */
  readonly sessions: number | null;
}

/** @param place of the message that has the metadata: a filter chain, or a UDP listener */
export function readL4Metadata(
  place: Place,
  metadata: { readonly filter_metadata?: object } | null | undefined,
  of: 'chain' | 'udp-listener',
): L4Settings {
  const said = (metadata?.filter_metadata as Readonly<Record<string, StructMessage>> | undefined)?.[l4Metadata];
  const { datapath = 'user', hash = null, sessions = null, ...others } = structToJson(said ?? {});
  const at = place.field('metadata').entry('filter_metadata', l4Metadata);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  if (!datapaths.includes(datapath)) at.field('datapath').refuse(`must be one of ${datapaths.join(', ')}`);
  if (hash !== null && !hashes.includes(hash)) at.field('hash').refuse(`must be one of ${hashes.join(', ')}`);
  if (sessions !== null && of === 'chain') at.field('sessions').refuse('belongs to UDP listeners only');
  else if (sessions !== null && !(Number.isSafeInteger(sessions) && Number(sessions) >= 1))
    at.field('sessions').refuse('must be a whole number of 1 or more');
  return { datapath: datapath as Datapath, hash: hash as L4Hash | null, sessions: sessions as number | null };
}
