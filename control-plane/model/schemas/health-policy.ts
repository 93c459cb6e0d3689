import { z } from 'zod';
import type { HealthPolicySpec } from '../cluster-specs.ts';
import { about, type Field, fields, word } from './fields.ts';
import { activeSchema } from './health-active.ts';
import { defaultPassive, passiveSchema } from './health-passive.ts';

/** `false` is for those whose YAML still reads `off` that way. */
const passive = z.union([word(['off']).transform(() => null), z.literal(false).transform(() => null), passiveSchema]);

export const healthPolicySchema: Field<HealthPolicySpec> = fields({
  active: about(activeSchema.optional(), 'Probes sent by every node.', 'Cluster.health_checks', {
    'x-default': 'no probes',
  }),
  passive: about(
    passive.optional(),
    'Ejection by what real traffic meets; a cluster without a policy has it as well.',
    'Cluster.outlier_detection',
    { 'x-default': 'on, with the defaults below' },
  ),
}).transform(({ active, passive }) => ({
  active: active ?? null,
  passive: passive === undefined ? defaultPassive : passive,
}));

/** Of a cluster that names none. */
export const defaultHealth: HealthPolicySpec = healthPolicySchema.parse({});
