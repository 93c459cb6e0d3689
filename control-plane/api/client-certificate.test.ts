import { expect, test } from 'vitest';
import { certifiedNode, judgeCertificate } from './client-certificate.ts';

test.each<[readonly string[], ReturnType<typeof certifiedNode>]>([
  [['spiffe://example.com/fairlead/group/edge'], { group: 'edge', id: undefined }],
  [['spiffe://example.com/fairlead/group/edge/node/edge-1.a_B'], { group: 'edge', id: 'edge-1.a_B' }],
  [['https://example.com/', 'spiffe://x/fairlead/group/edge'], { group: 'edge', id: undefined }],
  // of something else: a token has to say it
  [[], undefined],
  [['spiffe://example.com/ns/default/sa/edge'], undefined],
  [['https://example.com/fairlead/group/edge'], undefined],
  [['spiffe://example.com/other/fairlead/group/edge'], undefined],
  [['spiffe://example.com/fairleads/group/edge'], undefined],
])('%j is %j', (uris, node) => {
  expect(certifiedNode(uris)).toEqual(node);
});

test.each([
  'spiffe://example.com/fairlead',
  'spiffe://example.com/fairlead/group/',
  'spiffe://example.com/fairlead/group/edge/',
  'spiffe://example.com/fairlead/group/Edge',
  'spiffe://example.com/fairlead/group/edge?x=1',
  'spiffe://example.com/fairlead/group/edge#x',
  'spiffe://example.com/fairlead/group/edge\0.example.com',
  'spiffe://example.com/fairlead/group/edge\n',
  'spiffe://example.com/fairlead/group/ed%67e',
  'spiffe://example.com/fairlead/group/a/../edge',
  `spiffe://example.com/fairlead/group/${'g'.repeat(64)}`,
  'spiffe://example.com/fairlead/group/edge/node/',
  'spiffe://example.com/fairlead/group/edge/node/a/b',
  'spiffe://example.com/fairlead/group/edge/node/a%2Fb',
  'spiffe://example.com/fairlead/node/n1',
  'spiffe:///fairlead/group/edge',
  'spiffe://user@example.com/fairlead/group/edge',
  'spiffe://example.com:443/fairlead/group/edge',
  'SPIFFE://example.com/fairlead/group/edge',
  'spiffe://example.com/Fairlead/group/edge',
])('%j is refused as misspelt, not taken for something else', (uri) => {
  expect(certifiedNode([uri])).toMatchObject({
    fault: expect.stringContaining('spiffe://TRUST-DOMAIN/fairlead/group/'),
  });
});

test('a certificate that names two nodes is nobody’s', () => {
  const uris = ['spiffe://x/fairlead/group/edge', 'spiffe://x/fairlead/group/inner'];
  expect(certifiedNode(uris)).toEqual({ fault: `names several nodes: ${uris.join(', ')}` });
});

const node = { id: 'n1', group: 'edge' };
const naming = (uri: string) => ({ trusted: true, uris: [uri] }) as const;

test.each([
  ['no certificate', undefined, 'token-needed'],
  ['one that names nothing', { trusted: true, uris: [] } as const, 'token-needed'],
  ['one of the group', naming('spiffe://x/fairlead/group/edge'), { ok: true }],
  ['one of the node', naming('spiffe://x/fairlead/group/edge/node/n1'), { ok: true }],
  [
    'one of another group',
    naming('spiffe://x/fairlead/group/inner/node/n1'),
    { ok: false, code: 'permission-denied', message: expect.stringMatching(/for group inner .* as group edge/) },
  ],
  [
    'one of another node',
    naming('spiffe://x/fairlead/group/edge/node/n2'),
    { ok: false, code: 'permission-denied', message: expect.stringMatching(/for node n2 .* as node n1/) },
  ],
  [
    'one that is misspelt',
    naming('spiffe://x/fairlead/edge'),
    { ok: false, code: 'unauthenticated', message: expect.stringContaining('spiffe://x/fairlead/edge') },
  ],
  [
    'one that is not trusted',
    { trusted: false, reason: 'it has expired' } as const,
    { ok: false, code: 'unauthenticated', message: 'the client certificate is not accepted: it has expired' },
  ],
])('%s', (_name, certificate, verdict) => {
  expect(judgeCertificate(certificate, node)).toEqual(verdict);
});
