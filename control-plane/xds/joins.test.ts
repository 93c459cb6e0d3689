/** New streams on a real socket, when more come than are admitted at once. */
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import type { AdmissionLimits } from './admission.ts';
import { limits } from './limits.ts';
import { Harness } from './testing/harness.ts';
import type { Contents } from './testing/snapshots.ts';

const whole: Contents = { clusters: { a: 1 }, routes: { a: 1 } };

let harness: Harness;
let authorized: number;

async function start(joins: Partial<AdmissionLimits>, contents: Contents | undefined = whole): Promise<void> {
  authorized = 0;
  const authorize = async () => {
    authorized += 1;
    return { ok: true } as const;
  };
  harness = await Harness.start(contents, authorize, undefined, { joins: { ...limits.joins, ...joins } });
}

afterEach(() => harness.stop());

const waiting = async (count: number): Promise<void> => {
  while (harness.server.joins.waiting !== count) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  test('a stream waits until those before it have acknowledged their first answers; not even its token is looked at', async () => {
    await start({ inWork: 1 });
    const first = harness.open(variant).subscribe('clusters');
    const response = await first.next();
    const second = harness.open(variant).subscribe('clusters');
    await waiting(1);
    expect(authorized).toBe(1);
    first.answer(response);
    await second.take();
    expect(authorized).toBe(2);
  });

  test('those that are in are served while others wait', async () => {
    await start({ inWork: 1 });
    const member = harness.open(variant).subscribe('clusters');
    await member.take();
    const joining = harness.open(variant).subscribe('clusters');
    const response = await joining.next();
    const last = harness.open(variant).subscribe('clusters');
    await waiting(1);
    harness.publish({ ...whole, clusters: { a: 2 } });
    expect((await member.take()).resources).toEqual(['a']);
    expect(last.responses).toBe(0);
    joining.answer(response);
    await joining.take();
    await last.take();
  });

  test('who has nothing to be told holds nobody up: a name that does not exist', async () => {
    await start({ inWork: 1 }, { clusters: {} });
    const quiet = harness.open(variant).subscribe('routes', ['nowhere']);
    const next = harness.open(variant).subscribe('clusters');
    if (variant === 'delta') await quiet.take();
    await next.take();
  });

  test('who goes away while it waits leaves the queue', async () => {
    await start({ inWork: 1 });
    const first = harness.open(variant).subscribe('clusters');
    const response = await first.next();
    const second = harness.open(variant).subscribe('clusters');
    await waiting(1);
    second.cancel();
    await waiting(0);
    first.answer(response);
    await harness.settled(first);
    expect(authorized).toBe(1);
  });

  test('over the bound a stream is refused, with the reason and when to try again', async () => {
    await start({ inWork: 1, waiting: 1 });
    const first = harness.open(variant).subscribe('clusters');
    const response = await first.next();
    const second = harness.open(variant).subscribe('clusters');
    await waiting(1);
    const { code, details, metadata } = await harness.open(variant).subscribe('clusters').ended;
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toMatch(/^1 streams wait to join this replica already; try again in 3 s, or at another replica$/);
    expect(metadata.get('grpc-retry-pushback-ms')).toEqual(['3000']);
    first.answer(response);
    await second.take();
  });
});

test('two hundred that come at once are served without the clock moving', async () => {
  await start({ inWork: 50 });
  const connection = harness.connect();
  const streams = Array.from({ length: 200 }, () => connection.open('delta').subscribe('clusters'));
  await Promise.all(streams.map((stream) => stream.take()));
  expect(harness.timers.now()).toBe(0);
  expect(harness.server.joins.refused).toBe(0);
});
