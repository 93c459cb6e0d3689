/**
 * `npm run kernel`: the kernel datapath in network namespaces of its own: a client, the node, four backends. Needs root, and
 * the programs ip (iproute2) and nft (nftables). Prints each promise, and ends with 1 where one does not hold.
 */
import { Cleanup } from '../support/fairlead.ts';
import { requirePeer } from '../support/peers.ts';
import { placeForeignTable, promises, type Scene, startServing } from './promises.ts';
import { World } from './world.ts';

if (process.getuid?.() !== 0) {
  console.error('network namespaces need root: sudo npm run kernel');
  process.exit(1);
}
if (requirePeer('nft') === undefined || requirePeer('ip') === undefined) process.exit(1);

const cleanup = new Cleanup();
const failed: string[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanup.run().then(() => process.exit(1)));
}
try {
  const world = new World(`fairlead-kernel-${process.pid}`, cleanup);
  const checkForeign = placeForeignTable(world);
  await world.startBackends();
  const client = await world.startClient();
  const local = await world.startClient(world.namespaces.node);
  const scene: Scene = { world, client, local, node: world.startNode() };
  await scene.node.end('SIGKILL');
  await startServing(scene);
  const last = { law: "somebody else's table is as it was, byte for byte", show: async () => checkForeign() };
  for (const { law, show } of [...promises, last]) {
    try {
      await show(scene);
      console.log(`  ok  ${law}`);
    } catch (error) {
      failed.push(law);
      console.log(`FAIL  ${law}\n      ${(error as Error).message}\n${scene.node.log()}`);
    }
  }
} finally {
  await cleanup.run();
}
console.log(failed.length === 0 ? `all ${promises.length + 1} promises hold` : `${failed.length} promises do not hold`);
process.exit(failed.length === 0 ? 0 : 1);
