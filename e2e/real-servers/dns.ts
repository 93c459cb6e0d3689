/** DNS over UDP, and over TCP for the answer that a datagram is too small for: as Node's resolver (c-ares) asks. */
import { Resolver } from 'node:dns/promises';
import { sameText } from './same.ts';

const names = 1_000;
const atOnce = 50;

export async function checkDns(direct: number, through: number): Promise<string> {
  const [proxied, own] = [new Resolver({ timeout: 5_000, tries: 1 }), new Resolver()];
  proxied.setServers([`127.0.0.1:${through}`]);
  own.setServers([`127.0.0.1:${direct}`]);
  for (let i = 0; i < names; i += atOnce) {
    const asked = Array.from({ length: atOnce }, (_, at) => `h${i + at}.real.test`);
    const [found, wanted] = await Promise.all(
      [proxied, own].map(async (resolver) => (await Promise.all(asked.map((name) => resolver.resolve4(name)))).join()),
    );
    sameText(found!, wanted!, `addresses from ${asked[0]}`);
  }
  const [found, wanted] = await Promise.all(
    [proxied, own].map(async (resolver) => (await resolver.resolveTxt('large.real.test')).sort().join()),
  );
  sameText(found!, wanted!, 'the large answer');
  return `${names} names over UDP, and an answer of ${wanted!.length} B, which goes on over TCP`;
}
