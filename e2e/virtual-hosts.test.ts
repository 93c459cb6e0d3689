/** Each host is a resource of its own for our node: hosts come, change and go, and nobody else's requests notice. */
import { afterAll, expect, test } from 'vitest';
import { Cleanup, request, startBackend, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

interface Dump {
  readonly configs: readonly {
    readonly dynamic_route_configs?: readonly {
      readonly route_config: { readonly vhds?: object; readonly virtual_hosts: readonly { readonly name: string }[] };
    }[];
  }[];
}

test('hosts come, change and go on their own, and no request for another host fails meanwhile', async () => {
  const controlPlane = await startControlPlane(cleanup);
  const [blue, green] = [await startBackend(cleanup, 'blue'), await startBackend(cleanup, 'green')];
  const cluster = (name: string, port: number) => `---
kind: Cluster
name: ${name}
spec: { endpoints: { address: 127.0.0.1, port: ${port} } }
`;
  const route = (name: string, to: string) => `---
kind: Route
name: ${name}
spec: { hosts: [${name}.example.com], to: { cluster: ${to} } }
`;
  await controlPlane.apply(`kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
${cluster('blue', blue.port)}${cluster('green', green.port)}${route('still', 'blue')}`);
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'n1');
  const port = await node.port('public');
  const ask = async (name: string) => {
    const { status, body } = await request(port, { path: '/', host: `${name}.example.com` });
    return status === 200 ? (JSON.parse(body) as { backend: string }).backend : String(status);
  };
  /** Until the host answers so; at each look, the other one has to be served. */
  const becomes = (name: string, expected: string) =>
    waitFor(`${name} to be ${expected}`, async () => {
      expect(await ask('still')).toBe('blue');
      return (await ask(name)) === expected ? true : undefined;
    });
  const hosts = async () => {
    const { configs } = (await (await fetch(`${node.admin}/config_dump`)).json()) as Dump;
    const [routes] = configs.flatMap(({ dynamic_route_configs = [] }) => dynamic_route_configs);
    expect(routes?.route_config.vhds).toBeDefined();
    return routes!.route_config.virtual_hosts.map(({ name }) => name);
  };
  for (let round = 0; round < 5; round++) {
    await controlPlane.apply(route('moving', 'blue'));
    await becomes('moving', 'blue');
    expect(await hosts()).toEqual(['public/still.example.com', 'public/moving.example.com']);
    await controlPlane.apply(route('moving', 'green'));
    await becomes('moving', 'green');
    await controlPlane.rest('DELETE', '/v1/routes/moving');
    await becomes('moving', '404');
    expect(await hosts()).toEqual(['public/still.example.com']);
  }
});
