/** The xDS types that a node asks for, in the order in which it asks. */
import { type XdsType, xdsTypeOf } from '../../proto/type-urls.ts';

export const nodeTypes = [
  'clusters',
  'endpoints',
  'listeners',
  'routes',
  'virtualHosts',
  'secrets',
] as const satisfies readonly XdsType[];

export type NodeType = (typeof nodeTypes)[number];

/** Undefined for a type that a node does not ask for. */
export function nodeTypeOf(url: string): NodeType | undefined {
  const type = xdsTypeOf(url);
  return nodeTypes.find((one) => one === type);
}
