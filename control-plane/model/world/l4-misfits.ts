/** Whether an L4Route fits its listener and its clusters. */
import { describeKey } from '../document.ts';
import type { DocumentSet } from '../document-set.ts';
import type { Fault, Path } from '../problems.ts';
import { kernelRemedy } from '../schemas/l4-route.ts';
import type { ClusterSpec, Typed } from '../specs.ts';
import type { Misfit } from './misfits.ts';

type Route = Typed<'L4Route'>;

export function l4Misfits(after: DocumentSet, route: Route): Misfit[] {
  const listener = after.get('Listener', undefined, route.spec.listener);
  if (listener === undefined) return [];
  return [...listenerFaults(route, listener), ...clusterFaults(after, route, listener)];
}

function listenerFaults({ spec }: Route, { document, spec: { protocol, proxyProtocol } }: Typed<'Listener'>): Misfit[] {
  const misfits: Misfit[] = [];
  const found = (path: Path, detail: string, remedy: string, otherPath: Path = ['protocol']) =>
    misfits.push({ path, fault: { code: 'conflict', detail, remedy }, other: document, otherPath });
  const speaks = `Listener ${document.name} speaks ${protocol}`;
  if (protocol !== 'tls-passthrough') {
    for (const field of ['serverNames', 'alpn'] as const) {
      if (spec[field].length === 0) continue;
      const remedy = 'Take it out, or name a listener of `protocol: tls-passthrough`.';
      found([field], `${speaks}: \`${field}\` is read from the first message of TLS alone.`, remedy);
    }
  }
  if (spec.hash === 'authority' && (protocol === 'udp' || (protocol === 'tcp' && proxyProtocol === null))) {
    const detail = `${speaks}: nothing there says which name a client asks for.`;
    found(['hash'], detail, 'Write another `hash`, or name a listener of `protocol: tls-passthrough`.');
  }
  if (protocol !== 'udp' && spec.perPacket) {
    found(['perPacket'], `${speaks}: \`perPacket\` is for udp.`, 'Take it out.');
  }
  if (protocol === 'udp' && spec.to.length > 1) {
    found(
      ['to'],
      `${speaks}: there a route has one cluster.`,
      'Keep one; weights of endpoints do what its own do not.',
    );
  }
  if (spec.datapath === 'kernel' && protocol === 'tls-passthrough') {
    found(['datapath'], `${speaks}: the kernel forwards packets, and reads no names.`, kernelRemedy);
  }
  if (spec.datapath === 'kernel' && proxyProtocol !== null) {
    const detail = `Listener ${document.name} reads PROXY headers, which the kernel does not.`;
    found(['datapath'], detail, kernelRemedy, ['proxyProtocol']);
  }
  return misfits;
}

function clusterFaults(after: DocumentSet, { spec }: Route, listener: Typed<'Listener'>): Misfit[] {
  const isUdp = listener.spec.protocol === 'udp';
  return spec.to.flatMap(({ cluster }, index): Misfit[] => {
    const target = after.get('Cluster', cluster.tenant, cluster.name);
    if (target === undefined) return [];
    const who = describeKey(target.document);
    if ((target.spec.protocol === 'udp') !== isUdp) {
      const detail = `${who} speaks ${target.spec.protocol}, and Listener ${listener.document.name} ${listener.spec.protocol}.`;
      const remedy = `Name a cluster of \`protocol: ${isUdp ? 'udp' : 'tcp'}\`, or another listener.`;
      const fault: Fault = { code: 'conflict', detail, remedy };
      const path = ['to', index, 'cluster'];
      return [
        { path, fault, other: target.document, otherPath: ['protocol'] },
        { path, fault, other: listener.document, otherPath: ['protocol'] },
      ];
    }
    const beyond = spec.datapath === 'kernel' ? beyondKernel(target.spec) : undefined;
    if (beyond === undefined) return [];
    const fault = { code: 'conflict', detail: `${who} ${beyond.detail}`, remedy: kernelRemedy };
    return [{ path: ['datapath'], fault, other: target.document, otherPath: [beyond.field] }];
  });
}

/** What of a cluster a kernel cannot do. */
function beyondKernel({ proxyProtocol, balance }: ClusterSpec): { field: string; detail: string } | undefined {
  if (proxyProtocol !== null) {
    return { field: 'proxyProtocol', detail: 'wants PROXY headers, which the kernel does not write.' };
  }
  if (balance.policy !== 'maglev') {
    return { field: 'balance', detail: `balances by ${balance.policy}; the kernel has tables of \`maglev\`.` };
  }
  if (balance.subsets.length === 0) return undefined;
  return { field: 'balance', detail: 'has subsets, which the kernel does not know.' };
}
