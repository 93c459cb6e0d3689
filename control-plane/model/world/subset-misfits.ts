/** Subsets that a Route asks of clusters which have none like it. */
import { describeKey } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import { listing } from '../problems.ts';
import type { Typed } from '../specs.ts';
import type { Misfit } from './misfits.ts';

/** Balancers look for the labels together; where no list has just these, they would take any endpoint. */
export function subsetMisfits(after: DocumentSet, { spec }: Typed<'Route'>): Misfit[] {
  return spec.to.flatMap(({ cluster, subset }, index): Misfit[] => {
    const target = after.get('Cluster', cluster.tenant, cluster.name);
    if (subset === null || target === undefined) return [];
    const { subsets } = target.spec.balance;
    const wanted = Object.keys(subset).sort();
    if (subsets.some((labels) => labels.join('\0') === wanted.join('\0'))) return [];
    const known =
      subsets.length === 0
        ? 'no subsets'
        : `subsets by ${listing(
            subsets.map((one) => one.join(' and ')),
            3,
          )}`;
    const detail = `${describeKey(target.document)} has ${known}, none by ${wanted.join(' and ')}.`;
    const fault = { code: 'conflict', detail, remedy: `Add \`[${wanted.join(', ')}]\` to its \`balance.subsets\`.` };
    return [{ path: ['to', index, 'subset'], fault, other: target.document, otherPath: ['balance', 'subsets'] }];
  });
}
