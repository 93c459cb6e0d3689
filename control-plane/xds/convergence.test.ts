/** Many random histories: whatever happens in between, no client ever holds a route into nothing, and all end current. */
import { expect, test } from 'vitest';
import { referencesOf } from '../snapshot/references.ts';
import type { EncodedResource } from '../snapshot/snapshot.ts';
import type { Variant } from './ports.ts';
import { Conversation } from './testing/conversation.ts';
import { SimulatedClient } from './testing/simulated-client.ts';
import type { Contents } from './testing/snapshots.ts';

const clusterNames = ['a', 'b', 'c', 'd'];
const steps = 150;

/** Mulberry32. */
function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function randomContents(random: () => number, maybeNothing: boolean): Contents {
  const any = (max: number): number => 1 + Math.floor(random() * max);
  const present = clusterNames.filter(() => random() < 0.6);
  const ofEach = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, any(2)]));
  if (present.length === 0 && maybeNothing) return {};
  if (present.length === 0) present.push('a');
  return {
    clusters: ofEach(present),
    endpoints: ofEach(present),
    listeners: { public: any(2) },
    routes: { public: present.filter(() => random() < 0.5).join(' ') || `${present[0]}` },
  };
}

function expectNoRouteIntoNothing(client: SimulatedClient): void {
  for (const routes of client.held.routes.values()) {
    // without the listener the routes are not in use
    if (!client.held.listeners.has('public')) continue;
    for (const cluster of referencesOf('routes', routes).clusters) {
      expect(client.held.clusters.has(cluster), `cluster ${cluster}, which the routes name, is held`).toBe(true);
    }
  }
}

function versionsOf(resources: ReadonlyMap<string, EncodedResource>): Record<string, string> {
  return Object.fromEntries(Array.from(resources.values(), ({ name, version }) => [name, version]));
}

function liveThrough(variant: Variant, seed: number): void {
  const random = randomOf(seed);
  // The wait for an answer has an end. So a client either answers in time, and may refuse routes and lose everything,
  // or it is slow.
  const inTime = seed % 2 === 0;
  const talk = new Conversation(variant, randomContents(random, inTime));
  const client = new SimulatedClient(variant, talk);
  const happen = [
    () => client.receive(false),
    () => client.receive(inTime && client.inbox[0]?.type === 'routes'),
    () => client.outbox.shift()?.(),
    () => talk.publish(randomContents(random, inTime)),
    () => {
      if (!inTime) talk.nowMs += Math.floor(random() * 400);
      talk.turn();
    },
  ];
  const likely = [0.35, 0.4, 0.8, 0.9, 1];
  for (let step = 0; step < steps; step++) {
    const dice = random();
    happen[likely.findIndex((limit) => dice < limit)]?.();
    client.collect();
    expectNoRouteIntoNothing(client);
  }

  talk.publish({
    clusters: { a: 9, b: 9 },
    endpoints: { a: 9, b: 9 },
    listeners: { public: 9 },
    routes: { public: 'b a' },
  });
  client.collect();
  for (let quiet = 0; quiet < 4; ) {
    if (client.inbox.length > 0) client.receive(false);
    else if (client.outbox.length > 0) client.outbox.shift()?.();
    else {
      quiet += 1;
      talk.nowMs += 500;
      talk.turn();
      client.collect();
    }
    expectNoRouteIntoNothing(client);
  }
  for (const type of ['clusters', 'endpoints', 'listeners', 'routes'] as const) {
    expect(versionsOf(client.held[type]), type).toEqual(versionsOf(talk.snapshot.types[type].resources));
  }
  expect(client.requests).toBeGreaterThan(client.responses);
}

test.each(['sotw', 'delta'] as const)(
  '46. every history leaves a %s client whole at each step and current at its end',
  (variant) => {
    const base = Number(process.env['SEED'] ?? 0);
    for (let seed = base; seed < base + 150; seed++) {
      try {
        liveThrough(variant, seed);
      } catch (error) {
        throw new Error(`with SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  },
);
