/** A service that demands certificates of its clients, behind TLS that is not ended: it sees the client's own. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { makeCertificate } from '../support/certificates.ts';
import type { Cleanup } from '../support/fairlead.ts';
import { sameText } from './same.ts';

export const serviceHost = 'vault.db.example.com';
const bytes = 16 * 1024 * 1024;

const authority = makeCertificate({ hosts: [], commonName: 'authority', authority: true });
const client = makeCertificate({ hosts: ['till-7.example.com'], issuer: authority });
const service = makeCertificate({ hosts: [serviceHost], issuer: authority });

/** Says who its client is, then sends back what comes. */
export async function startService(cleanup: Cleanup): Promise<number> {
  const server = tls.createServer(
    {
      cert: service.certificate,
      key: service.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => {
      socket.on('error', () => {});
      socket.write(`${socket.getPeerCertificate().subject.CN}\n`);
      socket.pipe(socket);
    },
  );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => void server.close());
  return (server.address() as AddressInfo).port;
}

export async function checkMutualTls(port: number): Promise<string> {
  const place = { port, host: '127.0.0.1', servername: serviceHost, ca: authority.certificate };
  const socket = tls.connect({ ...place, cert: client.certificate, key: client.key });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'secureConnect');
  sameText(`${socket.authorized} ${socket.getPeerCertificate().subject.CN}`, `true ${serviceHost}`, 'the certificate');
  const sent = randomBytes(bytes);
  socket.end(sent);
  await once(socket, 'end');
  const heard = Buffer.concat(chunks);
  const line = heard.indexOf('\n');
  sameText(heard.subarray(0, line).toString(), 'till-7.example.com', "the client's name");
  sameText(digest(heard.subarray(line + 1)), digest(sent), 'bytes');
  const without = tls.connect(place);
  without.resume();
  const refused = await new Promise<string>((resolve) => {
    without.once('error', ({ message }) => resolve(message));
    without.once('close', () => resolve('closed'));
  });
  return `${bytes >> 20} MB both ways, the client's own certificate at the service; without one: ${refused.split('\n')[0]}`;
}

function digest(data: Buffer): string {
  return `${data.length} ${createHash('sha256').update(data).digest('hex')}`;
}
