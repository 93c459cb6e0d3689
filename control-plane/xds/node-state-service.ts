/** fairlead.report.v1.NodeReports/StreamState: nodes say how they are, and are told what they shall do. */
import { decode, durationOf, encode } from '../../proto/codec.ts';
import type { NodeState } from '../../proto/envoy.ts';
import { type NodeCallPorts, NodeCalls } from './node-call.ts';
import { stateOf } from './node-state-messages.ts';
import type { NodeOrder, StateObserver } from './ports.ts';

export interface NodeStatePorts extends NodeCallPorts {
  readonly observer: StateObserver;
}

export function nodeStateService({ observer, ...ports }: NodeStatePorts): NodeCalls<NodeState> {
  return new NodeCalls<NodeState>(
    {
      path: '/fairlead.report.v1.NodeReports/StreamState',
      subject: 'the state of a node',
      message: 'fairlead.report.v1.NodeState',
      decode: (bytes) => decode('fairlead.report.v1.NodeState', bytes),
      admitted: (node, _first, send) => {
        observer.joined(node, (order) => send(orderBytes(order)));
        return () => observer.ended(node);
      },
      taken: (node, message) => observer.reported(node, stateOf(message)),
    },
    ports,
  );
}

function orderBytes({ drainWithinMs }: NodeOrder): Uint8Array {
  const drain = drainWithinMs === null ? {} : { drain: true, timeout: durationOf(drainWithinMs) };
  return encode('fairlead.report.v1.NodeOrders', drain);
}
