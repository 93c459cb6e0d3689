/** What a request asks of the choice of its endpoint, and what its answer tells the client of that choice. */
import type { MutableHash64 } from '../../proto/hashing/hash64.ts';
import { type CookieMint, hashDigits } from '../route/hash-policies.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { Session } from '../route/sticky-session.ts';
import type { CompiledRoute } from '../route/table.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { PickAsk } from '../upstream/pick-ask.ts';
import type { Downstream } from './downstream.ts';
import type { HttpShared } from './http-context.ts';
import type { RequestTarget } from './request-target.ts';

type Subset = Readonly<Record<string, string>>;

const noHosts: readonly Host[] = [];
const noCookies: readonly string[] = [];
const noDrops: ReadonlySet<string> = new Set();

/** Used again for the next request. */
export class RequestAsk implements PickAsk, CookieMint {
  hash: MutableHash64 | null = null;
  subset: Subset | null = null;
  bound = '';
  boundOnly = false;
  tried: readonly Host[] = noHosts;
  hostSelections = 0;
  readonly #client: Pick<Downstream, 'address' | 'localAddress'>;
  /** Null: none was ever made. */
  #hash: MutableHash64 | null = null;
  #minted: readonly string[] = noCookies;
  /** Null: the request has nothing to do with one. */
  #session: Session | null = null;
  /** Where the client says that it belongs, whatever became of it. */
  #told = '';

  constructor(client: Pick<Downstream, 'address' | 'localAddress'>) {
    this.#client = client;
  }

  /** Nothing is asked. */
  clear(): void {
    this.hash = null;
    this.subset = null;
    this.bound = '';
    this.boundOnly = false;
    this.tried = noHosts;
    this.hostSelections = 0;
    this.#minted = noCookies;
    this.#session = null;
    this.#told = '';
  }

  /** Before the request is rewritten. */
  readSession(session: Session, target: RequestTarget, { wallClock, sessionKeys }: HttpShared): void {
    if (!session.applies(target)) return;
    this.#session = session;
    this.#told = session.bound(target, wallClock(), sessionKeys);
    this.bound = this.#told;
    this.boundOnly = session.strict && this.#told !== '';
  }

  /** Once it is rewritten. As in Envoy a hash is made, and a cookie, only where something goes by it. */
  readHash({ hash }: CompiledRoute, target: RequestTarget, cluster: Cluster): void {
    if (hash === null || !goesByHash(cluster)) return;
    this.#hash ??= { high: 0, low: 0 };
    this.hash = hash(target, this, this.#hash) ? this.#hash : null;
  }

  /** The try at this endpoint has failed. As in Envoy the next one may be anywhere. */
  notAgain(host: Host, hostSelections: number): void {
    this.tried = [...this.tried, host];
    this.hostSelections = hostSelections;
    this.bound = '';
    this.boundOnly = false;
  }

  /** Another cluster takes the request, of which the client is to know nothing. */
  leave(): void {
    this.subset = null;
    this.bound = '';
    this.boundOnly = false;
    this.tried = noHosts;
    this.#session = null;
  }

  newValue(): string {
    return hashDigits(this.#client.address + this.#client.localAddress);
  }

  setCookie(text: string): void {
    this.#minted = [...this.#minted, text];
  }

  /**
   * With what the client is told: new cookies, from which the route may take its headers away as from the endpoint's own,
   * and where it belongs, unless it said so itself.
   */
  changesOf(route: HeaderChanges | null, host: Host, shared: HttpShared): HeaderChanges | null {
    const moved = this.#session !== null && host.key !== this.#told;
    if (this.#minted.length === 0 && !moved) return route;
    const { added, drops } = route ?? { added: [], drops: noDrops };
    const minted = drops.has('set-cookie') ? noCookies : this.#minted;
    const all = [...minted.map((text) => ['set-cookie', text] as const), ...added];
    if (!moved) return { added: all, drops };
    const { header, replaces } = this.#session!;
    const own = header(host.key, shared.wallClock(), shared.sessionKeys);
    if (own === null) return { added: all, drops };
    const [name] = own;
    if (!replaces) return { added: [...all, own], drops };
    return { added: [...all.filter(([other]) => other !== name), own], drops: new Set([...drops, name]) };
  }
}

function goesByHash({ config }: Cluster): boolean {
  const { type } = config.balance.policy;
  return type === 'ring-hash' || type === 'maglev';
}
