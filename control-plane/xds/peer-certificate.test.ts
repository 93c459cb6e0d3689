import { expect, test } from 'vitest';
import { uriNames } from './peer-certificate.ts';

test.each([
  ['', []],
  ['URI:spiffe://x/a', ['spiffe://x/a']],
  ['DNS:localhost, IP Address:127.0.0.1, URI:spiffe://x/a, URI:https://y/', ['spiffe://x/a', 'https://y/']],
  // a name that only looks as if there were another one in it
  ['DNS:"x, URI:spiffe://x/a"', []],
  ['URI:"https://y/, URI:spiffe://x/a"', ['https://y/, URI:spiffe://x/a']],
  ['URI:"spiffe://x/a\\u0000.example.com"', ['spiffe://x/a\0.example.com']],
  ['URI:"quoted \\"twice\\"", DNS:y', ['quoted "twice"']],
  ['othername:<unsupported>, URI:b', ['b']],
  ['DirName:"CN=x, URI:spiffe://x/a"', []],
])('the URIs of %j are %j', (text, uris) => {
  expect(uriNames(text)).toEqual(uris);
});

test.each(['//x/a', 'URI:"unclosed', 'URI:"\\x"', 'URI:a,URI:b', 'URI:a"b"', ', URI:a'])(
  '%j is not of the known form, and says nothing',
  (text) => {
    expect(uriNames(text)).toBeUndefined();
  },
);
