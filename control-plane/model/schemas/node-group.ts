import { limits } from '../limits.ts';
import type { NodeGroupSpec } from '../specs.ts';
import { duration } from './common.ts';
import { about, type Field, fields, must, word } from './fields.ts';

const resourceTtl = must(duration(), (ms) =>
  ms === 0 || ms >= limits.leastResourceTtlMs
    ? undefined
    : { detail: 'So short a time cannot be kept up over a network.', remedy: 'Write `1s` or more, or `0s` for none.' },
);

/** Ours: longer than a request may take by default, shorter than orchestrators wait before they kill (reliability.md). */
const drainTimeout = '45s';

const drain = fields(
  {
    timeout: about(
      duration().prefault(drainTimeout),
      'How long its nodes may take to drain when nobody says how long: then what is open is cut.',
      '-',
    ),
  },
  { notYet: { grace: '' } },
).transform(({ timeout }) => ({ timeoutMs: timeout }));

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
