/** What nodes of other replicas have, as client status (CSDS) says it. */
import { pushOrder } from '../../proto/type-urls.ts';
import type { ClientElsewhere, TypeStatus, XdsType } from '../xds/ports.ts';
import type { NodeTypeView, NodeView } from './node.ts';

/** Of those that are connected, the newest first. */
export function clientsAmong(nodes: Iterable<NodeView>): ClientElsewhere[] {
  return [...nodes]
    .filter(({ connected }) => connected)
    .sort((a, b) => (a.since < b.since ? 1 : -1))
    .map(({ id, group, userAgent, zone, types }) => ({
      node: { id, group, userAgent, zone },
      types: Object.fromEntries(
        pushOrder.flatMap((type): [XdsType, TypeStatus][] => {
          const status = statusOf(types[type]);
          return status === undefined ? [] : [[type, status]];
        }),
      ),
    }));
}

/** `view` is undefined where a replica of an older version wrote, which does not know the type. */
function statusOf(view: NodeTypeView | undefined): TypeStatus | undefined {
  const { state = 'unknown', sentVersion, acknowledgedVersion = '', error = '', since = '' } = view ?? {};
  const version = sentVersion ?? acknowledgedVersion;
  switch (state) {
    case 'unknown':
      return undefined;
    case 'synced':
      return { config: 'SYNCED', version: acknowledgedVersion };
    case 'nack':
      return { config: 'ERROR', version, refusal: { version, reason: error, atMs: Date.parse(since) } };
    case 'stale':
      return { config: version === '' ? 'NOT_SENT' : 'STALE', version };
  }
}
