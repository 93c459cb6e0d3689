/** A REST server over a real store, listening on a free port, for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import pino, { type Logger } from 'pino';
import { Drains } from '../fleet/drains.ts';
import { Fleet } from '../fleet/fleet.ts';
import { NodePlacements } from '../fleet/placements.ts';
import { publishLimits } from '../publish/limits.ts';
import { Publisher } from '../publish/publisher.ts';
import { SnapshotCache } from '../snapshot/cache.ts';
import { serves } from '../snapshot/snapshot.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { copyEmptyStore, storesFolder } from '../store/testing-empty.ts';
import { envoyBootstrap, grpcBootstrap } from '../translate/bootstrap.ts';
import { restDiscovery } from '../xds/rest.ts';
import { systemTimers } from '../xds/timers.ts';
import { createAuthenticator } from './authenticate.ts';
import { type ApiLimits, apiLimits } from './limits.ts';
import { createMetrics } from './metrics.ts';
import type { ProblemDocument } from './problems.ts';
import { parseRole } from './roles.ts';
import type { RegisteredRoute } from './routes.ts';
import { buildApi } from './server.ts';
import { issueToken } from './token-routes.ts';

export const adminToken = 'the-administrator';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, whatever it is. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
  readonly problem: ProblemDocument;
}

export interface Call {
  /** `null`: no token at all. Default: the administrator's. */
  readonly token?: string | null;
  readonly type?: string;
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestApi {
  readonly base: string;
  readonly port: number;
  readonly store: Store;
  readonly fleet: Fleet;
  readonly publisher: Publisher;
  readonly routes: readonly RegisteredRoute[];
  /** Lines of the log. */
  readonly log: string[];
  readonly clock: { ms: number };
  /** Why the server is not ready; change it at will. */
  readonly reasons: string[];
  call(method: string, path: string, call?: Call): Promise<Answer>;
  /** A token of that role, straight from the store. */
  tokenFor(role: string): Promise<string>;
  close(): Promise<void>;
}

export async function startTestApi(limits: Partial<ApiLimits> = {}): Promise<TestApi> {
  const folder = await mkdtemp(path.join(storesFolder, 'fairlead-api-'));
  const log: string[] = [];
  const logger: Logger = pino({ level: 'info' }, { write: (line: string) => log.push(line) });
  const clock = { ms: Date.parse('2026-11-21T12:00:00Z') };
  const now = () => clock.ms;
  const reasons: string[] = [];
  await copyEmptyStore(folder);
  const store = await openStore({ dir: folder, key: Buffer.alloc(32, 'k'), logger, now });
  const cache = new SnapshotCache();
  const fleet = new Fleet({ now });
  const timers = systemTimers;
  const drains = new Drains({ table: store.drains, shared: store.shared, now, timers, logger });
  await drains.start();
  const isOwn = (): boolean => true;
  const placements = new NodePlacements({ fleet, isOwn, drains, store, timers, logger });
  await placements.start();
  const publisher = new Publisher({ store, placements, cache, timers, limits: publishLimits, logger });
  publisher.start();
  const { app, routes } = await buildApi({
    store,
    fleet,
    placements,
    drains,
    publisher,
    authenticator: createAuthenticator({ tokens: store.tokens, adminToken, now }),
    servedVersions: (group) => {
      const snapshot = cache.get(group);
      return snapshot && { revision: snapshot.revision, isServed: (type, one) => serves(snapshot, type, one) };
    },
    discovery: restDiscovery(cache),
    makeEnvoyBootstrap: ({ xds = { host: '127.0.0.1', port: 7071 }, apiHost: _, ...request }) =>
      envoyBootstrap({ ...request, xds }),
    makeGrpcBootstrap: ({ xds = { host: '127.0.0.1', port: 7071 }, apiHost: _, ...request }) =>
      grpcBootstrap({ ...request, xds }),
    xdsSpeaksTls: false,
    readiness: () => reasons,
    metrics: createMetrics({ withProcess: false }),
    logger,
    limits: { ...apiLimits, ...limits },
    version: '0.0.0-test',
    now,
  });
  const base = await app.listen({ host: '127.0.0.1', port: 0 });

  return {
    base,
    port: Number(new URL(base).port),
    store,
    fleet,
    publisher,
    routes,
    log,
    clock,
    reasons,
    call: (method, url, call = {}) => send(method, `${base}${url}`, call),
    async tokenFor(text) {
      const role = parseRole(text);
      if (!role) throw new Error(`${text} is no role`);
      const request = { role, name: text, lifeMs: 3_600_000, createdBy: 'test', nowMs: clock.ms };
      return (await issueToken(store.tokens, request)).token;
    },
    async close() {
      await app.close();
      publisher.close();
      await placements.close();
      await drains.close();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function send(method: string, url: string, { token = adminToken, type, body, headers }: Call): Promise<Answer> {
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(text !== undefined && {
        'content-type': type ?? (typeof body === 'object' ? 'application/json' : 'application/yaml'),
      }),
      ...headers,
    },
    ...(text !== undefined && { body: text }),
  });
  const answer = await response.text();
  const json = answer.startsWith('{') || answer.startsWith('[') ? JSON.parse(answer) : undefined;
  return { status: response.status, headers: response.headers, text: answer, json, problem: json };
}

/** The platform's side of what most tests need: a group, a listener, two tenants. */
export const platformDocuments = `
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 8081, protocol: http }
---
kind: Tenant
name: checkout
spec: { claims: [{ host: shop.example.com }] }
---
kind: Tenant
name: payments
spec: { claims: [{ host: pay.example.com }] }
`;

/** What a tenant needs at least. */
export function serviceDocuments(tenant: string, host: string, name = 'orders'): string {
  return `
kind: Cluster
tenant: ${tenant}
name: ${name}
labels: { app: ${name} }
spec: { protocol: http1, endpoints: [{ address: 127.0.0.1, port: 9001 }] }
---
kind: Route
tenant: ${tenant}
name: ${name}
labels: { app: ${name} }
spec: { hosts: [${host}], match: { path: { prefix: /${name} } }, to: [{ cluster: ${name} }] }
`;
}
