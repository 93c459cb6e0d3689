/** A typed client of the REST API: what the command line (and later the console) knows of the control plane. */
import type { ClusterHealth, FleetState, NodeState } from './client-nodes.ts';
import type { ClusterPreview } from './preview-text.ts';

export type * from './client-nodes.ts';

export interface DocumentKey {
  readonly kind: string;
  readonly tenant?: string;
  readonly name: string;
}

export interface StoredDocument extends DocumentKey {
  readonly labels?: Readonly<Record<string, string>>;
  readonly ignore?: Readonly<Record<string, string>>;
  readonly spec: unknown;
  readonly revision: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
  readonly set?: string;
  readonly status?: unknown;
}

export interface FieldDifference {
  /** JSON pointer. */
  readonly path: string;
  readonly op: 'add' | 'remove' | 'replace';
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface AppliedChange extends DocumentKey {
  readonly action: 'created' | 'updated' | 'deleted' | 'unchanged';
  readonly diff: readonly FieldDifference[];
}

export interface Finding {
  readonly level: string;
  readonly rule: string;
  readonly pointer: string;
  readonly detail: string;
  readonly remedy: string;
  readonly document?: DocumentKey;
}

export interface Applied {
  readonly revision: number;
  readonly dryRun?: boolean;
  readonly changes: readonly AppliedChange[];
  readonly findings: readonly Finding[];
  /** Of a dry run that changes clusters. */
  readonly preview?: readonly ClusterPreview[];
}

export interface GroupRollout {
  readonly group: string;
  readonly state: 'pending' | 'unaffected' | 'progressing' | 'complete' | 'failed';
  /** Connected nodes by what they say of the revision. */
  readonly nodes: {
    readonly connected: number;
    readonly synced: number;
    readonly stale: number;
    readonly nack: number;
  };
  readonly problems: readonly string[];
}

export interface Rollout {
  readonly revision: number;
  readonly state: 'pending' | 'progressing' | 'complete' | 'failed';
  readonly groups: readonly GroupRollout[];
}

export interface TokenInfo {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface IssuedToken {
  readonly token: string;
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly expiresAt: string;
}

export interface ProblemLine {
  readonly pointer: string;
  readonly detail: string;
  readonly remedy: string;
  readonly code: string;
  readonly document?: DocumentKey;
  readonly index?: number;
}

/** The server refused. */
export class RefusedError extends Error {
  readonly status: number;
  readonly title: string;
  readonly problems: readonly ProblemLine[];
  constructor(status: number, title: string, detail: string, problems: readonly ProblemLine[]) {
    super(detail);
    this.name = 'RefusedError';
    this.status = status;
    this.title = title;
    this.problems = problems;
  }
}

/** The server cannot be reached, or what answers is not it. */
export class UnreachableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnreachableError';
  }
}

export interface ClientOptions {
  /** For example `http://127.0.0.1:7070`. */
  readonly base: string;
  readonly token: string | undefined;
  readonly timeoutMs?: number;
}

export interface ApplyOptions {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly set?: string | undefined;
}

export class Client {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  constructor(options: ClientOptions) {
    this.#base = options.base.replace(/\/+$/, '');
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
  }

  apply(yaml: string, options: ApplyOptions = {}): Promise<Applied> {
    const query = queryOf({ dryRun: options.dryRun, prune: options.prune, set: options.set });
    return this.#send('POST', `/v1/apply${query}`, { type: 'application/yaml', text: yaml });
  }

  /** Removes the documents that a text names, in one transaction. */
  deleteAll(yaml: string, options: { dryRun: boolean }): Promise<Applied> {
    const query = queryOf({ delete: true, dryRun: options.dryRun });
    return this.#send('POST', `/v1/apply${query}`, { type: 'application/yaml', text: yaml });
  }

  get(path: string): Promise<StoredDocument> {
    return this.#send('GET', path);
  }

  /** All pages of a list. */
  /** @param host of routes: those that requests for it are tried against, in that order */
  async list(path: string, labels: readonly string[] = [], host?: string): Promise<StoredDocument[]> {
    const items: StoredDocument[] = [];
    let cursor: string | null = null;
    do {
      const query = queryOf({ label: labels.join(',') || undefined, host, cursor: cursor ?? undefined });
      const page: { items: StoredDocument[]; cursor: string | null } = await this.#send('GET', `${path}${query}`);
      items.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== null);
    return items;
  }

  delete(path: string, options: { dryRun?: boolean } = {}): Promise<Applied> {
    return this.#send('DELETE', `${path}${queryOf({ dryRun: options.dryRun })}`);
  }

  fleet(): Promise<FleetState> {
    return this.#send('GET', '/v1/nodes');
  }

  node(id: string): Promise<NodeState> {
    return this.#send('GET', `/v1/nodes/${encodeURIComponent(id)}`);
  }

  /** @param timeout a duration; undefined: that of its group */
  drain(id: string, timeout: string | undefined): Promise<NodeState> {
    const text = JSON.stringify({ timeout });
    return this.#send('POST', `/v1/nodes/${encodeURIComponent(id)}/drain`, { type: 'application/json', text });
  }

  undrain(id: string): Promise<NodeState> {
    return this.#send('POST', `/v1/nodes/${encodeURIComponent(id)}/undrain`);
  }

  async unwell(): Promise<readonly ClusterHealth[]> {
    const { items } = await this.#send<{ items: readonly ClusterHealth[] }>('GET', '/v1/health');
    return items;
  }

  rollout(revision: number): Promise<Rollout> {
    return this.#send('GET', `/v1/rollouts/${revision}`);
  }

  createToken(request: {
    role: string;
    name?: string | undefined;
    expiresIn?: string | undefined;
  }): Promise<IssuedToken> {
    return this.#send('POST', '/v1/tokens', { type: 'application/json', text: JSON.stringify(request) });
  }

  async tokens(): Promise<TokenInfo[]> {
    const { items } = await this.#send<{ items: TokenInfo[] }>('GET', '/v1/tokens');
    return items;
  }

  async revokeToken(id: string): Promise<void> {
    await this.#send('DELETE', `/v1/tokens/${encodeURIComponent(id)}`);
  }

  /** The bootstrap file as YAML, with a token of its own in it. */
  async bootstrapEnvoy(request: Readonly<Record<string, unknown>>): Promise<string> {
    const text = JSON.stringify(request);
    const response = await this.#fetch('POST', '/v1/bootstrap/envoy', { type: 'application/json', text });
    return response.text();
  }

  /** The bootstrap file of gRPC's own xDS clients as JSON, with a token of its own in it. */
  async bootstrapGrpc(request: Readonly<Record<string, unknown>>): Promise<string> {
    const text = JSON.stringify(request);
    const response = await this.#fetch('POST', '/v1/bootstrap/grpc', { type: 'application/json', text });
    return response.text();
  }

  async #send<T>(method: string, path: string, body?: { type: string; text: string }): Promise<T> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async #fetch(method: string, path: string, body?: { type: string; text: string }): Promise<Response> {
    const url = `${this.#base}${path}`;
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers: {
          ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
          ...(body && { 'content-type': body.type }),
        },
        ...(body && { body: body.text }),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
    } catch (error) {
      throw new UnreachableError(`No answer from ${this.#base} (${reasonOf(error)}).`);
    }
    if (!response.ok) throw await refusedBy(response, url);
    return response;
  }
}

async function refusedBy(response: Response, url: string): Promise<Error> {
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    return new UnreachableError(`${url} answered ${response.status}, and not as a Fairlead control plane does.`);
  }
  const { title, detail, problems } = JSON.parse(text) as { title: string; detail: string; problems?: ProblemLine[] };
  return new RefusedError(response.status, title, detail, problems ?? []);
}

function queryOf(parameters: Readonly<Record<string, string | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== false) query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query}`;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return error instanceof Error ? error.message : String(error);
}
