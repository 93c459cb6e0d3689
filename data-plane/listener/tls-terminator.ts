/** Ends TLS in front of a listener: sockets go in as they were accepted, and come out once their handshake is done. */
import { constants, type X509Certificate } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import { type Arrival, directArrival } from '../model/arrival.ts';
import type { ClientCertificatesConfig, TlsConfig } from '../model/config.ts';
import type { ListenerStats } from '../telemetry/stats.ts';
import { certificateChooser } from './certificates.ts';
import { isWelcome } from './client-certificate.ts';

export interface TlsTerminatorOptions {
  readonly config: TlsConfig;
  readonly stats: ListenerStats;
  /** Calls back once after so long; returns what takes that back. */
  readonly setDeadline: (timeoutMs: number, onDeadline: () => void) => () => void;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
  readonly onFault: (fault: unknown) => void;
  /** Gets each socket whose handshake is done. @param peer the client's certificate, which was verified; null: none */
  readonly onSecure: (socket: tls.TLSSocket, peer: X509Certificate | null, arrival: Arrival) => void;
}

const longestTimerMs = 2 ** 31 - 1;

interface Handshake {
  readonly socket: net.Socket;
  readonly arrival: Arrival;
  readonly end: () => void;
}

export class TlsTerminator {
  readonly #options: TlsTerminatorOptions;
  /** By the client's address and port: a secured socket does not say which one it was made from. */
  readonly #handshakes = new Map<string, Handshake>();
  #config: TlsConfig;
  #server: tls.Server;

  constructor(options: TlsTerminatorOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#server = this.#serverFor(options.config);
  }

  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** For the handshakes to come; connections that are open, or about to be, stay on what they began with. */
  update(config: TlsConfig): void {
    if (config === this.#config) return;
    this.#config = config;
    this.#server = this.#serverFor(config);
  }

  /** What was read of the socket and belongs to the handshake has been put back (`unshift`). */
  accept(socket: net.Socket, arrival: Arrival): void {
    const key = keyOf(socket);
    const takeBack = this.#options.setDeadline(this.#config.handshakeTimeoutMs, () => {
      this.#options.stats.cxTransportSocketConnectTimeout.value++;
      socket.destroy();
    });
    const end = (): void => {
      takeBack();
      socket.off('close', end);
      // another connection from there may have come since
      if (this.#handshakes.get(key)?.socket === socket) this.#handshakes.delete(key);
    };
    this.#handshakes.set(key, { socket, arrival, end });
    socket.on('error', () => {});
    socket.on('close', end);
    // documented: a server takes connections that it did not accept itself
    this.#server.emit('connection', socket);
  }

  /** Cuts the handshakes that are under way. */
  destroy(): void {
    for (const { socket } of [...this.#handshakes.values()]) socket.destroy();
  }

  #serverFor({ certificates, alpn, minVersion, maxVersion, client, ticketKeys }: TlsConfig): tls.Server {
    const common = {
      ...{ minVersion, maxVersion, secureOptions: constants.SSL_OP_NO_RENEGOTIATION },
      ...(client !== null && { ca: client.authorities, allowPartialTrustChain: true }),
    };
    const contexts = certificates.map(({ chain, key }) => tls.createSecureContext({ ...common, cert: chain, key }));
    const choose = certificateChooser(certificates.map(({ hosts }) => hosts));
    const [first] = certificates;
    const server = tls.createServer({
      ...{ ...common, cert: first?.chain, key: first?.key },
      // the terminator's own deadline is it
      handshakeTimeout: longestTimerMs,
      ...(client !== null && { requestCert: true, rejectUnauthorized: client.required }),
      ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
      ...(ticketKeys !== undefined && { ticketKeys: Buffer.from(ticketKeys) }),
      SNICallback: (serverName, done) => done(null, contexts[choose(serverName)]),
    });
    server.on('secureConnection', (socket) => this.#secured(socket, client));
    server.on('tlsClientError', (_, socket) => {
      this.#options.stats.sslConnectionError.value++;
      socket.destroy();
    });
    return server;
  }

  #secured(socket: tls.TLSSocket, client: ClientCertificatesConfig | null): void {
    const handshake = this.#handshakes.get(keyOf(socket));
    handshake?.end();
    try {
      const arrival = handshake?.arrival ?? directArrival(socket);
      const peer = client === null ? null : (socket.getPeerX509Certificate() ?? null);
      if (client !== null && !isWelcome(client, peer, socket.authorized, this.#options.wallClock())) {
        this.#options.stats.sslConnectionError.value++;
        socket.destroy();
        return;
      }
      this.#options.stats.sslHandshake.value++;
      const serverName = (socket.servername || '').toLowerCase();
      this.#options.onSecure(socket, peer, serverName === '' ? arrival : { ...arrival, serverName });
    } catch (fault) {
      this.#options.onFault(fault);
      socket.destroy();
    }
  }
}

function keyOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
