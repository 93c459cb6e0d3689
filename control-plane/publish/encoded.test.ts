/** What a change costs is counted, and does not grow with what did not change. */
import { expect, test } from 'vitest';
import type { XdsType } from '../../proto/type-urls.ts';
import { SnapshotCache } from '../snapshot/cache.ts';
import { typed } from '../translate/testing.ts';
import { Publisher } from './publisher.ts';
import { ManualTimers, MemoryLogger, Replica, TestPlacements } from './testing.ts';

const clusterAt = (index: number, address: string) =>
  typed('Cluster', `c${index}`, { endpoints: [{ address, port: 80 }] });

test.each([5, 200])(
  'endpoints that move encode two resources (theirs and the cluster), with %i clusters beside them',
  (count) => {
    const replica = new Replica();
    const encoded: XdsType[] = [];
    const publisher = new Publisher({
      store: replica,
      placements: new TestPlacements(),
      cache: new SnapshotCache(),
      timers: new ManualTimers(),
      limits: { quietMs: 0, atMostMs: 0 },
      logger: new MemoryLogger(),
      onEncoded: (type) => encoded.push(type),
    });
    const numbers = Array.from({ length: count }, (_, index) => index);
    replica.put(
      typed('NodeGroup', 'edge', { tier: 'l7' }),
      typed('Listener', 'public', { groups: ['edge'], port: 8080, protocol: 'http' }),
      ...numbers.map((index) => clusterAt(index, '10.0.0.1')),
      ...numbers.map((index) =>
        typed('Route', `r${index}`, { hosts: [`h${index}.example.com`], to: { cluster: `c${index}` } }),
      ),
    );
    publisher.start();
    expect(encoded.filter((type) => type === 'clusters')).toHaveLength(count);
    encoded.length = 0;
    replica.put(clusterAt(0, '10.0.0.2'));
    expect(encoded).toEqual(['clusters', 'endpoints']);
    publisher.close();
  },
);
