/**
 * A client as Envoy is one: all clusters and their endpoints, all listeners and the routes that are called as they are.
 * Messages travel in order, in both directions, as fast as the test lets them.
 */
import { isFullStateType, ofEachType } from '../../../proto/type-urls.ts';
import type { EncodedResource } from '../../snapshot/snapshot.ts';
import type { Variant, XdsType } from '../ports.ts';
import type { Effect } from '../turn.ts';
import type { Conversation } from './conversation.ts';

type Response = Extract<Effect, { kind: 'send' }>;

/** What a client asks for once it has another type. */
const followers: { readonly [T in XdsType]?: XdsType } = { clusters: 'endpoints', listeners: 'routes' };

export class SimulatedClient {
  readonly #variant: Variant;
  readonly #talk: Conversation;
  readonly held: Record<XdsType, Map<string, EncodedResource>> = ofEachType(() => new Map());
  /** Wanted by name. */
  readonly #names: Record<XdsType, readonly string[]> = ofEachType(() => []);
  readonly #nonces = new Map<XdsType, string>();
  /** On their way to the client. */
  readonly inbox: Response[] = [];
  /** On their way to the server. */
  readonly outbox: (() => void)[] = [];
  requests = 0;
  responses = 0;

  constructor(variant: Variant, talk: Conversation) {
    this.#variant = variant;
    this.#talk = talk;
    this.#send('clusters', {});
    this.#send('listeners', {});
  }

  /** What the server's turn just sent gets on its way. */
  collect(): void {
    for (const effect of this.#talk.effects) if (effect.kind === 'send') this.inbox.push(effect);
    this.#talk.effects = [];
  }

  /** The next response reaches the client, which takes it whole or refuses it whole. */
  receive(refuses: boolean): void {
    const response = this.inbox.shift();
    if (response === undefined) return;
    this.responses += 1;
    const { type, nonce } = response;
    this.#nonces.set(type, nonce);
    if (!refuses) this.#apply(response);
    this.#send(type, { nonce, ...(refuses ? { error: 'refused' } : {}) });
    const follower = followers[type];
    if (follower !== undefined && !refuses) this.#follow(follower, [...this.held[type].keys()].sort());
  }

  #apply({ type, content }: Response): void {
    const held = this.held[type];
    if (this.#variant === 'sotw' && isFullStateType(type)) held.clear();
    const isWanted = (name: string): boolean => isFullStateType(type) || this.#names[type].includes(name);
    // what was not asked for, or no longer, is passed over (xds-client-cases.md, 10)
    for (const resource of content.resources) if (isWanted(resource.name)) held.set(resource.name, resource);
    for (const name of content.removed) held.delete(name);
  }

  #follow(type: XdsType, names: readonly string[]): void {
    const before = this.#names[type];
    const sub = names.filter((name) => !before.includes(name));
    const unsub = before.filter((name) => !names.includes(name));
    if (sub.length === 0 && unsub.length === 0) return;
    this.#names[type] = names;
    for (const name of unsub) this.held[type].delete(name);
    const nonce = this.#variant === 'sotw' ? this.#nonces.get(type) : undefined;
    this.#send(type, { sub, unsub, ...(nonce === undefined ? {} : { nonce }) });
  }

  /** Puts a request on its way; a SotW one with the full list. */
  #send(type: XdsType, request: { nonce?: string; error?: string; sub?: string[]; unsub?: string[] }): void {
    const names = this.#names[type];
    const { nonce = '', error } = request;
    this.outbox.push(() => {
      this.requests += 1;
      if (this.#variant === 'delta') this.#talk.change(type, request);
      else this.#talk.ask(type, names, { nonce, ...(error === undefined ? {} : { error }) });
      this.collect();
    });
  }
}
