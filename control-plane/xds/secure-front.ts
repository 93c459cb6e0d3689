/**
 * TLS in front of the xDS port. A client may present a certificate; one that is not trusted does not end the connection,
 * but every stream on it is refused with the reason, so that both logs say it. Files that change are taken up for
 * connections to come; those that are there stay.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { limits } from './limits.ts';
import { expired, presentedBy } from './peer-certificate.ts';
import type { PeerCertificate, Timers, XdsLogger } from './ports.ts';
import { checkTlsMaterial, isSameMaterial, readTlsFiles, type TlsFiles, type TlsMaterial } from './tls-files.ts';

interface SecureFrontPorts {
  readonly timers: Timers;
  readonly logger: XdsLogger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class SecureFront {
  readonly #files: TlsFiles;
  readonly #ports: SecureFrontPorts;
  readonly #server: tls.Server;
  /** Of the connections whose client presented one, by address and port of the client. */
  readonly #certificates = new Map<string, NonNullable<ReturnType<typeof presentedBy>>>();
  #material: TlsMaterial;
  #fault: string | undefined;
  #cancelReread: () => void = () => {};
  #closed = false;

  /** Rejects with TlsFilesError. */
  static async open(files: TlsFiles, ports: SecureFrontPorts): Promise<SecureFront> {
    const material = await readTlsFiles(files);
    const front = new SecureFront(files, material, ports);
    front.#warnOfEnd(checkTlsMaterial(files, material));
    front.#rereadLater();
    return front;
  }

  private constructor(files: TlsFiles, material: TlsMaterial, ports: SecureFrontPorts) {
    this.#files = files;
    this.#ports = ports;
    this.#material = material;
    this.#server = tls.createServer({
      ...contextOf(material),
      ALPNProtocols: ['h2'],
      requestCert: files.clientCa !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
      noDelay: true,
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => this.#handshakeFailed(error, socket));
  }

  /** Calls `serve` with every connection over which HTTP/2 may be spoken. */
  listener(serve: (socket: Socket) => void): tls.Server {
    return this.#server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol !== 'h2') {
        this.#ports.logger.warn(
          { peer: peerOf(socket) },
          'xDS connection refused: the client did not offer HTTP/2 (ALPN h2), which gRPC needs',
        );
        socket.on('error', () => {});
        socket.destroy();
        return;
      }
      this.#remember(socket);
      serve(socket);
    });
  }

  /** @param peer address and port of a connected client, as gRPC writes them */
  certificateOf(peer: string): PeerCertificate | undefined {
    const presented = this.#certificates.get(peer);
    if (presented === undefined) return undefined;
    return presented.validToMs <= this.#ports.now() ? expired : presented.certificate;
  }

  /** Stops looking at the files. */
  close(): void {
    this.#closed = true;
    this.#cancelReread();
  }

  #remember(socket: tls.TLSSocket): void {
    const presented = presentedBy(socket);
    if (presented === undefined) return;
    const peer = peerOf(socket);
    this.#certificates.set(peer, presented);
    socket.once('close', () => this.#certificates.delete(peer));
  }

  #handshakeFailed(error: NodeJS.ErrnoException, socket: tls.TLSSocket): void {
    const { code = '' } = error;
    // whoever only looks whether the port is open
    if (code === 'ECONNRESET') return;
    this.#ports.logger.warn({ peer: peerOf(socket), code }, `xDS connection refused: ${whyNoHandshake(error)}`);
  }

  #rereadLater(): void {
    this.#cancelReread = this.#ports.timers.after(limits.tlsRereadMs, () => {
      void this.#reread().then(() => {
        if (!this.#closed) this.#rereadLater();
      });
    });
  }

  async #reread(): Promise<void> {
    const { cert, key, clientCa } = this.#files;
    try {
      const material = await readTlsFiles(this.#files);
      if (this.#closed) return;
      if (!isSameMaterial(material, this.#material)) {
        const validToMs = checkTlsMaterial(this.#files, material);
        this.#server.setSecureContext(contextOf(material));
        this.#material = material;
        const until = new Date(validToMs).toISOString();
        this.#ports.logger.info(
          { cert, key, clientCa, until },
          'renewed xDS certificates are taken for new connections',
        );
        this.#warnOfEnd(validToMs);
      }
      this.#fault = undefined;
    } catch (err) {
      const { message, remedy = '' } = err as Error & { remedy?: string };
      if (message === this.#fault) return;
      this.#fault = message;
      this.#ports.logger.error(
        { err, cert, key, clientCa },
        `renewed xDS certificates are not taken, those before stay in use: ${message} ${remedy}`.trimEnd(),
      );
    }
  }

  #warnOfEnd(validToMs: number): void {
    if (validToMs > this.#ports.now()) return;
    const until = new Date(validToMs).toISOString();
    this.#ports.logger.error(
      { cert: this.#files.cert, until },
      'the xDS certificate has expired: no client will trust it',
    );
  }
}

function contextOf({ cert, key, clientCa }: TlsMaterial): tls.SecureContextOptions {
  return { cert, key, ...(clientCa !== undefined && { ca: clientCa }), minVersion: 'TLSv1.2' };
}

function peerOf({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

function whyNoHandshake({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return 'the client does not speak TLS; give it the authority of this server (a node: --xds-ca; fairlead bootstrap: --xds-ca)';
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN':
      return `the client does not trust this server's certificate; give it the authority that signed it (${message.trim()})`;
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return `no TLS handshake within ${limits.handshakeMs / 1000} s`;
    default:
      return `the TLS handshake failed (${message.trim()})`;
  }
}
