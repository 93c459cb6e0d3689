import { limits } from '../limits.ts';
import type { NodeGroupSpec } from '../specs.ts';
import { duration } from './common.ts';
import { about, type Field, fields, must, word } from './fields.ts';

const resourceTtl = must(duration(), (ms) =>
  ms === 0 || ms >= limits.leastResourceTtlMs
    ? undefined
    : { detail: 'So short a time cannot be kept up over a network.', remedy: 'Write `1s` or more, or `0s` for none.' },
);

export const nodeGroupSchema: Field<NodeGroupSpec> = fields(
  {
    tier: about(word(['l4', 'l7']).prefault('l7'), 'What its nodes do: forward connections, or requests.', '-'),
    resourceTtl: about(
      resourceTtl.prefault('0s'),
      'A node drops every resource that the control plane has not confirmed for so long: without a control plane it stops serving. `0s`: it keeps what it has for ever.',
      'Resource.ttl',
    ),
  },
  { notYet: { drain: '', rollout: '' } },
).transform(({ tier, resourceTtl }) => ({ tier, resourceTtlMs: resourceTtl }));
