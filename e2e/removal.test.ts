/** Everything is taken away by one `POST /v1/apply?prune=true`, and given back, under real ADS clients of both variants. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawClient, type RawStream, type Received } from '../control-plane/xds/testing/raw-client.ts';
import { isFullStateType, typeUrls, type XdsType, xdsTypeOf } from '../proto/type-urls.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';

const rounds = 3;
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

/** As Envoy: all clusters and their endpoints, all listeners and the routes that are called as they are. */
class Subscriber {
  readonly #stream: RawStream;
  readonly #variant: 'sotw' | 'delta';
  readonly held: Record<string, Set<string>> = {};
  /** Types in the order in which they were told of. */
  readonly told: XdsType[] = [];
  readonly #names = new Map<XdsType, readonly string[]>();

  constructor(client: RawClient, variant: 'sotw' | 'delta', token: string) {
    this.#variant = variant;
    this.#stream = client.open(variant, 'ads', token);
    const node = { id: variant, cluster: 'edge' };
    for (const type_url of [typeUrls.clusters, typeUrls.listeners]) {
      if (variant === 'sotw') this.#stream.sotw({ node, type_url });
      else this.#stream.delta({ node, type_url });
    }
    void this.#listen();
  }

  holds(type: XdsType): string[] {
    return [...(this.held[type] ?? [])].sort();
  }

  async #listen(): Promise<void> {
    for (;;) this.#take(await this.#stream.next());
  }

  #take(response: Received): void {
    const type = xdsTypeOf(response.typeUrl);
    if (type === undefined) throw new Error(`a response of type ${response.typeUrl}`);
    this.told.push(type);
    const before = this.#variant === 'sotw' && isFullStateType(type) ? [] : (this.held[type] ?? []);
    const held = new Set([...before, ...response.resources]);
    for (const name of response.removed) held.delete(name);
    this.held[type] = held;
    this.#stream.answer(response);
    if (type === 'clusters') this.#follow('endpoints', this.holds(type));
    if (type === 'listeners') this.#follow('routes', this.holds(type));
  }

  #follow(type: XdsType, names: readonly string[]): void {
    const before = this.#names.get(type) ?? [];
    this.#names.set(type, names);
    this.held[type] = new Set(this.holds(type).filter((name) => names.includes(name)));
    const added = names.filter((name) => !before.includes(name));
    const dropped = before.filter((name) => !names.includes(name));
    if (added.length === 0 && dropped.length === 0) return;
    if (this.#variant === 'sotw') this.#stream.follow(type, names);
    else {
      const lists = { resource_names_subscribe: added, resource_names_unsubscribe: dropped };
      this.#stream.delta({ type_url: typeUrls[type], ...lists });
    }
  }
}

const group = '{ kind: NodeGroup, name: edge }\n---\n';

describe.each([
  ['but the group itself', group],
  ['and the group with it', '---\n'],
])('everything %s', (_what, left) => {
  let controlPlane: ControlPlaneProcess;
  let everything = '';

  beforeAll(async () => {
    controlPlane = await startControlPlane(cleanup);
    const backend = await startBackend(cleanup, 'a');
    const clusters = ['a', 'b', 'c'].map(
      (name) => `{ kind: Cluster, name: ${name}, spec: { endpoints: { address: 127.0.0.1, port: ${backend.port} } } }
---
{ kind: Route, name: ${name}, spec: { hosts: [${name}.example.com], to: { cluster: ${name} } } }
---
`,
    );
    everything = `${group}{ kind: Listener, name: public, spec: { groups: [edge], address: 127.0.0.1, port: 0 } }
---
${clusters.join('')}`;
  });

  test('40. 46. 55. goes and comes back, in order, and no client hangs', async () => {
    await controlPlane.apply(everything);
    const token = await controlPlane.nodeToken('edge');
    const [host = '', port = ''] = controlPlane.xds.split(':');
    const client = new RawClient({ host, port: Number(port) });
    cleanup.add(async () => client.close());
    const subscribers = (['sotw', 'delta'] as const).map(
      (variant) => [variant, new Subscriber(client, variant, token)] as const,
    );
    const node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
    for (let round = 1; round <= rounds; round++) {
      for (const [variant, subscriber] of subscribers) {
        await waitFor(`all of it at the ${variant} client in round ${round}`, () =>
          subscriber.holds('endpoints').length === 3 && subscriber.holds('routes').length === 1 ? true : undefined,
        );
        subscriber.told.length = 0;
      }
      await waitFor('the listener', () => node.port('public').catch(() => undefined));

      await controlPlane.rest('POST', '/v1/apply?prune=true', left);
      for (const [variant, subscriber] of subscribers) {
        await waitFor(`the ${variant} client to hold nothing in round ${round}`, () =>
          subscriber.holds('clusters').length === 0 && subscriber.holds('listeners').length === 0 ? true : undefined,
        );
        const [first] = subscriber.told;
        expect(first, `what the ${variant} client is told first`).toBe('listeners');
        expect(subscriber.told.filter(isFullStateType)).toEqual(['listeners', 'clusters']);
      }
      await waitFor('our node to close its listener', async () =>
        (await node.port('public').catch(() => 0)) === 0 ? true : undefined,
      );
      for (const id of ['sotw', 'delta', 'ours']) {
        await waitFor(`node ${id} to be synced in round ${round}`, async () => {
          const { types } = await controlPlane.rest<{ types: Record<string, { state: string }> }>(
            'GET',
            `/v1/nodes/${id}`,
          );
          return Object.values(types).every(({ state }) => state === 'synced') ? true : undefined;
        });
      }
      await controlPlane.apply(everything);
    }
  });
});
