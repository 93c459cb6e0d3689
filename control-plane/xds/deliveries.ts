/**
 * What became of the news that a stream sent of one type: what awaits an answer, what was refused and why. Whatever is
 * in neither was accepted, so this stays small however much a client holds. A plain value, changed by pure functions.
 */
import type { Content } from './type-state.ts';

export interface Refusal {
  /** Of what was refused: a resource, or a type as a whole. */
  readonly version: string;
  /** In the client's words. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

export interface Deliveries {
  /** Responses without an answer, oldest first. */
  readonly pending: readonly { readonly nonce: string; readonly content: Content }[];
  /** By name, until the client accepts the resource in any version. */
  readonly refused: ReadonlyMap<string, Refusal>;
}

export const noDeliveries: Deliveries = { pending: [], refused: new Map() };

/** At most `remembered` responses are kept, as with the nonces. */
export function afterSent(before: Deliveries, nonce: string, content: Content, remembered: number): Deliveries {
  return { ...before, pending: [...before.pending, { nonce, content }].slice(-remembered) };
}

/** An acknowledgement stands for the responses before it as well. */
export function afterAck(before: Deliveries, nonce: string): Deliveries {
  const at = before.pending.findIndex((response) => response.nonce === nonce);
  if (at < 0) return before;
  const pending = before.pending.slice(at + 1);
  if (before.refused.size === 0) return { ...before, pending };
  const refused = new Map(before.refused);
  for (const { content } of before.pending.slice(0, at + 1)) {
    for (const { name } of content.resources) refused.delete(name);
    for (const name of content.removed) refused.delete(name);
  }
  return { pending, refused };
}

/** The whole response is refused, but of what it repeated the client keeps what it has: only its news is lost. */
export function afterNack(before: Deliveries, nonce: string, reason: string, atMs: number): Deliveries {
  const at = before.pending.findIndex((response) => response.nonce === nonce);
  const response = before.pending[at];
  if (response === undefined) return before;
  const refused = new Map(before.refused);
  const { news, removed } = response.content;
  for (const { name, version } of news) refused.set(name, { version, reason, atMs });
  for (const name of removed) refused.delete(name);
  return { pending: before.pending.slice(at + 1), refused };
}
