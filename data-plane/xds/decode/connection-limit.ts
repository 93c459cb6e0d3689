/** envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit. */
import type { ConnectionLimit } from '../../../proto/envoy-extensions.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { uint32Within } from './values.ts';

export const connectionLimit = 'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit';

const limitFields = fieldTable(connectionLimit, {
  carried: ['max_connections'],
  // what is refused is counted by the listener
  ignored: ['stat_prefix'],
});

/** How many connections may be open at once. */
export function readConnectionLimit(place: Place, message: ConnectionLimit): number {
  checkFields(place, message, limitFields);
  const at = place.field('max_connections');
  if (!message.max_connections) at.refuse('must be set');
  return uint32Within(at, message.max_connections, 1, 1);
}
