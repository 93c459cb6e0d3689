/** Reports of health off the wire: messages to plain values. They are a node's word, and bounded. */

import { durationMs } from '../../proto/codec.ts';
import type { EndpointState } from '../../proto/endpoint-state.ts';
import type { HealthReport } from '../../proto/envoy.ts';
import { limits } from './limits.ts';
import type { ClusterReport, EndpointReport } from './ports.ts';

type ReportedEndpoint = NonNullable<NonNullable<HealthReport['clusters']>[number]['endpoints']>[number];

const states: ReadonlyMap<unknown, EndpointState> = new Map([
  ['HEALTHY', 'healthy'],
  ['SLOW_START', 'slow-start'],
  ['PROBATION', 'probation'],
  ['DEGRADED', 'degraded'],
  ['JOINING', 'joining'],
  ['DRAINING', 'draining'],
  ['EJECTED', 'ejected'],
  ['UNHEALTHY', 'unhealthy'],
  ['DISABLED', 'disabled'],
]);

/** `10.0.0.1:80`, `[2001:db8::1]:80`. */
const addressForm = /^(?:[0-9.]{7,15}|\[[0-9a-fA-F:.%\w]{2,60}\]):[0-9]{1,5}$/;

/**
 * A node speaks for no clusters but those that `isServed` knows; of the others it may only say that their endpoints are
 * gone. What is no address or no state is left out.
 */
export function reportsOf({ clusters = [] }: HealthReport, isServed: (cluster: string) => boolean): ClusterReport[] {
  return clusters.flatMap(({ name = '', endpoints = [], gone = [] }) => {
    const taken = isServed(name) ? endpoints.flatMap((one) => reportOf(one) ?? []) : [];
    return taken.length > 0 || gone.length > 0 ? { cluster: name, endpoints: taken, gone } : [];
  });
}

function reportOf({ address = '', state, age, reason = '' }: ReportedEndpoint): EndpointReport | undefined {
  const word = states.get(state);
  if (word === undefined || !addressForm.test(address)) return undefined;
  const ageMs = durationMs((age ?? {}) as Parameters<typeof durationMs>[0]);
  return { address, state: word, ageMs: Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0, reason: boundedText(reason) };
}

/** It goes to terminals and pages. */
function boundedText(text: string): string {
  const plain = text.replace(/\p{Cc}/gu, '\u{fffd}').toWellFormed();
  return plain.length <= limits.healthReasonLength ? plain : `${plain.slice(0, limits.healthReasonLength)}…`;
}
