/** Listeners wait for their secrets, keep what they have, and take what is renewed. */
import { expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { encode } from '../../proto/codec.ts';
import { ads, pairFor, secretBytes, tlsListener, tlsSocket } from './decode/testing.ts';
import { complete, resourceTimeoutMs, table, type Wired } from './testing-client.ts';

const [one, two] = [pairFor('one.example.com'), pairFor('two.example.com')];
const secret = (name: string, version: string, pair: typeof one) => ({ name, version, bytes: secretBytes(name, pair) });
const secure = (version: string, ...secrets: string[]) => ({
  name: 'secure',
  version,
  bytes: tlsListener(secrets, { name: 'secure' }),
});

const served = ({ configs }: Wired) =>
  configs
    .at(-1)
    ?.listeners.get('secure')
    ?.tls?.certificates.map(({ name, hosts }) => `${name} ${hosts.join()}`);

/** With the listener `secure`, which serves the secret `shop`. */
async function withTls(options: Parameters<typeof complete>[0] = {}): Promise<Wired> {
  const wired = await complete(options);
  const { stream } = wired;
  stream.send('listeners', [secure('l1', 'shop')]);
  expect([await stream.said(), await stream.said()]).toEqual([
    { type: 'listeners', nonce: 'n5' },
    { type: 'secrets', sub: ['shop'] },
  ]);
  expect(wired.configs.at(-1)?.listeners.has('secure')).toBe(false);
  stream.send('secrets', [secret('shop', 's1', one)]);
  expect(await stream.said()).toEqual({ type: 'secrets', nonce: 'n6' });
  expect(served(wired)).toEqual(['shop one.example.com']);
  return wired;
}

test('a listener is not there until its secret is, and has the renewed one at once', async () => {
  const wired = await withTls();
  const before = wired.configs.at(-1)!;
  wired.stream.send('secrets', [secret('shop', 's2', two)]);
  expect(await wired.stream.said()).toEqual({ type: 'secrets', nonce: 'n7' });
  expect(served(wired)).toEqual(['shop two.example.com']);
  const after = wired.configs.at(-1)!;
  expect(after.listeners.get('public')).toBe(before.listeners.get('public'));
  expect(after.listeners.get('secure')?.chain).toBe(before.listeners.get('secure')?.chain);
});

test('a pair that does not fit is refused with its field, and the old one stays', async () => {
  const wired = await withTls();
  wired.stream.send('secrets', [secret('shop', 's2', { chain: two.chain, key: one.key })]);
  expect(await wired.stream.said()).toEqual({
    type: 'secrets',
    nonce: 'n7',
    error: 'secrets "shop": tls_certificate.private_key: is not the key of the certificate',
  });
  expect(served(wired)).toEqual(['shop one.example.com']);
});

test('an updated listener serves in its old form until all of its new secrets came, then gives back the others', async () => {
  const wired = await withTls();
  const { stream } = wired;
  stream.send('listeners', [secure('l2', 'first', 'second')]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'secrets', sub: ['first', 'second'] });
  stream.send('secrets', [secret('first', 's1', two)]);
  await stream.said();
  expect(served(wired)).toEqual(['shop one.example.com']);
  stream.send('secrets', [secret('shop', 's2', two)]);
  await stream.said();
  expect(served(wired)).toEqual(['shop two.example.com']);
  stream.send('secrets', [secret('second', 's1', one)]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'secrets', unsub: ['shop'] });
  expect(served(wired)).toEqual(['first two.example.com', 'second one.example.com']);
});

const authority = makeCertificate({ hosts: ['authority'], authority: true }).certificate.trim();
const signers = (name: string, version: string) => ({
  ...{ name, version },
  bytes: encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
    name,
    validation_context: { trusted_ca: { inline_string: authority } },
  }),
});

test("a listener waits for the authorities of its clients' certificates, and for nothing of another kind", async () => {
  const wired = await withTls();
  const { stream } = wired;
  const validation_context_sds_secret_config = { name: 'ca', sds_config: ads };
  const asking = tlsSocket(['shop'], {}, { validation_context_sds_secret_config });
  const clientOf = () => wired.configs.at(-1)?.listeners.get('secure')?.tls?.client;
  stream.send('listeners', [{ name: 'secure', version: 'l2', bytes: tlsListener([], { name: 'secure' }, asking) }]);
  await stream.said();
  expect(await stream.said()).toEqual({ type: 'secrets', sub: ['ca'] });
  expect(clientOf()).toBe(null);
  stream.send('secrets', [secret('ca', 's2', two)]);
  expect(await stream.said()).toEqual({ type: 'secrets', nonce: 'n8' });
  expect(clientOf()).toBe(null);
  stream.send('secrets', [signers('ca', 's3')]);
  await stream.said();
  expect(clientOf()).toEqual({ required: false, authorities: authority, names: [] });
  stream.send('secrets', [signers('shop', 's3')]);
  await stream.said();
  expect(served(wired)).toEqual(['shop one.example.com']);
  expect(clientOf()?.authorities).toBe(authority);
});

test('a secret that is removed while it is served stays in use; a listener that goes gives its secrets back', async () => {
  const wired = await withTls();
  wired.stream.send('secrets', [], ['shop']);
  await wired.stream.said();
  expect(served(wired)).toEqual(['shop one.example.com']);
  wired.stream.send('listeners', [], ['secure']);
  await wired.stream.said();
  expect(await wired.stream.said()).toEqual({ type: 'secrets', unsub: ['shop'] });
  expect(wired.configs.at(-1)?.listeners.has('secure')).toBe(false);
});

test('a secret that outlives its time to live takes its listener with it', async () => {
  const wired = await withTls();
  wired.stream.send('secrets', [{ ...secret('shop', 's1', one), ttlMs: 1_000 }]);
  await wired.stream.said();
  wired.timers.fire(await wired.timers.awaitSet(1_000));
  expect(wired.configs.at(-1)?.listeners.has('secure')).toBe(false);
});

test('the others do not wait longer than they should for a secret that does not come', async () => {
  const wired = await complete();
  const { stream } = wired;
  stream.send('listeners', [secure('l1', 'shop')]);
  await stream.said();
  await stream.said();
  wired.timers.fire(await wired.timers.awaitSet(resourceTimeoutMs));
  expect(wired.configs.at(-1)?.listeners.has('secure')).toBe(false);
  stream.send('routes', [table('public', 'r2', 'b.example.com')]);
  await stream.said();
  stream.send('secrets', [secret('shop', 's1', one)]);
  await stream.said();
  expect(served(wired)).toEqual(['shop one.example.com']);
});

test('what is dumped of a secret has no private key', async () => {
  const wired = await withTls();
  const [dumped] = wired.client.dump().secrets;
  const text = Buffer.from(dumped!.resource.value).toString('latin1');
  expect(text).toContain(one.chain);
  expect(text).toContain('[redacted]');
  expect(text).not.toContain(one.key.split('\n')[1]);
});
