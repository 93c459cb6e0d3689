/** The REST server: settings, hooks and routes of it in one place. `buildApi` listens to nothing yet. */
import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Drains } from '../fleet/drains.ts';
import type { FleetView } from '../fleet/shared-fleet.ts';
import type { Placements } from '../model/placements.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { Store } from '../store/store.ts';
import type { RestDiscovery } from '../xds/rest.ts';
import { addApplyRoute } from './apply-route.ts';
import type { Authenticator } from './authenticate.ts';
import { guardRoutes } from './authorize.ts';
import { acceptBodies } from './bodies.ts';
import { addBootstrapRoutes, type MakeEnvoyBootstrap, type MakeGrpcBootstrap } from './bootstrap-route.ts';
import { addDiscoveryRoute } from './discovery-route.ts';
import { addDocumentRoutes } from './document-routes.ts';
import { addDrainRoutes } from './drain-routes.ts';
import { addFleetRoutes } from './fleet-routes.ts';
import { addHealthRoutes } from './health-routes.ts';
import { honourIdempotencyKeys } from './idempotency.ts';
import type { ApiLimits } from './limits.ts';
import { addLoadRoutes } from './load-routes.ts';
import type { Metrics } from './metrics.ts';
import { canonicalUrl } from './plurals.ts';
import { addReference, isReferencePath, referenceAccess } from './reference.ts';
import { answerBrokenRequest, answerRefusals, sendProblem } from './refusals.ts';
import type { ServedVersions } from './rollout.ts';
import type { RegisteredRoute } from './routes.ts';
import { addServiceRoutes } from './service-routes.ts';
import { addTokenRoutes } from './token-routes.ts';
import { unknownPath } from './unknown-paths.ts';

export interface ApiDependencies {
  readonly store: Store;
  readonly fleet: FleetView;
  /** Where its nodes serve. */
  readonly placements: Placements;
  /** Nodes that shall drain. */
  readonly drains: Pick<Drains, 'get' | 'order' | 'lift'>;
  readonly publisher: Publisher;
  readonly authenticator: Authenticator;
  /** What a group is being served, in versions. */
  readonly servedVersions: (group: string) => ServedVersions | undefined;
  readonly discovery: RestDiscovery;
  readonly makeEnvoyBootstrap: MakeEnvoyBootstrap;
  readonly makeGrpcBootstrap: MakeGrpcBootstrap;
  /** So that a bootstrap has to name the authority. */
  readonly xdsSpeaksTls: boolean;
  /** Why this replica cannot take writes and streams right now; empty if it can. */
  readonly readiness: () => readonly string[];
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly limits: ApiLimits;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export interface Api {
  readonly app: FastifyInstance;
  /** Every route that the server answers, as data. */
  readonly routes: readonly RegisteredRoute[];
}

export async function buildApi(dependencies: ApiDependencies): Promise<Api> {
  const { limits, logger, now } = dependencies;
  const routes: RegisteredRoute[] = [];
  // Requests are logged below, in one line each; of the framework only what went wrong is worth a line.
  const frameworkLog: FastifyBaseLogger = logger.child({}, { level: 'warn' });
  const app = Fastify({
    loggerInstance: frameworkLog,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: limits.smallBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: limits.headerBytes, headersTimeout: limits.headersTimeoutMs },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 128 },
    rewriteUrl: (request) => canonicalUrl(request.url ?? '/'),
    requestIdHeader: false,
    genReqId: (request) => acceptableId(request.headers['x-request-id']) ?? randomUUID(),
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, randomUUID()),
    frameworkErrors: (error, request, reply) => {
      app.errorHandler(error, request, reply);
    },
  });
  app.server.maxConnections = limits.connections;

  app.addHook('onRoute', (route) => {
    if (isReferencePath(route.url)) route.config = { ...route.config, access: referenceAccess };
    const access = route.config?.access;
    if (!access) throw new Error(`${String(route.method)} ${route.url} does not say who may call it (config.access)`);
    for (const method of [route.method].flat()) {
      if (method !== 'HEAD') {
        routes.push({ method, url: route.url, access, reference: route.config?.reference ?? null });
      }
    }
  });
  acceptBodies(app);
  answerRefusals(app);
  guardRoutes(app, dependencies.authenticator, dependencies.metrics);
  keepConnectionsClean(app, limits);
  honourIdempotencyKeys(app, { now, capacity: limits.idempotencyKeys, keepMs: limits.idempotencyKeepMs });
  observeRequests(app, dependencies);
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, request, unknownPath(request.method, request.url.split('?', 1)[0]!, routes));
  });

  addServiceRoutes(app, dependencies);
  addDocumentRoutes(app, dependencies);
  addApplyRoute(app, dependencies);
  addFleetRoutes(app, dependencies);
  addDrainRoutes(app, dependencies);
  addLoadRoutes(app, dependencies);
  addHealthRoutes(app, dependencies);
  addTokenRoutes(app, dependencies);
  addBootstrapRoutes(app, dependencies);
  await addDiscoveryRoute(app, dependencies);
  await addReference(app, routes, dependencies.version);
  await app.ready();
  return { app, routes };
}

/** A caller's own request id, if it is one that a log can hold. */
function acceptableId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w.:-]{1,64}$/.test(header) ? header : undefined;
}

/**
 * A refused body is read and thrown away, so that its sender sees the answer instead of a reset; a sender that asks
 * first (`Expect: 100-continue`) is not told to go on with a body that will be refused.
 */
function keepConnectionsClean(app: FastifyInstance, limits: ApiLimits): void {
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    const left = Number(request.headers['content-length'] ?? 0);
    if (reply.statusCode === 413 && left <= limits.drainBytes) reply.removeHeader('connection');
    return payload;
  });
  app.server.on('checkContinue', (request, response) => {
    if (Number(request.headers['content-length'] ?? 0) <= limits.applyBytes) response.writeContinue();
    app.server.emit('request', request, response);
  });
}

function observeRequests(app: FastifyInstance, { metrics, logger }: ApiDependencies): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    const { method } = request;
    metrics.requests.inc({ method, route, status: reply.statusCode });
    metrics.requestSeconds.observe({ method, route }, reply.elapsedTime / 1_000);
    const entry = {
      event: 'request',
      method,
      // Never the query: what people put there is nobody's business.
      path: request.url.split('?', 1)[0],
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      by: request.identity?.author,
      peer: request.ip,
      requestId: request.id,
    };
    // Probes and scrapes come every few seconds and would drown the rest.
    if (request.routeOptions.config.reference?.tag === 'service' && reply.statusCode < 400) logger.debug(entry);
    else logger.info(entry);
  });
}
