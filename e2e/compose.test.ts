/** docker-compose.yml and the Dockerfile, held against the programs and documents that they name. Needs no Docker. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkDocument } from '../control-plane/model/check.ts';
import type { Document } from '../control-plane/model/document.ts';
import { MemoryDocumentSet } from '../control-plane/model/memory-set.ts';
import { parseDocuments } from '../control-plane/model/parse.ts';
import { checkChanges } from '../control-plane/model/world.ts';
import { readSourceTree, repository } from './support/source-tree.ts';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly restart?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: readonly string[] };
  readonly networks?: { readonly default?: { readonly ipv4_address?: string; readonly aliases?: readonly string[] } };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (file: string): string => readFileSync(path.join(repository, file), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const dockerfile = read('Dockerfile');
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.image === 'fairlead:local');
const documentsFolder = 'examples/compose';
const documents = readDocuments(read(`${documentsFolder}/documents.yaml`));

/** What a service runs, as one text; the image's own entry point is `fairlead`. */
function scriptOf(service: Service): string {
  return [...(service.entrypoint ?? ['fairlead']), ...(service.command ?? [])].join(' ');
}

/** Every `fairlead …` in a script, as words, without redirections. */
function fairleadCommands(script: string): string[][] {
  return [...script.matchAll(/\bfairlead ((?:[\w./:-]+ ?)+)/g)].map((match) => (match[1] ?? '').trim().split(' '));
}

function flag(words: readonly string[], name: string): string {
  return words[words.indexOf(name) + 1] ?? '';
}

const nodes = ours.flatMap(([name, service]) =>
  fairleadCommands(scriptOf(service))
    .filter((words) => words[0] === 'data-plane')
    .map((words) => ({ name, service, words, group: flag(words, '--group') })),
);

test('every fairlead command in it is one that the command line knows, with flags that it knows', async () => {
  const commands = ours.flatMap(([, service]) => fairleadCommands(scriptOf(service)));
  expect(commands.map((words) => words[0])).toEqual(
    expect.arrayContaining(['control-plane', 'data-plane', 'apply', 'token']),
  );
  const help = new Map<string, string>();
  for (const words of commands) {
    const name = words[0] === 'token' ? words.slice(0, 2).join(' ') : (words[0] ?? '');
    if (!help.has(name)) help.set(name, await helpOf(name.split(' ')));
    for (const word of words.filter((one) => one.startsWith('-'))) {
      expect(help.get(name), `fairlead ${name} has no ${word}`).toMatch(new RegExp(`(?<![\\w-])${word}(?![\\w-])`));
    }
  }
});

async function helpOf(words: readonly string[]): Promise<string> {
  const cli = path.join(repository, 'control-plane/cli/fairlead.js');
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...words, '--help']);
  return stdout;
}

test('every word of a command is a text', () => {
  for (const [name, { entrypoint = [], command = [], healthcheck }] of services) {
    for (const word of [...entrypoint, ...command, ...(healthcheck?.test ?? [])])
      expect(word, name).toBeTypeOf('string');
  }
});

test('every variable that it sets is one that the programs read', () => {
  const code = readSourceTree()
    .filter(({ path: file }) => /^(?:control|data)-plane\/.*(?<!\.test)\.ts$/.test(file))
    .map(({ text }) => text)
    .join('\n');
  const inDockerfile = [...dockerfile.matchAll(/^(?:ENV)?\s+(FAIRLEAD_\w+)=/gm)].map((match) => match[1] ?? '');
  const inCompose = ours.flatMap(([, service]) => Object.keys(service.environment ?? {}));
  expect(inDockerfile.length).toBeGreaterThan(0);
  for (const name of [...inDockerfile, ...inCompose]) expect(code, name).toContain(`'${name}'`);
});

test('who waits for a service waits for something that can happen', () => {
  for (const [name, { depends_on: awaited = {} }] of services) {
    for (const [target, { condition }] of Object.entries(awaited)) {
      const service = compose.services[target];
      expect(service, `${name} waits for ${target}`).toBeDefined();
      if (condition === 'service_healthy') {
        const hasCheck = service?.healthcheck?.test !== undefined || service?.image === 'fairlead:local';
        expect(hasCheck && service?.healthcheck?.disable !== true, `${target} has a health check`).toBe(true);
      } else {
        expect(condition).toBe('service_completed_successfully');
        expect(service?.restart, `${target} ends and stays ended`).toBeUndefined();
      }
    }
  }
});

test('volumes are declared, and each published port is open to this machine only and given once', () => {
  const mounted = services.flatMap(([, service]) =>
    (service.volumes ?? []).map((volume) => volume.split(':', 1)[0] ?? ''),
  );
  expect([...new Set(mounted)].sort()).toEqual(Object.keys(compose.volumes).sort());
  const ports = services.flatMap(([, service]) => service.ports ?? []);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  const outside = ports.map((port) => port.split(':')[1]);
  expect(new Set(outside).size).toBe(outside.length);
});

test('each node reads the token that setup makes for its group, and asks for an address that there is', () => {
  const setup = scriptOf(compose.services['setup'] as Service);
  const made = new Map([...setup.matchAll(/--role node:(\S+) .*> (\S+)/g)].map((match) => [match[2], match[1]]));
  const aliases = new Set(services.flatMap(([, service]) => service.networks?.default?.aliases ?? []));
  expect(nodes.length).toBe(3);
  for (const { service, words, group } of nodes) {
    expect(made.get(`${service.environment?.['FAIRLEAD_HOME']}/token`)).toBe(group);
    expect(aliases).toContain(flag(words, '--xds').split(':')[0]);
  }
});

test('its documents are valid, and setup applies just them', () => {
  const changes = documents.map((document) => ({ key: document, document }));
  expect(checkChanges(new MemoryDocumentSet(), changes)).toEqual([]);
  expect(scriptOf(compose.services['setup'] as Service)).toContain(`apply -f ${documentsFolder}\n`);
});

test('every group, endpoint and port of the documents is a service that is there', () => {
  const groups = documents.filter(({ kind }) => kind === 'NodeGroup').map(({ name }) => name);
  expect([...new Set(nodes.map(({ group }) => group))].sort()).toEqual(groups.sort());
  const listeners = specs<{ groups: string[]; port: number }>('Listener');
  const open = ours.flatMap(([name, service]) => {
    const node = nodes.find((one) => one.name === name);
    const ports = node
      ? listeners.filter(({ groups: on }) => on.includes(node.group)).map(({ port }) => port)
      : [...scriptOf(service).matchAll(/\.listen\((\d+)\)/g)].map((match) => Number(match[1]));
    return ports.map((port) => `${service.networks?.default?.ipv4_address}:${port}`);
  });
  const endpoints = specs<{ endpoints: { address: string; port: number }[] }>('Cluster').flatMap((spec) =>
    spec.endpoints.map(({ address, port }) => `${address}:${port}`),
  );
  expect(endpoints.length).toBeGreaterThan(0);
  for (const endpoint of endpoints) expect(open).toContain(endpoint);
  for (const { name, service, group } of nodes) {
    for (const port of service.ports ?? []) {
      const inside = Number(port.split(':')[2]);
      expect(
        listeners.some((spec) => spec.groups.includes(group) && spec.port === inside),
        `${name}: ${port}`,
      ).toBe(true);
    }
  }
});

test('what the Dockerfile copies is there and is not ignored', () => {
  const ignore = read('.dockerignore').split('\n');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
    (match[1] ?? '').split(' '),
  );
  expect(copied.length).toBeGreaterThan(0);
  for (const source of copied) {
    expect(existsSync(path.join(repository, source)), source).toBe(true);
    expect(ignore, source).toContain(`!${source}`);
  }
});

test('the image does not run as root', () => {
  const last = [...dockerfile.matchAll(/^USER (\S+)$/gm)].at(-1)?.[1];
  expect(last).toBe('node');
  expect(dockerfile.lastIndexOf('\nUSER ')).toBeLessThan(dockerfile.lastIndexOf('\nENTRYPOINT '));
});

function readDocuments(text: string): Document[] {
  const parsed = parseDocuments(text, 'yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.map((value) => {
    const checked = checkDocument(value);
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    return checked.value;
  });
}

function specs<T>(kind: Document['kind']): T[] {
  return documents.filter((document) => document.kind === kind).map((document) => document.spec as T);
}
