/** A client and a stream's pure rules in conversation: requests in, what the server would send out. No I/O. */
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { hearDelta } from '../delta.ts';
import type { TypeStates } from '../order.ts';
import type { Variant, XdsType } from '../ports.ts';
import { hearSotw } from '../sotw.ts';
import { type Effect, takeTurn } from '../turn.ts';
import { type Contents, snapshotOf } from './snapshots.ts';

/** What a response carried. `removed` is left out where there is none. */
export interface Said {
  readonly type: XdsType;
  readonly resources: readonly string[];
  readonly removed?: readonly string[];
}

interface Sent extends Said {
  readonly nonce: string;
  readonly version: string;
}

interface SotwOptions {
  /** Default: the nonce of the type's newest response, or none. */
  readonly nonce?: string;
  readonly error?: string;
  /** What was taken last, perhaps on an earlier stream. */
  readonly version?: string;
}

interface DeltaOptions extends SotwOptions {
  readonly sub?: readonly string[];
  readonly unsub?: readonly string[];
  readonly irv?: Readonly<Record<string, string>>;
}

export class Conversation {
  readonly #variant: Variant;
  #states: TypeStates = new Map();
  #snapshot: Snapshot | undefined;
  #responses = 0;
  readonly #newest = new Map<XdsType, Sent>();
  /** The SotW client's own list of names. */
  readonly #lists = new Map<XdsType, readonly string[]>();
  /** Acknowledgements that the rules reported: `ack 1`, `nack 2`. */
  readonly verdicts: string[] = [];
  readonly writing = new Set<XdsType>();
  nowMs = 0;
  wakeAtMs: number | undefined;
  effects: readonly Effect[] = [];

  /** Milliseconds; 0: none. */
  resourceTtlMs = 0;
  takesTtl = false;
  asksAtOnce = false;

  constructor(variant: Variant, contents?: Contents, resourceTtlMs = 0) {
    this.#variant = variant;
    this.resourceTtlMs = resourceTtlMs;
    if (contents !== undefined) this.#snapshot = snapshotOf(contents, undefined, 'edge', resourceTtlMs);
  }

  get snapshot(): Snapshot {
    if (this.#snapshot === undefined) throw new Error('nothing was published');
    return this.#snapshot;
  }

  version(type: XdsType, name: string): string {
    return this.snapshot.types[type].resources.get(name)?.version ?? '';
  }

  newest(type: XdsType): Sent {
    const sent = this.#newest.get(type);
    if (sent === undefined) throw new Error(`no response of type ${type} was sent`);
    return sent;
  }

  publish(contents: Contents): Said[] {
    this.#snapshot = snapshotOf(contents, this.#snapshot, 'edge', this.resourceTtlMs);
    return this.turn();
  }

  /** A SotW request with its full list. */
  ask(type: XdsType, names: readonly string[], options: SotwOptions = {}): Said[] {
    return this.hear(type, names, options).turn();
  }

  /** As `ask`, without a turn after it: the request waits in the queue with others. */
  hear(type: XdsType, names: readonly string[], options: SotwOptions = {}): this {
    const { nonce = this.#nonceOf(type), error, version } = options;
    this.#lists.set(type, names);
    const heard = hearSotw(type, this.#states.get(type), { names, nonce, error, version });
    return this.#take(type, heard);
  }

  /** A delta request. Spontaneous (without a nonce) unless one is given. */
  change(type: XdsType, options: DeltaOptions = {}): Said[] {
    return this.hearChange(type, options).turn();
  }

  /** As `change`, without a turn after it. */
  hearChange(type: XdsType, { sub = [], unsub = [], irv = {}, nonce = '', error }: DeltaOptions = {}): this {
    const heard = hearDelta(type, this.#states.get(type), {
      subscribe: sub,
      unsubscribe: unsub,
      initialVersions: new Map(Object.entries(irv)),
      nonce,
      error,
    });
    return this.#take(type, heard);
  }

  /** Acknowledges the newest response of the type, with the names as they are. */
  ack(type: XdsType, error?: string): Said[] {
    const { nonce } = this.newest(type);
    const refusal = error === undefined ? {} : { error };
    if (this.#variant === 'delta') return this.change(type, { nonce, ...refusal });
    return this.ask(type, this.#lists.get(type) ?? [], { nonce, ...refusal });
  }

  /** What the heartbeats of the last turn confirmed. */
  get heartbeats(): Sent[] {
    return this.effects
      .filter((effect) => effect.kind === 'heartbeat')
      .map(({ type, nonce, content }) => ({
        type,
        nonce,
        version: content.version,
        resources: content.resources.map(({ name }) => name).sort(),
      }));
  }

  turn(): Said[] {
    if (this.#snapshot === undefined) return [];
    const turn = takeTurn({
      variant: this.#variant,
      takesTtl: this.takesTtl,
      states: this.#states,
      snapshot: this.#snapshot,
      nowMs: this.nowMs,
      ackWaitMs: 500,
      removalWaitMs: 15_000,
      asksAtOnce: this.asksAtOnce,
      writing: this.writing,
      responses: this.#responses,
      unackedNonces: 4,
    });
    this.#states = turn.states;
    this.wakeAtMs = turn.wakeAtMs;
    this.effects = turn.effects;
    const sent = turn.effects.filter((effect) => effect.kind === 'send');
    this.#responses += turn.effects.filter(({ kind }) => kind === 'send' || kind === 'heartbeat').length;
    return sent.map(({ type, nonce, content }) => {
      const { resources, removed, version } = content;
      const said = { type, resources: resources.map(({ name }) => name).sort() };
      const full = removed.length > 0 ? { ...said, removed: [...removed].sort() } : said;
      this.#newest.set(type, { ...full, nonce, version });
      return full;
    });
  }

  #take(type: XdsType, { state, verdict }: ReturnType<typeof hearDelta>): this {
    this.#states = new Map(this.#states).set(type, state);
    if (verdict !== undefined) this.verdicts.push(`${verdict.kind} ${verdict.response.nonce}`);
    return this;
  }

  #nonceOf(type: XdsType): string {
    return this.#newest.get(type)?.nonce ?? '';
  }
}
