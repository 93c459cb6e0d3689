import { limits } from '../limits.ts';
import type { NodeGroupSpec } from '../specs.ts';
import { formatDuration } from '../units.ts';
import { duration } from './common.ts';
import { about, type Field, type FieldFault, fields, must, word } from './fields.ts';

const resourceTtl = must(duration(), (ms) =>
  ms === 0 || ms >= limits.leastResourceTtlMs
    ? undefined
    : { detail: 'So short a time cannot be kept up over a network.', remedy: 'Write `1s` or more, or `0s` for none.' },
);

/** Ours: longer than a request may take by default, shorter than orchestrators wait before they kill (reliability.md). */
const drainTimeout = '45s';
/** Kubernetes' own default of 30 s is too short for that (documents.md). */
const leastGraceMs = 60_000;

const drain = fields(
  {
    timeout: about(
      duration().prefault(drainTimeout),
      'How long its nodes may take to drain when nobody says how long: then what is open is cut.',
      '-',
    ),
    grace: about(
      duration().optional(),
      'How long whoever runs the nodes waits after it has asked one to end, before it kills it (`terminationGracePeriodSeconds`). `timeout` may not be longer.',
      '-',
      { 'x-default': '`60s`, or `timeout` if that is longer' },
    ),
  },
  { check: fitsGrace },
).transform(({ timeout, grace }) => ({ timeoutMs: timeout, graceMs: grace ?? Math.max(timeout, leastGraceMs) }));

function fitsGrace({ timeout, grace: written }: Readonly<Record<string, unknown>>): FieldFault | undefined {
  if (typeof timeout !== 'number' || typeof written !== 'number' || timeout <= written) return undefined;
  const detail = `A node that drains for ${formatDuration(timeout)} is killed after its grace of ${formatDuration(written)}.`;
  return { field: 'timeout', detail, remedy: 'Write a shorter `timeout`, or the `grace` that there really is.' };
}

export const nodeGroupSchema: Field<NodeGroupSpec> = fields(
  {
    tier: about(word(['l4', 'l7']).prefault('l7'), 'What its nodes do: forward connections, or requests.', '-'),
    resourceTtl: about(
      resourceTtl.prefault('0s'),
      'A node drops every resource that the control plane has not confirmed for so long: without a control plane it stops serving. `0s`: it keeps what it has for ever.',
      'Resource.ttl',
    ),
    drain: about(drain.prefault({}), 'How its nodes drain.', '-'),
  },
  { notYet: { rollout: '' } },
).transform(({ tier, resourceTtl, drain }) => ({ tier, resourceTtlMs: resourceTtl, drain }));
