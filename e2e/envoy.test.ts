/** A real Envoy joins a group by the bootstrap that we print, and forwards as our own node does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

describe.skipIf(!here)('Envoy beside our own node', () => {
  let controlPlane: ControlPlaneProcess;
  let ours: DataPlaneProcess;
  const envoys = new Map<string, RunningEnvoy>();

  beforeAll(async () => {
    controlPlane = await startControlPlane(cleanup);
    const backends = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startBackend(cleanup, name)));
    const cluster = (name: string, port: number, more = ''): string => `---
kind: Cluster
name: ${name}
spec: { endpoints: [{ address: 127.0.0.1, port: ${port}, zone: z1, labels: { v: one } }], balance: { policy: round-robin }${more} }
`;
    const route = (name: string, hosts: string, match: string, to: string): string => `---
kind: Route
name: ${name}
spec: { hosts: [${hosts}], match: { ${match} }, to: ${to}, timeout: 30s }
`;
    const rewrite = (name: string, path: string, says: string): string => `---
kind: Route
name: ${name}
spec: { hosts: [w.example.com], match: { path: { ${path} } }, to: [{ cluster: a }], rewrite: { ${says} } }
`;
    const changed = (name: string, says: string): string => `---
kind: Route
name: ${name}
spec: { hosts: [v.example.com], match: { path: { prefix: /${name} } }, to: [{ cluster: a }], headers: { ${says} } }
`;
    const answer = (name: string, path: string, says: string): string => `---
kind: Route
name: ${name}
spec: { hosts: [z.example.com], match: { path: { ${path} } }, ${says} }
`;
    const health = ', health: { active: { http: { path: /healthz }, interval: 200ms, timeout: 10s } }';
    await controlPlane.apply(
      `kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: http }
---
kind: Listener
name: raw
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: tcp }
---
kind: L4Route
name: raw
spec: { listener: raw, to: [{ cluster: d }] }
---
kind: Cluster
name: d
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${backends[3]!.port} }] }
${['a', 'b', 'c'].map((name, i) => cluster(name, backends[i]!.port, i === 1 ? health : '')).join('')}` +
        route('root', 'x.example.com', 'path: { prefix: / }', '[{ cluster: a }]') +
        route('deep', 'x.example.com', 'path: { prefix: /deep/er }', '[{ cluster: b }]') +
        route('exact', 'x.example.com', 'path: { exact: /deep/er/exact }', '[{ cluster: c }]') +
        route('raw', 'x.example.com', 'path: { rawPrefix: /raw }', '[{ cluster: b }]') +
        route('case', 'x.example.com', 'path: { prefix: /CaSe, ignoreCase: true }', '[{ cluster: b }]') +
        route('post', 'x.example.com', 'path: { prefix: /m }, methods: [POST, PUT]', '[{ cluster: b }]') +
        route(
          'hexact',
          'x.example.com',
          'path: { prefix: /h }, headers: [{ name: X-V, exact: beta }]',
          '[{ cluster: b }]',
        ) +
        route(
          'hnot',
          'x.example.com',
          'path: { prefix: /not }, headers: [{ name: x-v, exact: beta, not: true }]',
          '[{ cluster: b }]',
        ) +
        route(
          'hpresent',
          'x.example.com',
          'path: { prefix: /p }, headers: [{ name: x-p, present: true }]',
          '[{ cluster: b }]',
        ) +
        route(
          'habsent',
          'x.example.com',
          'path: { prefix: /q }, headers: [{ name: x-p, present: false }]',
          '[{ cluster: b }]',
        ) +
        route(
          'hrange',
          'x.example.com',
          'path: { prefix: /r }, headers: [{ name: x-n, range: [18, 65] }]',
          '[{ cluster: b }]',
        ) +
        route(
          'hsub',
          'x.example.com',
          'path: { prefix: /s }, headers: [{ name: x-s, contains: mid }]',
          '[{ cluster: b }]',
        ) +
        route(
          'hregex',
          'x.example.com',
          'path: { prefix: /hr }, headers: [{ name: x-v, regex: "v[0-9]+" }]',
          '[{ cluster: b }]',
        ) +
        route('template', 'x.example.com', 'path: { template: "/t/{id}/items" }', '[{ cluster: b }]') +
        route('regex', 'x.example.com', 'path: { regex: "/re/[0-9]+(/.*)?" }', '[{ cluster: b }]') +
        route('nocase', 'y.example.com', 'path: { regex: "(?i)/a|/b.*" }', '[{ cluster: b }]') +
        route('y', 'y.example.com', 'path: { prefix: / }', '[{ cluster: a }]') +
        route('qexact', 'x.example.com', 'path: { prefix: /qe }, query: [{ name: k, exact: v }]', '[{ cluster: b }]') +
        route(
          'qregex',
          'x.example.com',
          'path: { prefix: /qr }, query: [{ name: k, regex: "[0-9]*" }, { name: z, present: false }]',
          '[{ cluster: b }]',
        ) +
        route('all', 'x.example.com', 'path: { prefix: /f1 }, fraction: 100%', '[{ cluster: b }]') +
        route('none', 'x.example.com', 'path: { prefix: /f0 }, fraction: 0%', '[{ cluster: b }]') +
        rewrite('w-host', 'prefix: /host', 'host: "orders.internal:8080"') +
        rewrite('w-same', 'prefix: /same', 'host: w.example.com') +
        rewrite('w-base', 'prefix: /base', 'prefix: /') +
        rewrite('w-prefix', 'prefix: /prefix', 'prefix: /v2') +
        rewrite('w-keep', 'prefix: /keep', 'prefix: /keep') +
        rewrite('w-case', 'prefix: /CaSe, ignoreCase: true', 'prefix: /') +
        rewrite('w-raw', 'rawPrefix: /raw', 'prefix: /v2') +
        rewrite('w-exact', 'exact: /exact', 'prefix: /v2/, host: orders.internal') +
        rewrite('w-regex', 'regex: "/re/.*"', "regex: { pattern: '/(\\d+)(/x)?', to: '/n\\1\\2' }") +
        rewrite('w-swap', 'template: "/{a}/to/{b}"', "regex: { pattern: '^/([^/]+)/to/([^/]+)$', to: '/\\2/\\1' }") +
        changed(
          'h-set',
          'request: { remove: [x-gone], set: { x-a: one, x-b: "%REQ(x-in?x-other)%" }, add: { x-c: two } }',
        ) +
        changed('h-vars', 'request: { set: { x-a: "%REQ(x-in):3% %PROTOCOL% 5%% %ROUTE_NAME%" } }') +
        changed('h-none', 'request: { remove: [x-a], set: { x-b: "%REQ(x-nothing)%" } }') +
        changed('h-answer', 'response: { remove: [content-type], set: { x-a: "%REQ(x-in)%" }, add: { x-b: b } }') +
        answer(
          'a-header',
          'prefix: /header',
          'respond: { status: 403, body: "{}", headers: { content-type: application/json, x-a: b } }',
        ) +
        answer('to-header', 'prefix: /hto', 'redirect: { path: /x }, headers: { response: { add: { x-a: b } } }') +
        answer('to-https', 'prefix: /https', 'redirect: { scheme: https }') +
        answer('to-host', 'prefix: /host', 'redirect: { host: "other.example.com:8443", code: 308 }') +
        answer('to-path', 'prefix: /path', 'redirect: { path: /new, code: 302 }') +
        answer('to-query', 'prefix: /query', 'redirect: { path: "/new?a=b", code: 303 }') +
        answer('to-prefix', 'prefix: /prefix', 'redirect: { prefix: /v2, code: 307 }') +
        answer('to-root', 'prefix: /base', 'redirect: { prefix: / }') +
        answer('to-root-any', 'prefix: /any, ignoreCase: true', 'redirect: { prefix: / }') +
        answer('to-raw', 'rawPrefix: /raw/', 'redirect: { prefix: /v2 }') +
        answer('to-exact', 'exact: /exact', 'redirect: { prefix: /v2/ }') +
        answer('text', 'prefix: /text', 'respond: { status: 421, body: "not \u00e9 here" }') +
        answer('bare', 'prefix: /none', 'respond: { status: 503 }') +
        answer('empty', 'prefix: /empty', 'respond: { status: 204 }') +
        answer('unchanged', 'prefix: /unchanged', 'respond: { status: 304 }') +
        route('suffix', '"*.wild.example.com"', 'path: { prefix: / }', '[{ cluster: c }]') +
        route('begins', '"wild.*"', 'path: { prefix: / }', '[{ cluster: b }]') +
        route('any', '"*"', 'path: { exact: /any }', '[{ cluster: c }]'),
    );
    ours = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
    for (const variant of ['delta', 'sotw']) {
      const printed = await run(
        [
          'bootstrap',
          'envoy',
          '--group',
          'edge',
          '--id',
          `envoy-${variant}`,
          '--variant',
          variant,
          '--xds',
          controlPlane.xds,
        ],
        controlPlane.env,
      );
      expect(printed.stderr).toBe('');
      const envoy = await startEnvoy({ bootstrap: printed.stdout });
      cleanup.add(() => envoy.stop());
      envoys.set(variant, envoy);
    }
  });

  test.each(['delta', 'sotw'])('by %s ADS it takes all four types without a NACK', async (variant) => {
    await waitFor(`envoy-${variant} to be synced`, async () => {
      const { types } = await controlPlane.rest<{ types: Record<string, { state: string; error?: string }> }>(
        'GET',
        `/v1/nodes/envoy-${variant}`,
      );
      for (const [type, { error }] of Object.entries(types)) expect(error, type).toBeUndefined();
      // by the incremental variant each host is a resource of its own
      const hosts = variant === 'delta' ? ['virtualHosts'] : [];
      return ['listeners', 'routes', ...hosts, 'clusters', 'endpoints'].every((type) => types[type]?.state === 'synced')
        ? true
        : undefined;
    });
    const stats = await envoys.get(variant)!.admin('/stats?filter=update_rejected');
    for (const line of stats.trim().split('\n')) expect(line).toMatch(/: 0$/);
  });

  const requests: [string, Parameters<typeof request>[1]][] = [
    ...[
      '/',
      '/deep',
      '/deep/er',
      '/deep/er/',
      '/deep/erx',
      '/deep/er/exact',
      '/deep/er/exact/',
      '/raw',
      '/rawer',
      '/case',
      '/CASE/x',
      '/casex',
      '/any',
    ].map((path): [string, Parameters<typeof request>[1]] => [path, { path }]),
    ...['//deep//er', '/deep/./er', '/x/../deep/er', '/%64eep/er', '/deep/er?x=//y', '/deep%2Fer'].map(
      (path): [string, Parameters<typeof request>[1]] => [path, { path }],
    ),
    ...['GET', 'POST', 'PUT', 'DELETE'].map((method): [string, Parameters<typeof request>[1]] => [
      `${method} /m`,
      { path: '/m', method },
    ]),
    ...['beta', 'alpha', ''].flatMap((v): [string, Parameters<typeof request>[1]][] => [
      [`/h x-v=${v}`, { path: '/h', headers: { 'x-v': v } }],
      [`/not x-v=${v}`, { path: '/not', headers: { 'x-v': v } }],
    ]),
    ['/not without', { path: '/not' }],
    ['/p with', { path: '/p', headers: { 'x-p': '' } }],
    ['/p without', { path: '/p' }],
    ['/q with', { path: '/q', headers: { 'x-p': '1' } }],
    ['/q without', { path: '/q' }],
    ...['17', '18', '64', '65', '+20', '020', '20.0', 'x', ''].map((n): [string, Parameters<typeof request>[1]] => [
      `/r x-n=${n}`,
      { path: '/r', headers: { 'x-n': n } },
    ]),
    ...['v1', 'v', 'v1x', 'V1', ''].map((v): [string, Parameters<typeof request>[1]] => [
      `/hr x-v=${v}`,
      { path: '/hr', headers: { 'x-v': v } },
    ]),
    ...[
      ...['/t/7/items', '/t/7/items/', '/t//items', '/t/a%20b/items', '/T/7/items', '/t/7/8/items'],
      ...['/re/12', '/re/12/', '/re/x', '/re/12/a/b?c', '/re/12a'],
      ...['/qe', '/qe?k=v', '/qe?k=V', '/qe?k=w&k=v', '/qe?a&k=v', '/qe?k=%76', '/qe?k', '/qe?kk=v&k=v'],
      ...['/qr?k=12', '/qr?k=1x', '/qr?k', '/qr?k=', '/qr', '/qr?k=1&z', '/qr?k=1&Z'],
      ...['/f1', '/f0'],
    ].map((path): [string, Parameters<typeof request>[1]] => [path, { path }]),
    ...['/a', '/A', '/Bcd', '/ab', '/c'].map((path): [string, Parameters<typeof request>[1]] => [
      `y ${path}`,
      { host: 'y.example.com', path },
    ]),
    ...[
      ...[
        '/https',
        '/https/a?b',
        '/host/a?b',
        '/path/x?y',
        '/path',
        '/query?x',
        '/prefix/7?x',
        '/prefix',
        '/base/7',
        '/base',
      ],
      ...['/base/', '/ANY/7', '/any', '/raw/7', '/raw/', '/exact?x', '/text', '/none', '/empty', '/unchanged', '/x'],
      ...['/base//7', '/%62ase/%37'],
    ].flatMap((path): [string, Parameters<typeof request>[1]][] =>
      ['z.example.com', 'Z.example.com:80', 'z.example.com:8080'].map((host) => [`${host}${path}`, { host, path }]),
    ),
    ...[
      ...[
        '/host/a?b',
        '/same',
        '/base/7?x=//y',
        '/base',
        '/base/',
        '/base?x',
        '/prefix/7',
        '/prefix?x',
        '/keep/x',
        '/case/7',
      ],
      ...[
        '/CASE',
        '/rawer/7',
        '/exact?x',
        '/re/12/34/x?5',
        '/re/x',
        '/one/to/two?y',
        '/%6Fne/to/t%20wo',
        '/base/%2e%2e/base/x',
      ],
    ].flatMap((path): [string, Parameters<typeof request>[1]][] =>
      ['w.example.com', 'W.example.com:8080'].map((host) => [`${host}${path}`, { host, path }]),
    ),
    ...['/h-set', '/h-vars', '/h-none', '/h-answer'].flatMap((path): [string, Parameters<typeof request>[1]][] =>
      [{}, { 'x-in': 'inside' }, { 'x-other': 'other', 'x-a': 'A', 'x-b': 'B', 'x-c': 'C', 'x-gone': 'gone' }].map(
        (headers) => [`v${path} ${JSON.stringify(headers)}`, { host: 'v.example.com', path, headers }],
      ),
    ),
    ['a text with headers', { host: 'z.example.com', path: '/header' }],
    ['a redirect with headers', { host: 'z.example.com', path: '/hto' }],
    ...['HEAD', 'POST'].flatMap((method): [string, Parameters<typeof request>[1]][] =>
      ['/text', '/none', '/empty', '/unchanged', '/https'].map((path) => [
        `${method} z${path}`,
        { host: 'z.example.com', path, method },
      ]),
    ),
    ['/s amidst', { path: '/s', headers: { 'x-s': 'amidst' } }],
    ['/s none', { path: '/s', headers: { 'x-s': 'MID' } }],
    ...[
      'X.Example.Com',
      'x.example.com:8080',
      'x.example.com.',
      'a.wild.example.com',
      'a.b.wild.example.com',
      'wild.example.com',
      'nobody.org',
      ...['wild.org', 'WILD.a.b:80', 'wild.', 'wilder.org', 'wild.wild.example.com'],
    ].map((host): [string, Parameters<typeof request>[1]] => [`host ${host}`, { host, path: '/any' }]),
  ];

  async function seen(port: number, options: Parameters<typeof request>[1]): Promise<string> {
    const { host = 'x.example.com' } = options ?? {};
    const answer = await request(port, { ...options, host });
    if (answer.status !== 200) {
      // Envoy gives an answer to HEAD no length, and a direct 304 the location of what was asked
      const left = options?.method === 'HEAD' ? ['content-length', 'transfer-encoding'] : [];
      const ignored = ['date', ...left, ...(answer.status === 304 ? ['location'] : [])];
      const headers = Object.entries(answer.headers).filter(([name]) => !ignored.includes(name));
      return JSON.stringify([answer.status, answer.body, headers.sort()]);
    }
    const { backend, method, url, headers } = JSON.parse(answer.body);
    const rewritten = ['host', 'x-forwarded-host', 'x-envoy-original-path', 'x-envoy-original-host']
      .filter((name) => name !== 'host' || headers['x-envoy-original-host'] !== undefined)
      .flatMap((name) => (headers[name] === undefined ? [] : ` ${name}: ${headers[name]}`));
    const changed = Object.entries(headers).filter(([name]) => /^x-(?:a|b|c|gone)$/.test(name));
    const answered = Object.entries(answer.headers).filter(([name]) => /^(?:x-[abc]|content-type)$/.test(name));
    const all = changed.length + answered.length === 0 ? '' : JSON.stringify([changed.sort(), answered.sort()]);
    return `${backend} ${method} ${url}${rewritten.join('')}${host === 'v.example.com' ? all : ''}`;
  }

  test.each(requests)('%s goes where our node sends it', async (_name, options) => {
    const expected = await seen(await ours.port('public'), options);
    for (const [variant, envoy] of envoys) {
      expect(await seen(await envoy.listenerPort('public'), options), variant).toBe(expected);
    }
  });

  test('TCP goes where our node sends it', async () => {
    const expected = await seen(await ours.port('raw'), {});
    expect(expected).toBe('d GET /');
    for (const [variant, envoy] of envoys)
      expect(await seen(await envoy.listenerPort('raw'), {}), variant).toBe(expected);
  });

  test('a host comes and goes at Envoy as it does at our node', async () => {
    const ports = [
      await ours.port('public'),
      ...(await Promise.all([...envoys.values()].map((envoy) => envoy.listenerPort('public')))),
    ];
    const everywhere = async (what: string, expected: RegExp): Promise<void> => {
      for (const port of ports) {
        await waitFor(what, async () => expected.test(await seen(port, { host: 'brief.example.com' })) || undefined);
      }
    };
    for (const _ of [1, 2]) {
      await controlPlane.apply(`
kind: Route
name: brief
spec: { hosts: [brief.example.com], to: [{ cluster: c }] }
`);
      await everywhere('the host to come', /^c GET/);
      await controlPlane.rest('DELETE', '/v1/routes/brief');
      await everywhere('the host to go', /^\[404,/);
    }
  });

  test('a change reaches Envoy as it reaches our node', async () => {
    await controlPlane.apply(`
kind: Route
name: new
spec: { hosts: [x.example.com], match: { path: { prefix: /brand-new } }, to: [{ cluster: c }] }
`);
    const ports = [
      await ours.port('public'),
      ...(await Promise.all([...envoys.values()].map((envoy) => envoy.listenerPort('public')))),
    ];
    for (const port of ports) {
      await waitFor('the new route', async () =>
        (await seen(port, { path: '/brand-new' })) === 'c GET /brand-new' ? true : undefined,
      );
    }
  });
});
