/** The xDS server: sockets in front, discovery services behind. */
import net from 'node:net';
import type { Method } from '../grpc/method.ts';
import { GrpcServer } from '../grpc/server.ts';
import type { SnapshotSource } from '../snapshot/snapshot.ts';
import { Admission, type AdmissionLimits, type AdmissionStats } from './admission.ts';
import { type CallPorts, DiscoveryCall } from './call.ts';
import { FanOut } from './fan-out.ts';
import { HealthService } from './health-service.ts';
import { InFlight } from './in-flight.ts';
import { limits } from './limits.ts';
import { loadService } from './load-service.ts';
import { nodeReportsService } from './node-reports-service.ts';
import { nodeStateService } from './node-state-service.ts';
import type {
  AuthorizeStatus,
  AuthorizeStream,
  ClientElsewhere,
  HealthObserver,
  LoadObserver,
  PeerCertificate,
  StateObserver,
  StreamObserver,
  Timers,
  XdsLogger,
} from './ports.ts';
import { SecureFront } from './secure-front.ts';
import { streamKinds } from './services.ts';
import { type LoadOfOthers, type SheddableConnection, Shedder, type SheddingLimits } from './shedder.ts';
import { StatusService } from './status-service.ts';
import type { TlsFiles } from './tls-files.ts';

export interface XdsServerOptions {
  /** `port` 0: any free one. */
  readonly address: { readonly host: string; readonly port: number };
  /** Undefined: plain. */
  readonly tls?: TlsFiles | undefined;
  readonly source: SnapshotSource;
  readonly authorize: AuthorizeStream;
  readonly authorizeStatus: AuthorizeStatus;
  readonly observer: StreamObserver;
  readonly loads: LoadObserver;
  readonly healths: HealthObserver;
  readonly states: StateObserver;
  /** For client status: as in StatusPorts. */
  readonly elsewhere: () => Iterable<ClientElsewhere>;
  readonly timers: Timers;
  /** Of what the connections do below the streams (keep-alive); default: `timers`. */
  readonly transportTimers?: Timers;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly logger?: XdsLogger;
  /** Of new streams. */
  readonly joins?: AdmissionLimits;
  /** Undefined: there are no other replicas. */
  readonly others?: LoadOfOthers | undefined;
  readonly shedding?: SheddingLimits;
  /** For health checks: this replica takes streams, and what it serves is current. Default: always. */
  readonly isServing?: () => boolean;
}

export interface XdsServer {
  /** What is really bound. */
  readonly address: { readonly host: string; readonly port: number };
  /** New streams: how many are in work, how many wait. */
  readonly joins: AdmissionStats;
  /** Nodes that were sent to other replicas since the start. */
  readonly nodesShed: number;
  /** Ends every stream without an error, then every connection; those still there after `graceMs` are cut. */
  close(graceMs: number): Promise<void>;
}

/** The address cannot be listened on. */
export class XdsServerError extends Error {
  readonly code: 'address-in-use' | 'address-unavailable' | 'permission-denied' | 'failed';
  readonly remedy: string;
  constructor(code: XdsServerError['code'], message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'XdsServerError';
    this.code = code;
    this.remedy = remedy;
  }
}

const silent: XdsLogger = { debug() {}, info() {}, warn() {}, error() {} };

/** Rejects with {@link XdsServerError} or TlsFilesError. */
export async function startXdsServer(options: XdsServerOptions): Promise<XdsServer> {
  const { source, authorize, authorizeStatus, observer, loads, healths, states, elsewhere, timers } = options;
  const { now = Date.now, logger = silent, isServing = () => true } = options;
  const secure = options.tls && (await SecureFront.open(options.tls, { timers, logger, now }));
  const certificateOf = (peer: string): PeerCertificate | undefined => secure?.certificateOf(peer);
  const { random = Math.random, joins = limits.joins } = options;
  const admission = new Admission(joins, timers, random);
  const calls = new Set<DiscoveryCall>();
  let streams = 0;
  const inFlight = new InFlight(limits.inFlight, timers);
  const ports: CallPorts = {
    source,
    authorize,
    certificateOf,
    observer,
    timers,
    now,
    logger,
    admission,
    inFlight,
    fanOut: new FanOut(limits.streamsPerTurn, inFlight),
    nextStreamId: () => ++streams,
  };

  const discovery = Object.entries(streamKinds).map(([path, kind]): [string, Method] => [
    path,
    (call) => {
      const opened = new DiscoveryCall(call, kind, ports, () => calls.delete(opened));
      calls.add(opened);
      return opened;
    },
  ]);
  const clientStatus = new StatusService({
    authorize: authorizeStatus,
    elsewhere,
    certificateOf,
    subscribers: () => [...calls].flatMap(({ subscriber }) => subscriber ?? []),
    logger,
  });
  const ofNodes = { source, authorize, certificateOf, timers, logger };
  const loadReports = loadService({ ...ofNodes, observer: loads });
  const nodeReports = nodeReportsService({ ...ofNodes, observer: healths });
  const nodeStates = nodeStateService({ authorize, certificateOf, timers, logger, observer: states });
  const services = new Set(['', ...Object.keys(streamKinds).map((path) => path.split('/')[1] ?? '')]);
  const health = new HealthService({ isServing: isServing, services, timers });
  const grpc = new GrpcServer({
    methods: new Map([
      ...discovery,
      ...clientStatus.methods,
      ...loadReports.methods,
      ...nodeReports.methods,
      ...nodeStates.methods,
      ...health.methods,
    ]),
    limits: limits.grpc,
    timers: options.transportTimers ?? timers,
    onFault: (err, path) => logger.error({ err, path }, 'a call failed'),
  });

  // a listener of our own says exactly why it cannot listen, and knows its connections
  const sockets = new Set<net.Socket>();
  const serve = (socket: net.Socket): void => grpc.serve(socket);
  const listener = secure?.listener(serve) ?? net.createServer({ noDelay: true }, serve);
  listener.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  listener.maxConnections = limits.connections;
  listener.on('drop', () => logger.warn({ connections: limits.connections }, 'xDS connection refused: too many'));

  const address = await listen(listener, options.address).catch((error) => {
    secure?.close();
    throw error;
  });
  const shedder = new Shedder(options.shedding ?? limits.shedding, {
    ...{ others: options.others ?? (() => undefined), connections, timers, random, logger },
  });
  if (options.others !== undefined) shedder.start();
  return {
    address,
    get joins() {
      return admission.stats;
    },
    get nodesShed() {
      return shedder.nodes;
    },
    close,
  };

  function connections(): SheddableConnection[] {
    const byPeer = Map.groupBy(calls, ({ peer }) => peer);
    return Array.from(byPeer, ([peer, its]) => ({
      peer,
      nodes: new Set(its.flatMap(({ subscriber }) => subscriber?.info.node.id ?? [])),
      goAway: () => sendAway(peer, its),
    }));
  }

  function sendAway(peer: string, its: readonly DiscoveryCall[]): void {
    // a GOAWAY first, so that the client opens its next streams elsewhere
    if (!grpc.goAway(peer)) return;
    for (const call of its) call.end();
    timers.after(limits.goAwayGraceMs, () => grpc.cut(peer));
  }

  async function close(graceMs: number): Promise<void> {
    shedder.close();
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    for (const call of calls) call.end();
    clientStatus.end();
    loadReports.end();
    nodeReports.end();
    nodeStates.end();
    health.end();
    secure?.close();
    grpc.drain();
    const cancel = timers.after(graceMs, () => {
      for (const socket of sockets) socket.destroy();
    });
    await closed;
    cancel();
  }
}

async function listen(listener: net.Server, address: XdsServerOptions['address']): Promise<XdsServer['address']> {
  await new Promise<void>((resolve, reject) => {
    listener.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, address)));
    listener.listen({ host: address.host, port: address.port }, () => resolve());
  });
  const bound = listener.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP listener has no port');
  return { host: address.host, port: bound.port };
}

function explain(error: NodeJS.ErrnoException, { host, port }: XdsServerOptions['address']): XdsServerError {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const refused = (code: XdsServerError['code'], why: string, remedy: string): XdsServerError =>
    new XdsServerError(code, `the xDS server cannot listen on ${where}: ${why}`, remedy, { cause: error });
  switch (error.code) {
    case 'EADDRINUSE':
      return refused(
        'address-in-use',
        'the port is in use',
        'Stop the process that holds it, or choose another port with FAIRLEAD_XDS (--xds); port 0 takes a free one.',
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return refused(
        'address-unavailable',
        'this machine does not have that address',
        'Set FAIRLEAD_XDS (--xds) to an address of this machine, for example 127.0.0.1:7071 or 0.0.0.0:7071.',
      );
    case 'EACCES':
      return refused(
        'permission-denied',
        'this user may not bind that port',
        'Choose a port above 1023 with FAIRLEAD_XDS (--xds).',
      );
    default:
      return refused('failed', error.message, 'Set FAIRLEAD_XDS (--xds) to another address.');
  }
}
