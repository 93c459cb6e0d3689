import type { L4RouteSpec, Reference } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { destinations, duration, name } from './common.ts';
import { about, type Field, fields, word } from './fields.ts';

/** An L4 route whose references do not name their owner yet. */
export type WrittenL4Route = Omit<L4RouteSpec, 'to'> & {
  readonly to: readonly { readonly cluster: WrittenReference; readonly weight: number }[];
};

export const l4RouteSchema: Field<WrittenL4Route> = fields(
  {
    listener: about(name(), 'The tcp listener whose connections it takes.', 'Listener.filter_chains'),
    to: about(
      destinations('TcpProxy.weighted_clusters.clusters', ['subset']),
      'Where they go: one cluster, or several by weight.',
      'TcpProxy.cluster or TcpProxy.weighted_clusters',
    ),
    idleTimeout: about(
      duration().prefault('1h'),
      'A connection without a byte either way for so long is closed; `0s`: never.',
      'TcpProxy.idle_timeout',
    ),
    datapath: about(
      word(['user', 'auto'], ['kernel']).prefault('auto'),
      'Who moves the bytes; `auto` is the process itself so far.',
      '-',
    ),
  },
  { notYet: { serverNames: '', alpn: '', sources: '', hash: '' } },
).transform(({ listener, to, idleTimeout, datapath }) => ({
  listener,
  serverNames: [],
  alpn: [],
  sources: [],
  to,
  hash: null,
  idleTimeoutMs: idleTimeout,
  datapath,
}));

export function ownL4Route(route: WrittenL4Route, own: (written: WrittenReference) => Reference): L4RouteSpec {
  return { ...route, to: route.to.map(({ cluster, weight }) => ({ cluster: own(cluster), weight })) };
}
