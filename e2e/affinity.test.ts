/** One of our nodes and a real Envoy in one group: where keys lead, and clients that go from one to the other. */
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashDigits } from '../data-plane/route/hash-policies.ts';
import { document, type Endpoint } from './mixed-fleet/documents.ts';
import { compareStage, drawKeys, type Fleet, startFleet } from './mixed-fleet/run.ts';
import { Cleanup } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

/** `npm run mixed-fleet` asks for 10,000. */
const keysEach = 400;

const keyKinds = [
  '{ header: x-key }',
  '{ cookie: { name: sid } }',
  '{ query: k }',
  '{ path: true }',
  '{ source: true }',
];

/** Of request `i`, with all kinds of keys or some; each finds something, or is one of those that find nothing. */
function keyedRequest(i: number): { path: string; lines: string[] } {
  const lines = [
    ...(i % 2 === 0 ? [`x-key: ${i}`] : []),
    ...(i % 4 === 0 ? [`x-key: a${i % 8}`] : []),
    ...(i % 3 === 0 ? [`cookie: a=b; sid="${i}"; sid=x`] : ['cookie: sid=; Sid=1']),
  ];
  return { path: `${i % 7}${['', '?k', `?k=%${i}`, `?a=b&k=${i}&k=x`, '?K=1'][i % 5]}`, lines };
}

/** Two endpoints a version, so that nobody stays where they are by chance for long. */
function sessionDocuments(endpoints: readonly Endpoint[]): string {
  const list = endpoints
    .slice(0, 6)
    .map(({ port }, i) => `{ address: 127.0.0.1, port: ${port}, labels: { version: v${i % 2} } }`);
  const all = endpoints.map(({ port, weight }) => `{ address: 127.0.0.1, port: ${port}, weight: ${weight} }`).join();
  const route = (name: string, affinity: string, to = '[{ cluster: sessions }]'): string =>
    document(
      'Route',
      name,
      `{ hosts: [sessions.example.com], match: { path: { prefix: /${name} } }, to: ${to}, affinity: ${affinity} }`,
    );
  return (
    document(
      'Cluster',
      'sessions',
      `{ endpoints: [${list.join()}], balance: { policy: round-robin, subsets: [[version]] } }`,
    ) +
    // unlike those of the stages it stays as it is: threads take a stage up each in its own time
    document('Cluster', 'keyed', `{ endpoints: [${all}], balance: { policy: maglev } }`) +
    document(
      'Cluster',
      'draining',
      `{ endpoints: [${list[0]!.replace('labels', 'state: draining, labels')}, ${list[1]!}] }`,
    ) +
    route('keys', `{ hash: [${keyKinds.join()}] }`, '[{ cluster: keyed }]') +
    route('mixed', `{ hash: [${keyKinds.join()}], combine: true }`, '[{ cluster: keyed }]') +
    route('signed', '{ sticky: { cookie: st, signed: true } }') +
    route('drained', '{ sticky: { header: x-sticky } }', '[{ cluster: draining }]') +
    route('cookie', '{ sticky: { cookie: st, ttl: 60s, path: /cookie } }') +
    route('until-closed', '{ sticky: { cookie: st } }') +
    route('header', '{ sticky: { header: x-sticky } }') +
    route('strict', '{ sticky: { header: x-sticky, strict: true } }') +
    route(
      'minted',
      '{ hash: [{ cookie: { name: sid, ttl: 1h, path: /p, attributes: { SameSite: Lax, Secure: true } } }] }',
      '[{ cluster: keyed }]',
    ) +
    route('closing', '{ hash: [{ cookie: { name: sid, ttl: 0s } }] }', '[{ cluster: keyed }]') +
    route('subset', '{ hash: [{ header: x-key }] }', '[{ cluster: sessions, subset: { version: v1 } }]')
  );
}

interface Answer {
  readonly status: string;
  readonly body: string;
  /** Lines that tell the client of its endpoint, or of its cookie. */
  readonly told: readonly string[];
  /** `ip:port` of the connection's client, and of its proxy. */
  readonly addresses: string;
}

function ask(port: number, path: string, ...lines: readonly string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.7.1' });
    let text = '';
    let addresses = '';
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      addresses = `127.0.7.1:${socket.localPort}127.0.0.1:${port}`;
      const head = [`GET ${path} HTTP/1.1`, 'host: sessions.example.com', 'connection: close', ...lines];
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`no whole answer to ${path}: ${text}`)));
    socket.on('data', (data: string) => {
      text += data;
      const [head = '', body = ''] = text.split('\r\n\r\n');
      if (body.length < Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? Number.POSITIVE_INFINITY)) return;
      const told = head.split('\r\n').filter((line) => /^(set-cookie|x-sticky)/.test(line));
      resolve({ status: head.slice(9, 12), body, told, addresses });
      socket.destroy();
    });
  });
}

const cookieOf = ({ told: [line = ''] }: Answer): string => /st="([^"]*)"/.exec(line)?.[1] ?? '';

describe.skipIf(!here)('Envoy beside our own node', () => {
  let fleet: Fleet;
  let places: readonly (readonly [name: string, port: number])[];

  beforeAll(async () => {
    fleet = await startFleet(cleanup, sessionDocuments);
    const { ours, envoys } = fleet.ports;
    places = [
      ['ours', ours],
      ['Envoy', envoys],
    ];
  });

  test('each key has the same endpoint at both, before and after endpoints come and go', async () => {
    const keys = drawKeys(1, keysEach);
    let before: readonly (readonly string[])[] = [];
    for (const stage of fleet.stages) {
      const compared = await compareStage(fleet, stage, keys);
      expect(compared.flatMap(({ variant, differences }) => differences.map((one) => `${variant} ${one}`))).toEqual([]);
      const known = new Set(stage.endpoints.map(({ name }) => name));
      const names = compared.map((one) => one.names);
      for (const variant of names) {
        expect(new Set(variant).size).toBeGreaterThan(stage.endpoints.length / 2);
        expect(variant.filter((name) => !known.has(name))).toEqual([]);
      }
      // 150 of 400 at most, and 13 more or less, as the ports are: all of them would move by chance
      before.forEach((old, i) => {
        const moved = old.filter((name, key) => name !== names[i]![key]).length;
        expect(moved).toBeGreaterThan(0);
        expect(moved).toBeLessThan((2 * keysEach) / 3);
      });
      before = names;
    }
  });

  test('keys of every kind, alone and mixed, are the same at both', async () => {
    for (const route of ['/keys/', '/mixed/']) {
      const found = new Set<string>();
      for (let i = 0; i < 60; i++) {
        const { path, lines } = keyedRequest(i);
        const [ours, envoys] = [
          await ask(places[0]![1], route + path, ...lines),
          await ask(places[1]![1], route + path, ...lines),
        ];
        expect(ours.body, `${route}${path} ${lines.join()}`).toBe(envoys.body);
        found.add(ours.body);
      }
      expect(found.size).toBeGreaterThan(5);
    }
  });

  test('a cookie of one is honoured by the other', async () => {
    for (const path of ['/cookie', '/until-closed']) {
      for (const [from, port] of places) {
        const first = await ask(port, path);
        const cookie = cookieOf(first);
        expect(first.status, from).toBe('200');
        expect(cookie, from).not.toBe('');
        for (const [to, other] of [...places, ...places, ...places]) {
          const answer = await ask(other, path, `cookie: a=b; st=${cookie}`);
          expect([answer.body, answer.told], `${path} from ${from} to ${to}`).toEqual([first.body, []]);
        }
      }
    }
  });

  test('both tell the same of the same endpoint, and forget what can not be', async () => {
    const told = async (port: number): Promise<Map<string, string>> => {
      const lines = new Map<string, string>();
      for (let i = 0; i < 20; i++) {
        const { body, told: said } = await ask(port, '/until-closed', 'cookie: st=CgsxMjcuMC4wLjE6MQ==');
        lines.set(body, said.join());
      }
      return lines;
    };
    const [ours, envoys] = [await told(places[0]![1]), await told(places[1]![1])];
    expect(ours.size).toBe(6);
    expect([...ours].sort()).toEqual([...envoys].sort());
  });

  test('what our own nodes sign an Envoy takes, and what it says is not taken by ours', async () => {
    const [[, ours], [, envoys]] = places as [[string, number], [string, number]];
    const first = await ask(ours, '/signed');
    const signed = `cookie: st=${cookieOf(first)}`;
    for (const port of [ours, envoys, ours, ours]) {
      expect(await ask(port, '/signed', signed)).toMatchObject({ body: first.body, told: [] });
    }
    const unsigned = `cookie: st=${cookieOf(await ask(envoys, '/signed'))}`;
    expect((await ask(ours, '/signed', unsigned)).told).toHaveLength(1);
  });

  test('a header says it as well, and strictly nobody else serves', async () => {
    for (const [from, port] of places) {
      const first = await ask(port, '/header');
      const [line = ''] = first.told;
      for (const [to, other] of places) {
        expect(await ask(other, '/header', line), `from ${from} to ${to}`).toMatchObject({
          body: first.body,
          told: [],
        });
        expect(await ask(other, '/strict', line)).toMatchObject({ body: first.body, told: [] });
      }
      const gone = `x-sticky: ${Buffer.from('127.0.0.1:1').toString('base64')}`;
      expect(await ask(port, '/strict', gone), from).toMatchObject({
        status: '503',
        body: 'no healthy upstream',
        told: [],
      });
    }
  });

  test('an endpoint that drains keeps its clients, and gets no others', async () => {
    const [{ name, port: draining }, other] = fleet.stages[0]!.endpoints as [Endpoint, Endpoint];
    const bound = `x-sticky: ${Buffer.from(`127.0.0.1:${draining}`).toString('base64')}`;
    for (const [place, port] of places) {
      expect(await ask(port, '/drained', bound), place).toMatchObject({ body: name, told: [] });
      expect(await ask(port, '/drained'), place).toMatchObject({ body: other.name });
    }
  });

  test('cookies that are made have the same value and the same words', async () => {
    for (const [name, port] of places) {
      const minted = await ask(port, '/minted');
      const value = hashDigits(minted.addresses);
      const line = `set-cookie: sid="${value}"; Max-Age=3600; Path=/p; SameSite=Lax; Secure; HttpOnly`;
      expect(minted.told, name).toEqual([line]);
      const closing = await ask(port, '/closing');
      expect(closing.told, name).toEqual([`set-cookie: sid="${hashDigits(closing.addresses)}"; Path=/; HttpOnly`]);
      for (const [other, at] of places) {
        const again = await ask(at, '/minted', `cookie: sid=${value}`);
        expect([again.body, again.told], `${name} then ${other}`).toEqual([minted.body, []]);
      }
    }
  });

  test('of the endpoints those with the labels that the route asks for serve', async () => {
    const names = async (port: number): Promise<string[]> => {
      const found = new Set<string>();
      for (let i = 0; i < 12; i++) found.add((await ask(port, '/subset')).body);
      return [...found].sort();
    };
    const [ours, envoys] = [await names(places[0]![1]), await names(places[1]![1])];
    expect(ours).toHaveLength(3);
    expect(ours).toEqual(envoys);
  });
});
