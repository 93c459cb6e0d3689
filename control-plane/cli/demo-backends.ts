/**
 * The services behind the demo, one port each: `node demo-backends.ts NAME=PORT…`. They answer every path with JSON that
 * says who answered and what arrived.
 */
import http from 'node:http';
import { stopWithParent } from './parent.ts';

stopWithParent(1_000);
process.on('SIGTERM', () => process.exit(0));

for (const argument of process.argv.slice(2)) {
  const [name = '', port = ''] = argument.split('=');
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    request.resume();
    request.on('end', () => {
      const body = JSON.stringify({ backend: name, port: Number(port), method, path: url, headers });
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) + 1 });
      response.end(`${body}\n`);
    });
  });
  // Longer than the proxies keep an idle connection, so that it is they who close it.
  server.keepAliveTimeout = 120_000;
  server.on('error', (error) => {
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(1);
  });
  server.listen(Number(port), '127.0.0.1');
}
