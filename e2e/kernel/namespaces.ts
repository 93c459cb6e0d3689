/**
 * Network namespaces of one run: a client, the L4 node, and backends, each joined to the node by a wire of its own. Nothing
 * of it is in the namespace of the host, and all of it is gone with `remove`.
 */
import { spawnSync } from 'node:child_process';

export const backendCount = 4;

export interface Namespaces {
  readonly client: string;
  readonly node: string;
  readonly backends: readonly string[];
  remove(): void;
}

/** Of the node, as the client sees it. */
export const nodeAddress = { 4: '10.77.0.1', 6: 'fd77::1' } as const;

/** Of a backend, from 0. */
export function backendAddress(index: number, family: 4 | 6): string {
  return family === 4 ? `10.77.${index + 1}.2` : `fd77:${index + 1}::2`;
}

/** Throws with the system's own words. */
export function ip(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

export function createNamespaces(prefix: string): Namespaces {
  const names = { client: `${prefix}-client`, node: `${prefix}-l4` };
  const backends = Array.from({ length: backendCount }, (_, index) => `${prefix}-backend${index + 1}`);
  const all = [names.client, names.node, ...backends];
  const remove = (): void => {
    for (const name of all) spawnSync('ip', ['netns', 'del', name]);
  };
  try {
    for (const name of all) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    join(names.node, names.client, 'client', { 4: [nodeAddress[4], '10.77.0.2'], 6: [nodeAddress[6], 'fd77::2'] });
    for (const [index, backend] of backends.entries()) {
      join(names.node, backend, `backend${index + 1}`, {
        4: [`10.77.${index + 1}.1`, backendAddress(index, 4)],
        6: [`fd77:${index + 1}::1`, backendAddress(index, 6)],
      });
    }
    for (const setting of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']) {
      ip('netns', 'exec', names.node, 'sysctl', '-qw', setting);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { ...names, backends, remove };
}

/** @param addresses by family, of the node and of the other side */
function join(node: string, other: string, wire: string, addresses: Record<4 | 6, readonly [string, string]>): void {
  ip('link', 'add', wire, 'netns', node, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other);
  for (const [namespace, device, side] of [
    [node, wire, 0],
    [other, 'eth0', 1],
  ] as const) {
    ip('-n', namespace, 'addr', 'add', `${addresses[4][side]}/24`, 'dev', device);
    ip('-n', namespace, 'addr', 'add', `${addresses[6][side]}/64`, 'dev', device, 'nodad');
    ip('-n', namespace, 'link', 'set', device, 'up');
  }
  ip('-n', other, 'route', 'add', 'default', 'via', addresses[4][0]);
  ip('-n', other, '-6', 'route', 'add', 'default', 'via', addresses[6][0]);
}
