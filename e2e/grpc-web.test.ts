/** gRPC-Web at our node and at a real Envoy of the same documents: the same bytes in, the same call at the endpoint, the same answer. */
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Asked, header, startH2Upstream } from '../data-plane/l7/testing-http2.ts';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, run, startControlPlane, startDataPlane } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { askRaw } from './support/raw-http.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const frame = (text: string, flag = 0): string => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(text.length, 1);
  return prefix.toString('latin1') + text;
};
const trailers = (text: string): string => frame(text, 0x80);
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

type Fields = readonly (readonly [string, string])[];
const grpc: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['x-a', '1'],
];

/** What the endpoint answers to each method: fields, the body in pieces, trailers. */
const answers: Readonly<Record<string, readonly [Fields, readonly string[], Fields?]>> = {
  Get: [
    grpc,
    [frame('hi') + frame('there').slice(0, 7), frame('there').slice(7)],
    [
      ['grpc-status', '0'],
      ['grpc-message', ''],
      ['x-b', 'c d'],
    ],
  ],
  Bare: [grpc, [], [['grpc-status', '3']]],
  Only: [[...grpc, ['grpc-status', '5'], ['grpc-message', 'no']], []],
  Short: [grpc, [frame('hi')]],
  Html: [
    [
      [':status', '404'],
      ['content-type', 'text/html'],
      ['content-length', '6'],
    ],
    ['<h1>%\n'],
  ],
  Html200: [
    [
      [':status', '200'],
      ['content-type', 'text/html'],
    ],
    ['hi'],
  ],
  Empty: [[[':status', '503']], ['']],
  Trailed: [[[':status', '500']], ['oops'], [['a', 'b']]],
  Failed: [
    [
      [':status', '503'],
      ['content-type', 'application/grpc'],
      ['grpc-status', '14'],
    ],
    [],
  ],
  Alone: [[[':status', '503']], []],
};

const seen: Asked[] = [];
const ports = { ours: 0, envoy: 0 };
type Node = keyof typeof ports;

function answer(asked: Asked): void {
  seen.push(asked);
  const { stream } = asked;
  const said = answers[header(asked, ':path')!.split('/').at(-1)!];
  if (said === undefined) return;
  const [fields, body, last] = said;
  const isOver = body.length === 0 && last === undefined;
  stream.headers(fields, isOver);
  for (const [index, piece] of body.entries()) {
    stream.data(Buffer.from(piece, 'latin1'), index === body.length - 1 && last === undefined);
  }
  if (last !== undefined) stream.trailers(last);
}

beforeAll(async () => {
  const upstream = await startH2Upstream({ onWhole: answer });
  cleanup.add(() => upstream.stop());
  const controlPlane = await startControlPlane(cleanup);
  const documents = readFileSync(new URL('../examples/features/grpc-web.yaml', import.meta.url), 'utf8');
  const route = (name: string, cluster: string, more = ''): string =>
    `---\nkind: Route\ntenant: checkout\nname: ${name}\nspec: { hosts: [shop.example.com], match: { path: { prefix: /${name} } }, to: [{ cluster: ${cluster} }]${more} }\n`;
  const cluster = (name: string, protocol: string, port: number): string =>
    `---\nkind: Cluster\ntenant: checkout\nname: ${name}\nspec: { protocol: ${protocol}, endpoints: [{ address: 127.0.0.1, port: ${port} }] }\n`;
  await controlPlane.apply(
    documents.replace('port: 10080', 'port: 0').replace('port: 9010', `port: ${upstream.port}`) +
      cluster('h2', 'http2', upstream.port) +
      cluster('dead', 'grpc', 1) +
      route('native', 'h2') +
      route('dead', 'dead') +
      route('slow', 'ledger', ', timeout: 300ms'),
  );
  const ours = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
  ports.ours = await ours.port('public');
  if (here === undefined) return;
  const printed = await run(['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy'], controlPlane.env);
  const envoy = await startEnvoy({ bootstrap: printed.stdout });
  cleanup.add(() => envoy.stop());
  ports.envoy = await envoy.listenerPort('public');
});

const binary = 'content-type: application/grpc-web+proto\r\naccept: application/grpc-web+proto\r\n';
const text = 'content-type: application/grpc-web-text\r\naccept: application/grpc-web-text\r\n';

/** What the client and the endpoint see of a call. */
async function call(node: Node, path: string, headers: string, body: string) {
  const before = seen.length;
  const answered = await askRaw(
    ports[node],
    `POST /${path} HTTP/1.1\r\nhost: shop.example.com\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`,
  );
  const told = (name: string): string | undefined =>
    answered.headers.find((one) => one.startsWith(`${name}: `) || one === `${name}:`)?.slice(name.length + 2);
  const [asked] = seen.slice(before);
  const asks = ['content-type', 'content-length', 'te', 'grpc-accept-encoding', 'accept', 'grpc-timeout'];
  return {
    status: answered.status,
    body: answered.body,
    headers: ['content-type', 'grpc-status', 'grpc-message', 'x-a'].map(told),
    asked: asked && [asked.body, ...asks.map((name) => header(asked, name))],
  };
}

const oneMessage = frame('x');
const same: readonly (readonly [name: string, path: string, headers: string, body: string])[] = [
  ...['Get', 'Trailed', 'Bare', 'Failed', 'Only', 'Html', 'Html200', 'Short'].flatMap(
    (method) =>
      [
        [`${method} in bytes`, `shop.Ledger/${method}`, binary, oneMessage],
        [`${method} in text`, `shop.Ledger/${method}`, text, base64(oneMessage)],
      ] as const,
  ),
  ['no format', 'shop.Ledger/Get', 'content-type: application/grpc-web\r\naccept: */*\r\n', oneMessage],
  [
    'text to who accepts anything',
    'shop.Ledger/Get',
    'content-type: application/grpc-web-text\r\n',
    base64(oneMessage),
  ],
  [
    'bytes to who accepts text',
    'shop.Ledger/Get',
    `${binary.split('\r\n')[0]}\r\n${text.split('\r\n')[1]}\r\n`,
    oneMessage,
  ],
  [
    'headers of its own',
    'shop.Ledger/Get',
    `${binary}te: trailers\r\ngrpc-accept-encoding: gzip\r\ngrpc-timeout: 5S\r\n`,
    oneMessage,
  ],
  ['no body', 'shop.Ledger/Get', text, ''],
  ['no group of four letters', 'shop.Ledger/Get', text, 'AAA'],
  ['no base64', 'shop.Ledger/Get', text, 'AA!A'],
  ['bits left over', 'shop.Ledger/Get', text, 'AAAAAAF4QUF='],
  ['a service that speaks gRPC-Web itself', 'native/Get', binary, oneMessage],
  ['no route', 'nowhere', binary, oneMessage],
  ['no endpoint', 'dead/Get', binary, oneMessage],
];

/** Where the client is told the same, and what ours makes of it, and Envoy. */
const others: readonly (readonly [
  name: string,
  path: string,
  headers: string,
  body: string,
  ours: object,
  envoy: object,
])[] = [
  [
    'a status alone gets a status of gRPC as well',
    ...(['shop.Ledger/Alone', binary, oneMessage] as const),
    { status: 503, headers: ['application/grpc-web+proto', '14', undefined, undefined] },
    { status: 503, headers: ['application/grpc-web+proto', undefined, undefined, undefined] },
  ],
  [
    'a message that is empty is none',
    ...(['shop.Ledger/Empty', binary, oneMessage] as const),
    { status: 503, headers: ['application/grpc-web+proto', '14', undefined, undefined] },
    { status: 503, headers: ['application/grpc-web+proto', '14', '', undefined] },
  ],
  [
    'a deadline that has passed is told as such',
    ...(['slow/None', binary, oneMessage] as const),
    { status: 504, headers: ['application/grpc-web+proto', '4', 'downstream duration timeout', undefined] },
    { status: 504, headers: ['application/grpc-web+proto', '14', 'downstream duration timeout', undefined] },
  ],
  [
    'pieces of text may come together, each padded by itself',
    ...(['shop.Ledger/Get', text, base64('\0\0\0\0') + base64('\x01x')] as const),
    { status: 200 },
    { status: 400 },
  ],
  [
    'a parameter, or another format, is no other protocol',
    ...(['shop.Ledger/Get', 'content-type: application/grpc-web+json; a=b\r\n', oneMessage] as const),
    { headers: ['application/grpc-web+json', undefined, undefined, '1'] },
    { headers: ['application/grpc', undefined, undefined, '1'] },
  ],
];

test('what the page of gRPC shows is of the example', () => {
  const page = readFileSync(new URL('../docs/grpc.md', import.meta.url), 'utf8');
  const example = readFileSync(new URL('../examples/features/grpc-web.yaml', import.meta.url), 'utf8');
  const [, shown = ''] = /```yaml\n(.*?)```/s.exec(page)!;
  expect(example.endsWith(shown)).toBe(true);
});

test('what a client gets is what PROTOCOL-WEB.md says', async () => {
  const last = trailers('grpc-status:0\r\ngrpc-message:\r\nx-b:c d\r\n');
  const messages = [frame('hi'), frame('there')];
  expect(await call('ours', 'shop.Ledger/Get', binary, oneMessage)).toEqual({
    status: 200,
    body: messages.join('') + last,
    headers: ['application/grpc-web+proto', undefined, undefined, '1'],
    asked: [oneMessage, 'application/grpc', undefined, 'trailers', 'identity', 'application/grpc-web+proto', undefined],
  });
  expect(await call('ours', 'shop.Ledger/Get', text, base64(oneMessage))).toMatchObject({
    body: [...messages, last].map(base64).join(''),
    headers: ['application/grpc-web-text+proto', undefined, undefined, '1'],
  });
});

describe.skipIf(here === undefined)('beside an Envoy', () => {
  test.each(same)('the same: %s', async (_, path, headers, body) => {
    expect(await call('ours', path, headers, body)).toEqual(await call('envoy', path, headers, body));
  });

  test.each(others)('%s', async (_, path, headers, body, ours, envoy) => {
    expect(await call('ours', path, headers, body)).toMatchObject(ours);
    expect(await call('envoy', path, headers, body)).toMatchObject(envoy);
  });

  test.each(['Get', 'Bare', 'Only', 'Html', 'Failed'])('the same in HTTP/2: %s', async (method) => {
    const [ours, envoy] = [await callHttp2('ours', method), await callHttp2('envoy', method)];
    expect(ours).toEqual(envoy);
  });
});

async function callHttp2(node: Node, method: string) {
  const client = http2.connect(`http://127.0.0.1:${ports[node]}`);
  try {
    return await new Promise((resolve, reject) => {
      const stream = client.request({
        ...{ ':method': 'POST', ':path': `/shop.Ledger/${method}`, ':authority': 'shop.example.com' },
        ...{ 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' },
      });
      let body = '';
      let head: http2.IncomingHttpHeaders = {};
      let hasTrailers = false;
      client.on('error', reject);
      stream.on('error', reject);
      stream.on('response', (headers) => {
        head = headers;
      });
      stream.on('trailers', () => {
        hasTrailers = true;
      });
      stream.setEncoding('latin1').on('data', (chunk: string) => {
        body += chunk;
      });
      stream.on('close', () => {
        const said = [':status', 'content-type', 'grpc-status', 'grpc-message', 'x-a'].map((name) => head[name]);
        resolve({ said, body, hasTrailers });
      });
      stream.end(base64(oneMessage));
    });
  } finally {
    client.destroy();
  }
}
