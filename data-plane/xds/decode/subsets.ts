/** Cluster.LbSubsetConfig and the policy Subset: requests choose among endpoints by labels. */
import type { MessageTypes } from '../../../proto/envoy.ts';
import type { SubsetFallback, SubsetSelectorConfig, SubsetsConfig } from '../../model/config.ts';
import type { PolicyChoice } from './balance-parts.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readLabels } from './labels.ts';
import { type Place, unsupported } from './problems.ts';

const subset = 'envoy.extensions.load_balancing_policies.subset.v3.Subset';
type Subset = MessageTypes[typeof subset];
type Selector = NonNullable<Subset['subset_selectors']>[number];

/** Also for Cluster.LbSubsetConfig, whose fields are among these. */
const subsetFields = fieldTable(subset, {
  carried: ['fallback_policy', 'default_subset', 'subset_selectors', 'locality_weight_aware', 'subset_lb_policy'],
});
const selectorFields = fieldTable(`${subset}.LbSubsetSelector`, { carried: ['keys', 'fallback_policy'] });

const fallbacks: Readonly<Record<string, SubsetFallback>> = {
  NO_FALLBACK: 'none',
  ANY_ENDPOINT: 'any',
  DEFAULT_SUBSET: 'default',
};

export interface SubsetsRead {
  readonly subsets: SubsetsConfig;
  /** Whether localities are weighted within a subset. */
  readonly localityWeightAware: boolean;
}

export function readSubsets(place: Place, message: Subset): SubsetsRead {
  checkFields(place, message, subsetFields);
  const selectors: SubsetSelectorConfig[] = [];
  (message.subset_selectors ?? []).forEach((selector, index) => {
    const at = place.item('subset_selectors', index);
    const read = readSelector(at, selector);
    const same = selectors.find(({ keys }) => keys.join('\0') === read.keys.join('\0'));
    if (same === undefined) selectors.push(read);
    else if (same.fallback !== read.fallback) at.refuse('has the keys of another one, which falls back differently');
  });
  const fallback = readFallbackPolicy(place, message.fallback_policy ?? 'NO_FALLBACK') ?? 'none';
  return {
    subsets: { selectors, fallback, defaultSubset: readLabels(place.field('default_subset'), message.default_subset) },
    localityWeightAware: message.locality_weight_aware ?? false,
  };
}

function readSelector(place: Place, message: Selector): SubsetSelectorConfig {
  checkFields(place, message, selectorFields);
  const keys = [...new Set(message.keys ?? [])].sort();
  if (keys.length === 0) place.field('keys').refuse('must name a label');
  const said = message.fallback_policy ?? 'NOT_DEFINED';
  return { keys, fallback: said === 'NOT_DEFINED' ? null : readFallbackPolicy(place, said) };
}

function readFallbackPolicy(place: Place, said: string | number): SubsetFallback | null {
  const known = fallbacks[said];
  if (known === undefined) place.field('fallback_policy').refuse(`${said} is ${unsupported}`);
  return known ?? null;
}

export function withSubsets(choice: PolicyChoice, { subsets, localityWeightAware }: SubsetsRead): PolicyChoice {
  const unweighted = choice.localities.type === 'weighted' && !localityWeightAware;
  return { ...choice, subsets, localities: unweighted ? { type: 'none' } : choice.localities };
}
