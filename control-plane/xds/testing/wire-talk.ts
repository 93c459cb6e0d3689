/** A client on a real socket that asks about one type, on ADS or on the type's own service, and hears all that is said. */
import { isFullStateType, pushOrder, typeUrls } from '../../../proto/type-urls.ts';
import type { Variant, XdsType } from '../ports.ts';
import { Harness } from './harness.ts';
import { node, type RawStream, type Received } from './raw-client.ts';
import type { Contents } from './snapshots.ts';
import { ownServices } from './stream-path.ts';

/** Where a client asks about a type. */
export type Place = 'ads' | 'own service';

/** Every type that the variant has, wherever a client may ask about it. */
export function everywhere(variant: Variant, types: readonly XdsType[] = pushOrder): (readonly [XdsType, Place])[] {
  const own = types.filter((type) => ownServices(variant).includes(type));
  return own.flatMap((type) => [[type, 'ads'] as const, [type, 'own service'] as const]);
}

/** What a response carried, names sorted. `removed` is left out where there is none. */
export interface Told {
  readonly resources: readonly string[];
  readonly removed?: readonly string[];
}

export interface Answer {
  /** Default: the nonce of the newest response, or none. */
  readonly nonce?: string;
  readonly version?: string;
  readonly error?: string;
}

export interface Change extends Answer {
  readonly sub?: readonly string[];
  readonly unsub?: readonly string[];
  readonly irv?: Readonly<Record<string, string>>;
}

/** By name: content. */
export type Stored = Readonly<Record<string, number>>;

const markType = 'type.googleapis.com/example.Mark';

export class WireTalk {
  readonly harness: Harness;
  readonly #type: XdsType;
  readonly #variant: Variant;
  readonly #stream: RawStream;
  /** Another stream of the same connection: what it sends arrives behind what this client sent. */
  readonly #mark: RawStream;
  #taken = 0;
  #begun = false;
  #names: readonly string[] = [];
  #newest: Received | undefined;
  /** The nonce of the last request. */
  #answered = '';

  private constructor(harness: Harness, variant: Variant, type: XdsType, place: Place) {
    this.harness = harness;
    this.#type = type;
    this.#variant = variant;
    const connection = harness.connect();
    this.#stream = connection.open(variant, place === 'ads' ? 'ads' : type);
    this.#mark = connection.open('sotw').sotw({ node, type_url: markType });
  }

  /** `stored` undefined: the group does not exist yet. */
  static async start(variant: Variant, type: XdsType, place: Place, stored?: Stored): Promise<WireTalk> {
    const harness = await Harness.start(stored && ({ [type]: stored } as Contents));
    return new WireTalk(harness, variant, type, place);
  }

  get newest(): Received {
    if (this.#newest === undefined) throw new Error('nothing was said yet');
    return this.#newest;
  }

  /** The version of a resource as it is served. */
  version(name: string): string {
    return this.harness.cache.get('edge')?.types[this.#type].resources.get(name)?.version ?? '';
  }

  /** A request, state of the world; a list that is left out stays as it is. */
  ask(names: readonly string[] = this.#names, answer: Answer = {}): Promise<Told[]> {
    return this.hear(names, answer).said();
  }

  /** As `ask`, without waiting for anything: the next request follows on its heels. */
  hear(names: readonly string[], answer: Answer = {}): this {
    this.#names = names;
    this.#stream.sotw({ ...this.#common(answer), version_info: answer.version ?? '', resource_names: [...names] });
    return this;
  }

  /** An incremental request; spontaneous unless a nonce is given. */
  change({ sub = [], unsub = [], irv = {}, ...answer }: Change = {}): Promise<Told[]> {
    this.#stream.delta({
      ...this.#common({ nonce: '', ...answer }),
      resource_names_subscribe: [...sub],
      resource_names_unsubscribe: [...unsub],
      initial_resource_versions: { ...irv },
    });
    return this.said();
  }

  /** Takes the newest response, or refuses it. */
  ack(error?: string): Promise<Told[]> {
    const { nonce, version } = this.newest;
    const refusal = error === undefined ? {} : { error };
    if (this.#variant === 'delta') return this.change({ nonce, ...refusal });
    return this.ask(this.#names, { nonce, version, ...refusal });
  }

  /** A subscription in either variant: the first one of this client. */
  subscribe(names: readonly string[]): Promise<Told[]> {
    return this.#variant === 'sotw' ? this.ask(names) : this.change({ sub: names });
  }

  publish(stored: Stored): Promise<Told[]> {
    this.harness.publish({ [this.#type]: stored } as Contents);
    return this.said();
  }

  advance(ms: number): Promise<Told[]> {
    this.harness.timers.advance(ms);
    return this.said();
  }

  /** All that was said since the last call, once the server has dealt with everything that it was sent. */
  async said(): Promise<Told[]> {
    // twice: the first mark may overtake a turn that has just been put off
    await this.harness.settled(this.#mark);
    await this.harness.settled(this.#mark);
    const sent = this.harness.observer.lines.filter((line) => line.startsWith('sent ')).length;
    const told: Told[] = [];
    for (; this.#taken < sent; this.#taken++) {
      const response = await this.#stream.next();
      if (response.typeUrl !== typeUrls[this.#type]) throw new Error(`a response of type ${response.typeUrl}`);
      this.#newest = response;
      const { resources, removed } = response;
      told.push(removed.length === 0 ? { resources } : { resources, removed });
    }
    return told;
  }

  /** Acknowledges what has not been, then checks that nothing was answered for nothing. */
  async stop(): Promise<void> {
    if (this.#newest !== undefined && this.#newest.nonce !== this.#answered) {
      const more = await this.ack();
      if (more.length > 0) throw new Error(`an ACK was answered with ${JSON.stringify(more)}`);
    }
    await this.harness.stop();
  }

  #common({ nonce = this.#newest?.nonce ?? '', error }: Answer): {
    type_url: string;
    response_nonce: string;
    node?: typeof node;
    error_detail?: { code: number; message: string };
  } {
    const first = !this.#begun;
    this.#begun = true;
    if (nonce !== '') this.#answered = nonce;
    return {
      type_url: typeUrls[this.#type],
      response_nonce: nonce,
      ...(first && { node }),
      ...(error !== undefined && { error_detail: { code: 3, message: error } }),
    };
  }
}

/** What a change of `changed` tells a state-of-the-world client that holds `all`. */
export function stateOfWorld(type: XdsType, all: readonly string[], changed: readonly string[]): Told[] {
  return [{ resources: isFullStateType(type) ? all : changed }];
}
