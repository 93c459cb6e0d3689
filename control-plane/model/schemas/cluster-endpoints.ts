import { limits } from '../limits.ts';
import type { EndpointSpec } from '../specs.ts';
import { address, labels, plainText } from './common.ts';
import { about, type Field, type FieldFault, fields, listOf, whole, word, yesNo } from './fields.ts';

const endpoint = fields(
  {
    address: about(address(), 'An IP address.', 'LbEndpoint.endpoint.address.socket_address.address'),
    port: about(whole(1, 65_535), 'Its port.', 'LbEndpoint.endpoint.address.socket_address.port_value'),
    weight: about(
      whole(1, limits.endpointWeight).prefault(1),
      'Its share of the traffic, against the others.',
      'LbEndpoint.load_balancing_weight',
    ),
    zone: about(plainText(1, 128).optional(), 'Where it stands.', 'LocalityLbEndpoints.locality.zone', {
      'x-default': 'none said',
    }),
    priority: about(
      whole(0, limits.priority).optional(),
      'Those with the lowest are used, and the next ones as far as these do not do; a number may be missing.',
      'LocalityLbEndpoints.priority, counted without gaps',
      { 'x-default': '0' },
    ),
    backup: about(
      yesNo().prefault(false),
      'It comes after all priorities that are written: for when nothing else is left.',
      'LocalityLbEndpoints.priority, the last one',
    ),
    labels: about(
      labels().prefault({}),
      'Whatever tells it apart; `balance.subsets` lets routes choose by them. `hash_key` stands for the address in hashes.',
      'LbEndpoint.metadata, under envoy.lb',
    ),
    state: about(
      word(['enabled', 'draining', 'disabled']).prefault('enabled'),
      '`draining`: takes nothing new; `disabled`: takes nothing.',
      'LbEndpoint.health_status',
    ),
  },
  {
    check: ({ priority, backup }): FieldFault | undefined =>
      backup === true && priority !== undefined
        ? { field: 'backup', detail: '`backup` and `priority` both say its place.', remedy: 'Keep one of them.' }
        : undefined,
  },
).transform(({ priority = 0, zone = '', ...written }) => ({ ...written, zone, priority }));

type Written = Omit<EndpointSpec, 'priority'> & { readonly priority: number; readonly backup: boolean };

export const endpointsSchema: Field<readonly EndpointSpec[]> = listOf<Written>(endpoint, {
  most: limits.endpointsPerCluster,
  unique: {
    what: 'The endpoint',
    key: (element) => {
      const { address, port } = (element ?? {}) as { address?: unknown; port?: unknown };
      if (typeof address !== 'string' || typeof port !== 'number') return undefined;
      return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    },
  },
}).transform((endpoints) => {
  const last = endpoints.reduce((most, { priority, backup }) => (backup ? most : Math.max(most, priority)), -1);
  return endpoints.map(
    ({ address, port, weight, zone, priority, backup, labels, state }): EndpointSpec => ({
      ...{ address, port, weight, zone, labels, state },
      priority: backup ? last + 1 : priority,
    }),
  );
});
