/** go-control-plane with the same routes (bench/peers/go-control-plane), as a process of its own. */

import { freePorts } from '../../e2e/support/ports.ts';
import { waitFor200 } from '../harness/ask.ts';
import type { Workbench } from '../harness/bench.ts';
import { requirePath } from '../harness/peer-path.ts';
import type { XdsServer } from './control-plane.ts';

export async function startGoControlPlane(
  { processes, cores }: Workbench,
  options: { readonly cache: 'linear' | 'snapshot'; readonly routes: number },
): Promise<XdsServer> {
  const [xdsPort = 0, adminPort = 0] = await freePorts(2);
  const name = `go-${options.cache}`;
  const [xds, admin] = [`127.0.0.1:${xdsPort}`, `127.0.0.1:${adminPort}`];
  const child = processes.start({
    name,
    command: requirePath('go-control-plane'),
    args: ['-cache', options.cache, '-routes', String(options.routes), '-xds', xds, '-admin', admin],
    core: cores.proxy,
  });
  await waitFor200(`http://${admin}/ready`, {
    timeoutMs: 10_000,
    assertAlive: () => processes.assertAlive(child, { name }),
  });
  return {
    target: xds,
    pid: child.pid ?? 0,
    change: async () => {
      const response = await fetch(`http://${admin}/change`, { method: 'POST' });
      const text = await response.text();
      if (!response.ok) throw new Error(`${name} did not change: ${text}`);
    },
    stop: () => processes.stop(child),
  };
}
