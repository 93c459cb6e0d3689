/** What a change of clusters would do to those who use them, told before it is made. */
import type { Hash64, MutableHash64 } from '../../proto/hashing/hash64.ts';
import { TextBytes } from '../../proto/hashing/text-bytes.ts';
import { xxHash64 } from '../../proto/hashing/xx-hash64.ts';
import type { ClusterSpec } from '../model/specs.ts';
import { type Keys, type KeysPlan, planKeys } from './keys.ts';
import { type Level, levelsOf } from './levels.ts';
import { limits } from './limits.ts';
import { loadsOf, mayFail } from './panic.ts';

export interface ClusterChange {
  readonly tenant?: string | undefined;
  readonly name: string;
  /** Null: there was none of the name. */
  readonly before: ClusterSpec | null;
  readonly after: ClusterSpec;
  /** Endpoints that nodes report as such, `ip:port`. */
  readonly unwell: ReadonlySet<string>;
}

export interface ClusterPreview {
  readonly cluster: string;
  /** Absent: of the platform. */
  readonly tenant?: string;
  /** Share of the keys that go to another endpoint, as `12.3%`; only where a hashing policy stays one. */
  readonly movedKeys?: string;
  /** Of hashing policies only. */
  readonly skew?: SkewPreview;
  /** True: the tables of this request are too large to be built for a preview. */
  readonly tablesLeftOut?: true;
  readonly panic: PanicPreview;
}

/** What the most and the least loaded endpoint get of their fair part, as `104.2%`. */
export interface SkewPreview {
  readonly most: EndpointLoad;
  readonly least: EndpointLoad;
}

export interface EndpointLoad {
  readonly endpoint: string;
  readonly load: string;
}

export interface PanicPreview {
  readonly threshold: string;
  /** The change itself puts a priority into panic. */
  readonly crosses: boolean;
  readonly priorities: readonly PriorityPreview[];
}

export interface PriorityPreview {
  readonly priority: number;
  readonly endpoints: number;
  readonly well: number;
  readonly inPanic: boolean;
  /** Of the well ones, until it is in panic; `before` is absent where there was no such priority. */
  readonly mayFail: { readonly before?: number; readonly after: number };
}

type Steps<T> = Generator<undefined, T, undefined>;

/** Takes a few milliseconds at a time. @param nextTurn resolves once others had their turn */
export async function previewClusters(
  changes: readonly ClusterChange[],
  nextTurn: () => Promise<void>,
): Promise<ClusterPreview[]> {
  const previews: ClusterPreview[] = [];
  let room: number = limits.tableEntries;
  for (const change of changes) {
    const { tenant, name, before, after, unwell } = change;
    const levels = levelsOf(after, unwell);
    const levelsBefore = before === null ? null : levelsOf(before, unwell);
    const plan = planKeys(after, levels);
    const planBefore = before === null ? null : planKeys(before, levelsBefore!);
    const entries = (plan?.entries ?? 0) + (plan === null ? 0 : (planBefore?.entries ?? 0));
    const fits = entries <= room;
    if (fits) room -= entries;
    const keys = plan === null || !fits ? null : await inTurns(previewKeys(plan, planBefore), nextTurn);
    previews.push({
      cluster: name,
      ...(tenant !== undefined && { tenant }),
      ...keys,
      ...(!fits && { tablesLeftOut: true as const }),
      panic: panicPreview(after, levels, before, levelsBefore),
    });
  }
  return previews;
}

async function inTurns<T>(steps: Steps<T>, nextTurn: () => Promise<void>): Promise<T> {
  for (let taken = 1; ; taken++) {
    const step = steps.next();
    if (step.done) return step.value;
    if (taken % limits.stepsATurn === 0) await nextTurn();
  }
}

function* previewKeys(plan: KeysPlan, planBefore: KeysPlan | null): Steps<Pick<ClusterPreview, 'movedKeys' | 'skew'>> {
  const keys = yield* plan.steps();
  const skew = skewOf(keys);
  if (planBefore === null) return skew;
  const keysBefore = yield* planBefore.steps();
  let moved = 0;
  let asked = 0;
  for (const hash of sampleHashes()) {
    if (keys.endpointOf(hash) !== keysBefore.endpointOf(hash)) moved++;
    if (++asked % 1_000 === 0) yield;
  }
  return { movedKeys: percentOf(moved / asked), ...skew };
}

function* sampleHashes(): Generator<Hash64, void, undefined> {
  const text = new TextBytes();
  const hash: MutableHash64 = { high: 0, low: 0 };
  const prefix = text.putLatin1('key-');
  for (let key = 0; key < limits.keys; key++) {
    xxHash64(text.bytes, text.putDigits(prefix, key), hash);
    yield hash;
  }
}

function skewOf({ loads }: Keys): Pick<ClusterPreview, 'skew'> {
  const [first] = loads;
  if (first === undefined) return {};
  let most = first;
  let least = first;
  for (const one of loads) {
    if (one.load > most.load) most = one;
    if (one.load < least.load) least = one;
  }
  const shown = ({ endpoint, load }: Keys['loads'][number]): EndpointLoad => ({ endpoint, load: percentOf(load) });
  return { skew: { most: shown(most), least: shown(least) } };
}

function panicPreview(
  { balance }: ClusterSpec,
  levels: readonly Level[],
  before: ClusterSpec | null,
  levelsBefore: readonly Level[] | null,
): PanicPreview {
  const panic = loadsOf(levels, balance).panic;
  const failing = mayFail(levels, balance);
  const was = new Map<number, { readonly inPanic: boolean; readonly mayFail: number }>();
  if (before !== null && levelsBefore !== null) {
    const panicBefore = loadsOf(levelsBefore, before.balance).panic;
    const failingBefore = mayFail(levelsBefore, before.balance);
    levelsBefore.forEach(({ priority }, index) => {
      was.set(priority, { inPanic: panicBefore[index]!, mayFail: failingBefore[index]! });
    });
  }
  return {
    threshold: `${balance.panicPercent}%`,
    crosses: levels.some(({ priority }, index) => panic[index] && was.get(priority)?.inPanic !== true),
    priorities: levels.map(({ priority, endpoints, well }, index) => {
      const known = was.get(priority);
      return {
        priority,
        endpoints: endpoints.length,
        well: well.length,
        inPanic: panic[index]!,
        mayFail: { ...(known !== undefined && { before: known.mayFail }), after: failing[index]! },
      };
    }),
  };
}

function percentOf(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
