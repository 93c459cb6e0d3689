/** Clusters whose `nodes` would not serve what they are sent. */
import type { DocumentSet } from '../document-set.ts';
import { listing } from '../problems.ts';
import type { Typed } from '../specs.ts';
import type { Misfit } from './misfits.ts';

export function nodeMisfits(after: DocumentSet, { document, spec }: Typed<'Cluster'>): Misfit[] {
  const { nodes, protocol } = spec;
  const listener = nodes === null ? undefined : after.get('Listener', undefined, nodes.listener);
  if (nodes === null || listener === undefined) return [];
  const misfits: Misfit[] = [];
  const found = (detail: string, remedy: string, otherField: string, field?: string, code = 'conflict') => {
    const path = field === undefined ? ['nodes', 'listener'] : [field];
    misfits.push({ path, fault: { code, detail, remedy }, other: listener.document, otherPath: [otherField] });
  };
  const { name } = listener.document;
  const { groups, tenants, protocol: spoken, proxyProtocol } = listener.spec;
  const speaks = `Listener ${name} speaks ${spoken}`;
  if (!groups.includes(nodes.group)) {
    const detail = `Listener ${name} is not one of the node group ${nodes.group}; it is of ${listing(groups)}.`;
    found(detail, 'Name a listener of that group, or another group.', 'groups');
  }
  if (document.tenant !== undefined && tenants !== 'any' && !tenants.includes(document.tenant)) {
    const detail = `Listener ${name} is not open to tenant ${document.tenant}; it is to ${listing(tenants)}.`;
    const remedy = 'Name another listener, or ask the platform to add the tenant to `tenants`.';
    found(detail, remedy, 'tenants', undefined, 'not-allowed');
  }
  if (spoken === 'api') {
    found(`${speaks}: it is no socket.`, 'Name one that has an address and a port.', 'protocol');
  } else if ((spoken === 'udp') !== (protocol === 'udp')) {
    const remedy = `Write \`protocol: ${spoken === 'udp' ? 'udp' : 'tcp'}\`, or name another listener.`;
    found(`${speaks}, and the cluster ${protocol}.`, remedy, 'protocol', 'protocol');
  } else if (protocol !== 'tcp' && (spoken === 'https' || spoken === 'tls-passthrough')) {
    const detail = `${speaks}: it waits for TLS, and the cluster sends ${protocol} in the clear.`;
    found(detail, 'Write `protocol: tcp`, which passes on the TLS of the clients.', 'protocol', 'protocol');
  }
  if (proxyProtocol?.accept === 'required' && spec.proxyProtocol === null) {
    const remedy = 'Write `proxyProtocol: v2`.';
    found(`Listener ${name} takes only connections with a PROXY header.`, remedy, 'proxyProtocol', 'proxyProtocol');
  }
  // a tcp listener passes on whatever it is sent, this header too
  if (proxyProtocol === null && spec.proxyProtocol !== null && spoken !== 'tcp' && spoken !== 'api') {
    const detail = `Listener ${name} reads no PROXY headers: it would take one for what clients say.`;
    const remedy = 'Take it out, or write `proxyProtocol` there too.';
    found(detail, remedy, 'proxyProtocol', 'proxyProtocol');
  }
  return misfits;
}
