/** The upstream that all contenders share: nginx with a canned answer, which costs little and never changes. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts } from '../e2e/support/ports.ts';
import { nginxConfiguration, nginxVersion } from './contenders/nginx.ts';
import { type BenchRequest, type RouteTable, routedPrefix } from './contenders/route-table.ts';
import { waitFor200 } from './harness/ask.ts';
import { requirePath } from './harness/peer-path.ts';
import type { Processes } from './harness/processes.ts';

export interface BackendOptions {
  readonly processes: Processes;
  readonly folder: string;
  readonly core: number;
  readonly bodyBytes: number;
  /** Whose requests can also be asked for their features. */
  readonly table: RouteTable;
}

export interface Backend {
  readonly port: number;
  readonly version: string;
  /** What it answers to everything under the routed prefix. */
  readonly body: string;
}

/** Answers which of the headers that every contender has to add came in: `<x-forwarded-for> <x-request-id>`. */
export const featuresPath = ({ path }: BenchRequest): string => `${path}/features`;

/** nginx takes no longer text than this in its configuration; longer answers come from a file, kept open. */
const longestTextBytes = 2_048;

export async function startBackend(options: BackendOptions): Promise<Backend> {
  const [port = 0] = await freePorts(1);
  const body = 'x'.repeat(options.bodyBytes);
  const file = path.join(options.folder, 'answer');
  const config = path.join(options.folder, 'nginx.conf');
  writeFileSync(file, body);
  const answer =
    options.bodyBytes <= longestTextBytes
      ? `return 200 "${body}";`
      : `root ${options.folder}; try_files /answer =404; sendfile on; open_file_cache max=8; open_file_cache_valid 1h;`;
  const features = 'return 200 "$http_x_forwarded_for $http_x_request_id";';
  const http = `
  access_log off;
  client_max_body_size 0;
  client_body_buffer_size 64k;
  default_type application/json;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ${routedPrefix} { ${answer} }
    ${options.table.requests.map((request) => `location = ${featuresPath(request)} { ${features} }`).join('\n')}
  }`;
  writeFileSync(config, nginxConfiguration(options.folder, http));
  const child = options.processes.start({
    name: 'backend',
    command: requirePath('nginx'),
    args: ['-p', options.folder, '-e', 'stderr', '-c', config],
    core: options.core,
  });
  await waitFor200(`http://127.0.0.1:${port}${routedPrefix}`, {
    timeoutMs: 5_000,
    assertAlive: () => options.processes.assertAlive(child, { name: 'backend' }),
  });
  return { port, version: nginxVersion(), body };
}
