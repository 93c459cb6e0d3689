/** Whether a Route's `fallback` can take over what was sent to its clusters. */
import { describeKey } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import type { Typed } from '../specs.ts';
import { speaksHttp2 } from './grpc-clients.ts';
import type { Misfit } from './misfits.ts';

/** What was kept of a request is of one version of HTTP; told at whichever of the two clusters changes. */
export function fallbackMisfits(after: DocumentSet, { spec: { to, fallback } }: Typed<'Route'>): Misfit[] {
  if (fallback === null) return [];
  const target = after.get('Cluster', fallback.cluster.tenant, fallback.cluster.name);
  if (target === undefined) return [];
  const at = { path: ['fallback', 'cluster'], other: target.document, otherPath: ['protocol'] };
  const who = `${describeKey(target.document)} speaks ${target.spec.protocol}`;
  if (!speaksHttp(target)) {
    const detail = `${who}; requests of a Route need a cluster that speaks HTTP.`;
    return [{ ...at, fault: { code: 'conflict', detail, remedy: 'Name a cluster that speaks HTTP.' } }];
  }
  return to.flatMap(({ cluster }, index): Misfit[] => {
    const first = after.get('Cluster', cluster.tenant, cluster.name);
    if (first === undefined || !speaksHttp(first)) return [];
    if (speaksHttp2(first.spec.protocol) === speaksHttp2(target.spec.protocol)) return [];
    const detail = `${who}, and ${describeKey(first.document)} ${first.spec.protocol}: a request is sent again in the version of HTTP that it was sent in.`;
    const fault = { code: 'conflict', detail, remedy: 'Name a cluster of the same version.' } as const;
    return [
      { ...at, fault },
      { ...at, fault, path: ['to', index, 'cluster'], other: first.document },
    ];
  });
}

function speaksHttp({ spec }: Typed<'Cluster'>): boolean {
  return spec.protocol !== 'tcp' && spec.protocol !== 'udp';
}
