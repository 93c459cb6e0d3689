/** The hostile requests where a listener takes more than by default: only what it was told to take comes through. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProxy } from '../proxy-testing.ts';
import { clusterOf, httpChainOf } from '../testing.ts';
import { type Bench, deliverAll, plainConnect, readEntries } from './testing/hostile.ts';
import { startStrictUpstream } from './testing/strict-upstream.ts';

/** What the listeners below are told to take. */
const taken = ['request-line: version 1.0 with Host', 'header-syntax: underscore', 'header-syntax: __proto__'];
const all = ['http1-hostile.json', 'http1-hostile-own.json'].flatMap((file) => readEntries(file));
const entries = all.filter(({ name }) => !taken.includes(name));

let upstream: Bench['upstream'];
beforeAll(async () => {
  upstream = await startStrictUpstream();
});
afterAll(() => upstream.stop());

test('all of what is taken is among them', () => {
  expect(all.length - entries.length).toBe(taken.length);
});

describe.each(['keep', 'drop'] as const)('HTTP/1.0 is spoken, names with underscores: %s', (underscores) => {
  test.each([false, true])('the others have the right end (behind a good request: %s)', async (warm) => {
    const paths = { ...httpChainOf([]).paths, underscores, http10: { host: '' } };
    const proxy = await startProxy({ cluster: clusterOf([upstream.port]), chain: { paths } });
    const delivery = { connect: plainConnect, warm, cut: (bytes: Buffer) => [bytes] };
    expect(await deliverAll(entries, delivery, { proxy, upstream })).toEqual([]);
    expect(proxy.faults).toEqual([]);
    await proxy.stop();
  });
});
