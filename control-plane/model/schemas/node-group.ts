import { notSupportedYet } from '../problems.ts';
import type { NodeGroupSpec } from '../specs.ts';
import { duration } from './common.ts';
import { about, type Field, fields, must, word } from './fields.ts';

const off = must(duration(), (ms) => (ms === 0 ? undefined : notSupportedYet('A `resourceTtl` other than `0s`')));

export const nodeGroupSchema: Field<NodeGroupSpec> = fields(
  {
    tier: about(word(['l4', 'l7']).prefault('l7'), 'What its nodes do: forward connections, or requests.', '-'),
    resourceTtl: about(off.prefault('0s'), 'xDS heartbeats; `0s` is off, the only value so far.', 'Resource.ttl'),
  },
  { notYet: { drain: '', rollout: '' } },
).transform(({ tier }) => ({ tier }));
