/** `fairlead get`: documents as a table, YAML or JSON. */
import { stringify } from 'yaml';
import type { Client, StoredDocument } from './client.ts';
import { RefusedError } from './client.ts';
import { CliError } from './errors.ts';
import { findKind, type KindWords, pathOf, splitTarget } from './kinds.ts';
import { age, print, table } from './output.ts';

export interface GetOptions {
  readonly tenant?: string;
  readonly output: 'table' | 'yaml' | 'json';
  readonly selector?: string;
  /** Of routes. */
  readonly host?: string;
  readonly ordered?: boolean;
}

export async function get(
  client: Client,
  kindText: string,
  nameText: string | undefined,
  options: GetOptions,
): Promise<void> {
  const [kindWord, name] = splitTarget(kindText, nameText);
  const words = findKind(kindWord);
  const { host } = options;
  if ((host ?? options.ordered) !== undefined && (words.kind !== 'Route' || name !== undefined || host === undefined)) {
    const example = 'fairlead get routes --host shop.example.com --ordered';
    throw new CliError(`--ordered goes with --host, and both with a list of routes: ${example}`, { exitCode: 2 });
  }
  if (name === undefined) {
    const selectors = options.selector ? [options.selector] : [];
    const documents = await client.list(pathOf(words, options.tenant), selectors, host);
    print(formatList(words, documents, options.output));
    return;
  }
  const document = await getOne(client, words, options.tenant, name);
  print(options.output === 'table' ? tableOf(words, [document]) : formatOne(document, options.output));
}

async function getOne(
  client: Client,
  words: KindWords,
  tenant: string | undefined,
  name: string,
): Promise<StoredDocument> {
  try {
    return await client.get(pathOf(words, tenant, name));
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 404 || tenant !== undefined || !words.tenanted)
      throw error;
    // Without --tenant the platform's own is meant; say so where a tenant has one of that name.
    const named = (await client.list(pathOf(words, undefined))).filter((document) => document.name === name);
    if (named.length === 0) throw error;
    const hints = named.map((document) => `fairlead get ${words.plural} ${name} --tenant ${document.tenant}`);
    throw new CliError(`The platform has no ${words.kind} ${name}, but a tenant does. Say whose:`, { lines: hints });
  }
}

function formatList(words: KindWords, documents: readonly StoredDocument[], output: GetOptions['output']): string {
  if (output === 'json') return JSON.stringify({ items: documents }, null, 2);
  if (output === 'yaml') return documents.map((document) => formatOne(document, 'yaml')).join('\n---\n');
  return documents.length === 0 ? `No ${words.plural}.` : tableOf(words, documents);
}

function formatOne(document: StoredDocument, output: 'yaml' | 'json'): string {
  return output === 'json'
    ? JSON.stringify(document, null, 2)
    : stringify(document, { lineWidth: 120, aliasDuplicateObjects: false }).trimEnd();
}

function tableOf(words: KindWords, documents: readonly StoredDocument[]): string {
  const nowMs = Date.now();
  const owner = words.tenanted ? ['TENANT'] : [];
  const rows = documents.map((document) => [
    ...(words.tenanted ? [document.tenant ?? '-'] : []),
    document.name,
    String(document.revision),
    age(document.updatedAt, nowMs),
    document.updatedBy,
    summary(document),
  ]);
  return table([...owner, 'NAME', 'REVISION', 'AGE', 'UPDATED BY', 'SPEC'], rows);
}

/** How soon a crash, and an endpoint that hangs, is found by health checks. */
function detection({ status }: StoredDocument): string[] {
  const { detectionTime } = (status ?? {}) as { detectionTime?: { crash: string; hang: string } };
  return detectionTime === undefined
    ? []
    : [`(down: found in ${detectionTime.crash}, ${detectionTime.hang} if it hangs)`];
}

/** The few words by which people recognise a document. */
function summary(document: StoredDocument): string {
  const spec = (document.spec ?? {}) as Readonly<Record<string, unknown>>;
  const list = (value: unknown): unknown[] => (value === undefined ? [] : [value].flat());
  const destinations = list(spec['to']).map((to) => {
    const { cluster, weight } = to as { cluster?: string; weight?: number };
    return weight === undefined ? cluster : `${cluster}:${weight}`;
  });
  switch (document.kind) {
    case 'Tenant':
      return list(spec['claims'])
        .map((claim) => claim as { host?: string; path?: string })
        .map(({ host, path = '' }) => `${host}${path}`)
        .join(' ');
    case 'NodeGroup':
      return String(spec['tier'] ?? '');
    case 'Listener':
      return `${spec['protocol'] ?? ''} ${spec['address'] ?? '0.0.0.0'}:${spec['port']} on ${list(spec['groups']).join(',')}`;
    case 'Cluster':
      return list(spec['endpoints'])
        .map((endpoint) => endpoint as { address?: string; port?: number })
        .map(({ address, port }) => `${address}:${port}`)
        .concat(list(spec['nodes']).map((nodes) => nodesText(nodes as { group?: string; listener?: string })))
        .concat(detection(document))
        .join(' ');
    case 'HealthPolicy':
      return detection(document).join(' ');
    case 'Route': {
      const { path = {} } = (spec['match'] ?? {}) as { path?: Readonly<Record<string, unknown>> };
      const [type, value] = Object.entries(path)[0] ?? ['prefix', '/'];
      return `${list(spec['hosts']).join(',')} ${type} ${value} -> ${destinations.join(' ')}`;
    }
    case 'L4Route':
      return [
        ...[spec['listener'], ...['serverNames', 'alpn', 'sources'].map((field) => list(spec[field]).join(','))],
        ...['->', ...destinations],
      ]
        .filter((word) => word !== '')
        .join(' ');
    case 'Secret': {
      const { certificate } = (document.status ?? {}) as { certificate?: { sans: string[]; notAfter: string } };
      return certificate === undefined ? '' : `${certificate.sans.join(',')} until ${certificate.notAfter}`;
    }
    default:
      return '';
  }
}

function nodesText({ group, listener }: { readonly group?: string; readonly listener?: string }): string {
  return `nodes of ${group} at ${listener}`;
}
