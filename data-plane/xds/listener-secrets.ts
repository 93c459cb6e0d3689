/**
 * The last thing that a listener waits for: the certificates of its TLS, each a secret under a name of its own. There
 * is no stand-in for a certificate, so a listener is not opened before all of its own are there.
 */
import type { CertificateConfig, ListenerConfig } from '../model/config.ts';
import type { Subscribed, TlsResource } from './decode/resources.ts';
import type { Parts, SourceChanges } from './warmer.ts';

/** A listener that has its routes. */
export interface WarmListener extends Omit<ListenerConfig, 'tls'> {
  readonly tls: TlsResource | null;
}

interface Serving {
  readonly listener: WarmListener;
  readonly certificates: readonly CertificateConfig[];
  readonly config: ListenerConfig;
}

type Listeners = ReadonlyMap<string, WarmListener>;

export class ListenerSecrets {
  readonly #secrets: Parts<CertificateConfig>;
  /** What the newest form of each listener names, warm or not. */
  readonly #named = new Map<string, readonly Subscribed[]>();
  #serving: ReadonlyMap<string, Serving> = new Map();
  #asked: ReadonlySet<string> = new Set();
  #joined: Listeners = new Map();
  #configs: ReadonlyMap<string, ListenerConfig> = new Map();
  #changed = false;

  constructor(secrets: Parts<CertificateConfig>) {
    this.#secrets = secrets;
  }

  /** A listener came, changed, or went (undefined). */
  put(name: string, tls: TlsResource | null | undefined): void {
    this.#changed = true;
    if (tls) this.#named.set(name, tls.certificates);
    else this.#named.delete(name);
  }

  /** Secrets came, changed, or will not come. */
  secretsChanged(): void {
    this.#changed = true;
  }

  /** No certificate is still to come. */
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

  /** The newest form if all of its certificates are there, else the one that serves. */
  #formOf(listener: WarmListener, before: Serving | undefined): Serving | undefined {
    const names = (listener.tls?.certificates ?? []).map(({ name }) => name);
    if (names.some((name) => this.#secrets.missing(name) === 'expired')) return undefined;
    const certificates = names.flatMap((name) => this.#secrets.get(name) ?? []);
    if (certificates.length === names.length) return formOf(listener, certificates, before);
    // an older form takes renewed certificates as well, as long as it has all of them
    return before === undefined || before.listener === listener ? before : this.#formOf(before.listener, before);
  }

  /** Names to ask for, and to give back, since the last time. */
  takeSourceChanges(): SourceChanges {
    const serving = Array.from(this.#serving.values(), ({ listener }) => listener.tls?.certificates ?? []);
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

function formOf(
  listener: WarmListener,
  certificates: readonly CertificateConfig[],
  before: Serving | undefined,
): Serving {
  const isSame =
    before?.listener === listener &&
    before.certificates.length === certificates.length &&
    certificates.every((certificate, index) => certificate === before.certificates[index]);
  if (isSame) return before;
  const tls = listener.tls && Object.freeze({ ...listener.tls, certificates: Object.freeze(certificates) });
  return { listener, certificates, config: Object.freeze({ ...listener, tls }) };
}
