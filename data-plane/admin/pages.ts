/** The table of pages: what each path answers. */
import { prometheusContentType, prometheusText } from '../telemetry/prometheus.ts';
import { parseStatsFilter } from '../telemetry/stats-filter.ts';
import { type StatsSelection, statsJson, statsText } from '../telemetry/stats-text.ts';
import { type Answer, escapeHtml, html, json, text } from './answer.ts';
import { clustersJson, clustersText } from './clusters.ts';
import { configDump } from './config-dump.ts';
import { kernelJson, kernelText } from './kernel.ts';
import { listenersJson, listenersText } from './listeners.ts';
import type { AdminParts, LogLevel } from './parts.ts';

export type Method = 'GET' | 'POST';

export interface Page {
  readonly path: string;
  /** POST changes something, so that no link and no image can. */
  readonly methods: readonly Method[];
  readonly help: string;
  /** Query parameters that it takes. */
  readonly parameters?: readonly string[];
  readonly answer: (parts: AdminParts, query: URLSearchParams, method: Method) => Answer | Promise<Answer>;
}

const get = ['GET'] as const;
const post = ['POST'] as const;

export const pages: readonly Page[] = [
  { path: '/', methods: get, help: 'this page', answer: (parts) => html(indexPage(parts)) },
  { path: '/ready', methods: get, help: '200 and LIVE once it serves, else 503 and its state', answer: ready },
  {
    path: '/stats',
    methods: get,
    help: 'counters, gauges and histograms',
    parameters: ['filter', 'usedonly', 'format'],
    answer: stats,
  },
  {
    path: '/metrics',
    methods: get,
    help: 'the same for Prometheus',
    parameters: ['filter', 'usedonly'],
    answer: (parts, query) => withSelection(query, (selection) => prometheus(parts, selection)),
  },
  {
    path: '/stats/prometheus',
    methods: get,
    help: 'the same, at the path that Envoy gives it',
    parameters: ['filter', 'usedonly'],
    answer: (parts, query) => withSelection(query, (selection) => prometheus(parts, selection)),
  },
  {
    path: '/config_dump',
    methods: get,
    help: 'the accepted xDS resources, endpoints too with include_eds',
    parameters: ['include_eds'],
    answer: (parts, query) => ({
      status: 200,
      contentType: 'application/json',
      body: configDump(parts, query.has('include_eds')),
    }),
  },
  {
    path: '/clusters',
    methods: get,
    help: 'clusters, their endpoints, health and load',
    parameters: ['format'],
    answer: async (parts, query) => {
      const clusters = await parts.clusters();
      return inFormat(query, { text: () => text(clustersText(clusters)), json: () => json(clustersJson(clusters)) });
    },
  },
  {
    path: '/listeners',
    methods: get,
    help: 'listeners and where they are bound',
    parameters: ['format'],
    answer: async (parts, query) => {
      const listeners = await parts.listeners();
      return inFormat(query, {
        text: () => text(listenersText(listeners)),
        json: () => json(listenersJson(listeners)),
      });
    },
  },
  {
    path: '/kernel',
    methods: get,
    help: 'the kernel datapath: its listeners, why others are in user space, what went where',
    parameters: ['format'],
    answer: (parts, query) => {
      const view = parts.kernel();
      return inFormat(query, { text: () => text(kernelText(view)), json: () => json(kernelJson(view)) });
    },
  },
  { path: '/server_info', methods: get, help: 'version, state, uptime, node, workers', answer: serverInfo },
  {
    path: '/drain',
    methods: post,
    help: 'fails /ready, asks clients to go elsewhere, serves those who come',
    parameters: ['timeout'],
    answer: drain,
  },
  { path: '/undrain', methods: post, help: 'takes /drain back', answer: undrain },
  {
    path: '/logging',
    methods: ['GET', 'POST'],
    help: 'the level of the process log; POST with level= to change it',
    parameters: ['level'],
    answer: logging,
  },
  { path: '/reopen_logs', methods: post, help: 'reopens access log files after they were rotated', answer: reopenLogs },
];

function ready(parts: AdminParts): Answer {
  const state = parts.state();
  return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
}

function stats(parts: AdminParts, query: URLSearchParams): Answer {
  return withSelection(query, (selection) =>
    inFormat(query, {
      text: () => text(statsText(parts.stats, selection)),
      json: () => json(statsJson(parts.stats, selection)),
      prometheus: () => prometheus(parts, selection),
    }),
  );
}

function prometheus(parts: AdminParts, selection: StatsSelection): Answer {
  return { status: 200, contentType: prometheusContentType, body: prometheusText(parts.stats, selection) };
}

function withSelection(query: URLSearchParams, answer: (selection: StatsSelection) => Answer): Answer {
  const filter = parseStatsFilter(query.get('filter') ?? '');
  if (!filter.ok) return text(`${filter.message}\n`, 400);
  return answer({ filter: filter.value, usedOnly: query.has('usedonly') });
}

function inFormat(query: URLSearchParams, formats: Readonly<Record<string, () => Answer>>): Answer {
  const format = query.get('format') ?? 'text';
  const answer = Object.hasOwn(formats, format) ? formats[format] : undefined;
  return answer?.() ?? text(`no such format: use format=${Object.keys(formats).join(' or format=')}\n`, 400);
}

function serverInfo(parts: AdminParts): Answer {
  const uptime = `${Math.floor(parts.uptimeMs() / 1000)}s`;
  return json({
    version: parts.version,
    state: parts.state(),
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    node: { id: parts.id, cluster: parts.group, user_agent_name: 'fairlead', user_agent_version: parts.version },
    workers: parts.workers().map(({ worker, state, restarts, lastEnd }) => {
      return { worker, state, restarts, ...(lastEnd === null ? {} : { last_end: lastEnd }) };
    }),
  });
}

async function drain(parts: AdminParts, query: URLSearchParams): Promise<Answer> {
  const asked = query.get('timeout');
  const seconds = asked === null ? parts.drainTimeoutMs / 1000 : secondsOf(asked);
  if (Number.isNaN(seconds))
    return text('write the timeout in seconds or minutes, as in timeout=45s or timeout=5m\n', 400);
  const isNew = parts.drain(asked === null ? null : seconds * 1000);
  // how many those are is not worth waiting for a worker that is stuck
  const connections = await parts.connectionCount().catch(() => 'some');
  return text(
    `${isNew ? 'draining' : 'draining already'}: clients are asked to go elsewhere, those who come are served. ` +
      `${connections} connections are open; those that stay for ${seconds} s are cut. /ready answers 503 until POST /undrain.\n`,
  );
}

/** NaN: that is none. */
function secondsOf(duration: string): number {
  const [, digits, unit] = /^(\d{1,6})(s|m)$/.exec(duration) ?? [];
  return Number(digits) * (unit === 'm' ? 60 : 1);
}

function undrain(parts: AdminParts): Answer {
  const wasAsked = parts.undrain();
  if (parts.state() !== 'DRAINING') return text(`${wasAsked ? 'no longer draining' : 'not draining'}\n`);
  return text(
    `${wasAsked ? 'taken back, but draining all the same' : 'nobody has asked for it here'}: the control plane has ` +
      `ordered it (there: fairlead undrain node ${parts.id}), or the node is about to stop\n`,
    409,
  );
}

/** Envoy's names beside pino's. */
const levels: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
  critical: 'fatal',
  silent: 'silent',
  off: 'silent',
};

function logging(parts: AdminParts, query: URLSearchParams, method: Method): Answer {
  const asked = query.get('level');
  if (asked !== null) {
    if (method === 'GET') return text('use POST to change the level\n', 405);
    const level = Object.hasOwn(levels, asked) ? levels[asked] : undefined;
    if (level === undefined) return text(`no such level: use ${Object.keys(levels).join(', ')}\n`, 400);
    parts.setLogLevel(level);
  }
  return text(`active loggers:\n  fairlead: ${parts.logLevel()}\n`);
}

function reopenLogs(parts: AdminParts): Answer {
  parts.reopenLogs();
  return text('OK\n');
}

function indexPage(parts: AdminParts): string {
  const rows = pages.map(({ path, methods, help, parameters }) => {
    const name = methods.includes('GET') ? `<a href="${path}">${path}</a>` : path;
    const takes = parameters === undefined ? '' : ` <small>?${parameters.join('=, ')}=</small>`;
    return `<tr><td>${name}</td><td>${methods.join(', ')}</td><td>${escapeHtml(help)}${takes}</td></tr>`;
  });
  const title = escapeHtml(`${parts.id} in ${parts.group}`);
  return (
    `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>` +
    `<p>fairlead ${escapeHtml(parts.version)}, ${parts.state()}</p><table>${rows.join('')}</table>\n`
  );
}

/** For whoever asked for a page that is not there. */
export function listOfPages(): string {
  return pages.map(({ path, methods, help }) => `  ${path} (${methods.join(', ')}): ${help}\n`).join('');
}
