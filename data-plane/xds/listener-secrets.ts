/**
 * The last thing that a listener waits for: the certificates of its TLS, and the authorities of its clients', each a
 * secret under a name of its own. There is no stand-in for them, so a listener is not opened before all of its own are
 * there.
 */
import type { ListenerConfig, TlsConfig } from '../model/config.ts';
import type { SecretResource, Subscribed, TlsResource } from './decode/resources.ts';
import type { Parts, SourceChanges } from './warmer.ts';

/** A listener that has its routes. */
export interface WarmListener extends Omit<ListenerConfig, 'tls'> {
  readonly tls: TlsResource | null;
}

interface Serving {
  readonly listener: WarmListener;
  readonly secrets: readonly SecretResource[];
  readonly config: ListenerConfig;
}

type Listeners = ReadonlyMap<string, WarmListener>;

export class ListenerSecrets {
  readonly #secrets: Parts<SecretResource>;
  /** What the newest form of each listener names, warm or not. */
  readonly #named = new Map<string, readonly Subscribed[]>();
  #serving: ReadonlyMap<string, Serving> = new Map();
  #asked: ReadonlySet<string> = new Set();
  #joined: Listeners = new Map();
  #configs: ReadonlyMap<string, ListenerConfig> = new Map();
  #changed = false;

  constructor(secrets: Parts<SecretResource>) {
    this.#secrets = secrets;
  }

  /** A listener came, changed, or went (undefined). */
  put(name: string, tls: TlsResource | null | undefined): void {
    this.#changed = true;
    if (tls) this.#named.set(name, secretsOf(tls));
    else this.#named.delete(name);
  }

  /** Secrets came, changed, or will not come. */
  secretsChanged(): void {
    this.#changed = true;
  }

  /** No secret is still to come. */
  get settled(): boolean {
    return [...this.#named.values()].flat().every(({ name }) => this.#isAnswered(name));
  }

  #isAnswered(name: string): boolean {
    return this.#secrets.get(name) !== undefined || this.#secrets.missing(name) !== undefined;
  }

  /** Of `listeners` those that may serve; the same object as before if nothing changed. */
  join(listeners: Listeners): ReadonlyMap<string, ListenerConfig> {
    if (listeners === this.#joined && !this.#changed) return this.#configs;
    this.#joined = listeners;
    this.#changed = false;
    const serving = new Map<string, Serving>();
    for (const [name, listener] of listeners) {
      const form = this.#formOf(listener, this.#serving.get(name));
      if (form !== undefined) serving.set(name, form);
    }
    const before = this.#serving;
    this.#serving = serving;
    const same = serving.size === before.size && [...serving].every(([name, form]) => before.get(name) === form);
    if (!same) this.#configs = new Map(Array.from(serving, ([name, { config }]) => [name, config]));
    return this.#configs;
  }

  /** The newest form if all of its secrets are there, else the one that serves. */
  #formOf(listener: WarmListener, before: Serving | undefined): Serving | undefined {
    const names = secretsOf(listener.tls).map(({ name }) => name);
    if (names.some((name) => this.#secrets.missing(name) === 'expired')) return undefined;
    const secrets = names.flatMap((name) => this.#secrets.get(name) ?? []);
    const form = secrets.length === names.length ? formOf(listener, secrets, before) : undefined;
    if (form !== undefined) return form;
    // an older form takes renewed secrets as well, as long as it has all of them
    return before === undefined || before.listener === listener ? before : this.#formOf(before.listener, before);
  }

  /** Names to ask for, and to give back, since the last time. */
  takeSourceChanges(): SourceChanges {
    const serving = Array.from(this.#serving.values(), ({ listener }) => secretsOf(listener.tls));
    const wanted = new Set([...this.#named.values(), ...serving].flat().map(({ name }) => name));
    const asked = this.#asked;
    this.#asked = wanted;
    return {
      added: [...wanted].filter((name) => !asked.has(name)),
      removed: [...asked].filter((name) => !wanted.has(name)),
    };
  }

  /** How long to wait for a secret (see {@link Subscribed}). */
  fetchTimeoutMs(name: string): number | null {
    const found = [...this.#named.values()].flat().find((source) => source.name === name);
    return found?.fetchTimeoutMs ?? null;
  }
}

/** In the order in which {@link tlsWith} takes them. */
function secretsOf(tls: TlsResource | null): readonly Subscribed[] {
  if (tls === null) return [];
  return tls.client === null ? tls.certificates : [...tls.certificates, tls.client.authorities];
}

/** Undefined: one of the secrets is not of the kind that is needed. */
function formOf(
  listener: WarmListener,
  secrets: readonly SecretResource[],
  before: Serving | undefined,
): Serving | undefined {
  const isSame =
    before?.listener === listener &&
    before.secrets.length === secrets.length &&
    secrets.every((secret, index) => secret === before.secrets[index]);
  if (isSame) return before;
  const tls = listener.tls && tlsWith(listener.tls, secrets);
  return tls === undefined ? undefined : { listener, secrets, config: Object.freeze({ ...listener, tls }) };
}

function tlsWith(tls: TlsResource, secrets: readonly SecretResource[]): TlsConfig | undefined {
  const pairs = secrets.slice(0, tls.certificates.length);
  const certificates = pairs.flatMap((secret) => ('key' in secret ? [secret] : []));
  if (certificates.length < pairs.length) return undefined;
  if (tls.client === null) return Object.freeze({ ...tls, certificates: Object.freeze(certificates), client: null });
  const signers = secrets.at(-1);
  if (signers === undefined || !('authorities' in signers)) return undefined;
  const client = Object.freeze({ ...tls.client, authorities: signers.authorities });
  return Object.freeze({ ...tls, certificates: Object.freeze(certificates), client });
}
