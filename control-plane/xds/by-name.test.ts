/** What only gRPC's own clients use: whoever names it is served it, whoever asks for everything is spared it. */
import { expect, test } from 'vitest';
import { encode } from '../../proto/codec.ts';
import { buildSnapshot } from '../snapshot/build.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { hearDelta } from './delta.ts';
import { hearSotw } from './sotw.ts';
import { takeTurn } from './turn.ts';
import type { TypeState } from './type-state.ts';

function snapshotOf(listeners: Readonly<Record<string, 'open' | 'by name'>>, previous?: Snapshot): Snapshot {
  const list = Object.entries(listeners).map(([name, how]) => ({
    name,
    value: encode('envoy.config.listener.v3.Listener', { name }),
    byName: how === 'by name',
  }));
  return buildSnapshot('edge', 1, { clusters: [], endpoints: [], listeners: list, routes: [] }, previous);
}

function turn(variant: 'sotw' | 'delta', state: TypeState, snapshot: Snapshot) {
  const states = new Map([['listeners' as const, state]]);
  const writing = new Set<never>();
  const { effects, states: after } = takeTurn({
    ...{ variant, states, snapshot, writing, takesTtl: false },
    ...{ nowMs: 0, ackWaitMs: 0, removalWaitMs: 0, asksAtOnce: false, responses: 0, unackedNonces: 8 },
  });
  const said = effects.map((effect) =>
    effect.kind === 'send'
      ? { resources: effect.content.resources.map(({ name }) => name), removed: effect.content.removed }
      : effect.kind,
  );
  return { said, state: after.get('listeners')! };
}

function subscribed(variant: 'sotw' | 'delta', names: readonly string[]): TypeState {
  if (variant === 'sotw') return hearSotw('listeners', undefined, { names, nonce: '', error: undefined }).state;
  const request = { subscribe: names, unsubscribe: [], initialVersions: new Map(), nonce: '', error: undefined };
  return hearDelta('listeners', undefined, request).state;
}

const first = snapshotOf({ public: 'open', 'shop.example.com': 'by name' });

test.each(['sotw', 'delta'] as const)('%s: everything is what is open, and a change beside it is silent', (variant) => {
  const { said, state } = turn(variant, subscribed(variant, []), first);
  expect(said).toEqual([{ resources: ['public'], removed: [] }]);
  const more = snapshotOf({ public: 'open', 'shop.example.com': 'by name', 'more.example.com': 'by name' }, first);
  expect(turn(variant, state, more).said.filter((one) => typeof one !== 'string')).toEqual([]);
});

test.each(['sotw', 'delta'] as const)('%s: names are found among all, and followed', (variant) => {
  const { said, state } = turn(variant, subscribed(variant, ['shop.example.com', 'public']), first);
  expect(said).toEqual([{ resources: expect.arrayContaining(['public', 'shop.example.com']), removed: [] }]);
  const gone = snapshotOf({ public: 'open' }, first);
  const removal =
    variant === 'sotw' ? { resources: ['public'], removed: [] } : { resources: [], removed: ['shop.example.com'] };
  expect(turn(variant, state, gone).said).toEqual([removal]);
});

test('what was open and is only by name from now on is removed for who asked for everything', () => {
  const { state } = turn('delta', subscribed('delta', []), snapshotOf({ public: 'open', turning: 'open' }));
  expect(turn('delta', state, snapshotOf({ public: 'open', turning: 'by name' })).said).toEqual([
    { resources: [], removed: ['turning'] },
  ]);
});
