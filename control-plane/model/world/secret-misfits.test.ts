import { expect, test } from 'vitest';
import { authoritiesYaml, makeCertificate, secretYaml } from '../../../e2e/support/certificates.ts';
import { codesOf, puts, removal, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const pair = makeCertificate({ hosts: ['shop.example.com'] });
const authority = makeCertificate({ hosts: ['authority'], authority: true });
const secrets = `{ kind: NodeGroup, name: edge }
---
${secretYaml('shop', pair)}---
${authoritiesYaml('clients', authority)}`;
const secure = (certificates: string, ca: string) =>
  `{ kind: Listener, name: secure, spec: { groups: edge, port: 0, protocol: https, tls: { certificates: ${certificates}, client: { ca: ${ca} } } } }`;
const problemsOf = (current: string, change: string) => codesOf(checkChanges(setOf(current), puts(change)));

test.each([
  ['[shop]', 'clients', []],
  ['[clients, shop]', 'clients', ['conflict /spec/tls/certificates/0']],
  ['shop', 'shop', ['conflict /spec/tls/client/ca']],
  ['shop', 'others', ['missing-reference /spec/tls/client/ca']],
])('a listener with the certificates %s and the authorities %s: %j', (certificates, ca, problems) => {
  expect(problemsOf(secrets, secure(certificates, ca))).toEqual(problems);
});

test('a Secret that a listener names does not turn into another kind, and does not go', () => {
  const current = `${secrets}---\n${secure('shop', 'clients')}`;
  expect(problemsOf(current, authoritiesYaml('shop', authority))).toEqual(['conflict /spec/ca']);
  expect(problemsOf(current, secretYaml('clients', pair))).toEqual(['conflict /spec/certificate']);
  const turned = `${authoritiesYaml('shop', authority)}---\n${secretYaml('clients', pair)}---\n${secure('clients', 'shop')}`;
  expect(problemsOf(current, turned)).toEqual([]);
  expect(codesOf(checkChanges(setOf(current), [removal('Secret//clients')]))).toEqual(['in-use ']);
});
