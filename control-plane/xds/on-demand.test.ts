import { describe, expect, test } from 'vitest';
import { decode } from '../../proto/codec.ts';
import { encodeResponse, responseOf } from './responses.ts';
import { Conversation } from './testing/conversation.ts';

const hosts = { 'public/shop.example.com': 1, 'public/*.example.com': 1, 'public/*': 1, 'private/*.example.com': 1 };

/** Name, aliases and the name inside of each resource that was sent last. */
function sent(talk: Conversation): [string | undefined, readonly string[], string | undefined][] {
  const effect = talk.effects.findLast(({ kind }) => kind === 'send');
  if (effect?.kind !== 'send') throw new Error('nothing was sent');
  const bytes = encodeResponse(responseOf('delta', effect.type, effect.nonce, effect.content, 'plain'));
  const { resources = [] } = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
  return resources.map(({ name, aliases = [], resource }) => {
    const { value = new Uint8Array() } = resource as { value?: Uint8Array };
    return [name, aliases, decode('envoy.config.route.v3.VirtualHost', value).name];
  });
}

test.each([
  ['public/shop.example.com', 'public/shop.example.com', []],
  ['public/Shop.Example.com:8080', 'public/shop.example.com', ['public/Shop.Example.com:8080']],
  ['public/a.b.example.com', 'public/*.example.com', ['public/a.b.example.com']],
  ['public/example.com', 'public/*', ['public/example.com']],
  ['private/x.example.com', 'private/*.example.com', ['private/x.example.com']],
])('A16. %s is answered with %s', (asked, name, aliases) => {
  const talk = new Conversation('delta', { virtualHosts: hosts });
  expect(talk.change('virtualHosts', { sub: [asked] })).toHaveLength(1);
  expect(sent(talk)).toEqual([[name, aliases, name]]);
});

test.each(['private/example.com', 'nowhere/shop.example.com', 'shop.example.com'])(
  '54. A16. %s, which no host takes, is reported as absent',
  (asked) => {
    const talk = new Conversation('delta', { virtualHosts: hosts });
    const said = talk.change('virtualHosts', { sub: [asked] });
    expect(said).toEqual([{ type: 'virtualHosts', resources: [], removed: [asked] }]);
  },
);

describe('a host that is known by an alias', () => {
  function settled(): Conversation {
    const talk = new Conversation('delta', { virtualHosts: { 'public/*.example.com': 1, 'public/other.org': 1 } });
    talk.change('virtualHosts', { sub: ['public/a.example.com'] });
    expect(talk.ack('virtualHosts')).toEqual([]);
    return talk;
  }

  test('A16. is sent again when it changes, with its alias, and not when others do', () => {
    const talk = settled();
    expect(talk.publish({ virtualHosts: { 'public/*.example.com': 1, 'public/other.org': 2 } })).toEqual([]);
    expect(talk.publish({ virtualHosts: { 'public/*.example.com': 2, 'public/other.org': 2 } })).toHaveLength(1);
    expect(sent(talk)).toEqual([['public/*.example.com', ['public/a.example.com'], 'public/*.example.com']]);
  });

  test('A16. gives way to a host that takes the request rather', () => {
    const talk = settled();
    talk.publish({ virtualHosts: { 'public/*.example.com': 1, 'public/a.example.com': 1 } });
    expect(sent(talk)).toEqual([['public/a.example.com', [], 'public/a.example.com']]);
  });

  test('A16. is removed under its own name', () => {
    const said = settled().publish({ virtualHosts: { 'public/other.org': 1 } });
    expect(said).toEqual([{ type: 'virtualHosts', resources: [], removed: ['public/*.example.com'] }]);
  });

  test('A16. is not sent for another name that is dropped', () => {
    const talk = settled();
    expect(talk.change('virtualHosts', { sub: ['public/b.example.com'] })).toHaveLength(1);
    expect(talk.ack('virtualHosts')).toEqual([]);
    expect(talk.change('virtualHosts', { unsub: ['public/b.example.com'] })).toEqual([]);
  });
});
