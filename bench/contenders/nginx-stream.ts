/** nginx below HTTP, for `l4`, `udp` and `kernel`. */
import { existsSync } from 'node:fs';
import { missingPeer } from '../harness/peer-path.ts';
import type { HttpContender, Site } from './contender.ts';
import { jsonLogFormat, nginxProcess, startNginx } from './nginx.ts';

/** Where Debian's package libnginx-mod-stream puts it. */
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

export function missingStream(): string | undefined {
  const missing = missingPeer('nginx');
  if (missing !== undefined || existsSync(streamModule)) return missing;
  return 'without its stream module; Debian has it in libnginx-mod-stream';
}

/** A configuration around what stands inside `stream`. */
export function nginxStream(folder: string, stream: string, connections?: number): string {
  return `load_module ${streamModule};
${nginxProcess(folder, connections)}
stream {
${stream}
}
`;
}

interface StreamServer {
  /** Behind the address that it listens at: `udp`, `backlog=4096`. */
  readonly listen: string;
  /** Beside the endpoint. */
  readonly settings: string;
  /** Fields of its log, beside those of all. */
  readonly logs?: readonly string[];
  readonly connections?: number;
}

/** One server, one endpoint, and a line of access log for each connection or session. */
export function nginxL4({ listen, settings, logs = [], connections }: StreamServer): HttpContender {
  const configuration = ({ folder, port, backendPort }: Site, accessLog: string): string =>
    nginxStream(
      folder,
      `
  ${jsonLogFormat([...logFields, ...logs])}
  access_log ${accessLog} json buffer=64k flush=1s;
  server {
    listen 127.0.0.1:${port} ${listen};
    proxy_pass 127.0.0.1:${backendPort};
    ${settings}
  }`,
      connections,
    );
  return {
    name: 'nginx',
    missing: missingStream,
    start: (site) => startNginx(site, (accessLog) => configuration(site, accessLog)),
  };
}

const counts = ['bytes_sent', 'bytes_received', 'session_time'];
const logFields = ['time_iso8601', 'remote_addr', 'status', ...counts, 'upstream_addr'];
