/** Which nodes of the fleet serve, and where others reach them. Pure. */
import { isIP } from 'node:net';
import type { DocumentSet } from '../model/document-set.ts';
import type { NodeView } from './node.ts';
import type { ListenerPlace, Sighting } from './places.ts';

/** `isOut`: a node that shall drain. */
export function sightingsOf(
  nodes: readonly NodeView[],
  documents: DocumentSet,
  isOut: (node: string) => boolean,
): Sighting[] {
  return nodes.flatMap((node) => {
    const listeners = boundOf(node, documents);
    if (listeners === undefined) return [];
    const host = hostOf(node.peer);
    return {
      group: node.group,
      node: node.id,
      zone: node.zone,
      draining: node.phase === 'leaving' || isOut(node.id),
      listeners: listeners.flatMap(({ name, address, port }): ListenerPlace[] => {
        const reached = isEveryAddress(address) ? host : address;
        return reached === undefined ? [] : [{ name, address: reached, port }];
      }),
    };
  });
}

/** It said that it leaves, and is gone. */
export function hasLeft({ connected, phase }: NodeView): boolean {
  return !connected && phase === 'leaving';
}

/** Undefined: it does not serve, as far as is known. */
function boundOf(node: NodeView, documents: DocumentSet): readonly ListenerPlace[] | undefined {
  if (!node.connected || node.phase === 'initializing') return undefined;
  if (node.phase !== undefined) return node.listeners ?? [];
  // an Envoy says nothing of itself but that it has taken its listeners; gRPC's clients listen at nothing
  const isEnvoy = node.userAgent.startsWith('envoy');
  return isEnvoy && node.types.listeners?.acknowledgedVersion ? writtenOf(node.group, documents) : undefined;
}

function writtenOf(group: string, documents: DocumentSet): ListenerPlace[] {
  return [...documents.all('Listener')].flatMap(({ document: { name }, spec }) => {
    const { groups, protocol, address, port } = spec;
    return groups.includes(group) && protocol !== 'api' && port !== 0 ? [{ name, address, port }] : [];
  });
}

function isEveryAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Of `address:port` as sockets say it, without the form of an IPv4 address inside IPv6; undefined for anything else. */
function hostOf(peer: string): string | undefined {
  const host = peer.slice(0, peer.lastIndexOf(':')).replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(host) === 0 ? undefined : host;
}
