/** Small damage to the bytes of a message, and pieces of one put into another. */
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { pick } from '../random.ts';

const interesting = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    ',',
    ';',
    '=',
    '"',
    '\\',
    '0',
    '\x00',
    '\x0b',
    '\x0c',
    '\x7f',
    '\x80',
    '\xff',
  ],
  ...[
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Host: b\r\n',
    'Connection: close\r\n',
    'HTTP/1.1',
    '0\r\n\r\n',
  ],
  ...[
    '3\r\nabc\r\n',
    'GET / HTTP/1.1\r\n',
    '\r\n ',
    ' HTTP/1.1\r\n',
    'HTTP/1.1 200 OK\r\n',
    'Upgrade: x\r\n',
    '%',
    '#',
    '_',
    '\x1f',
  ],
];

/** @param others whose pieces may come in */
export function mutate(random: Random, text: string, others: readonly string[]): string {
  for (let changes = 1 + random(4); changes > 0; changes--) text = changed(random, text, others);
  return text;
}

function changed(random: Random, text: string, others: readonly string[]): string {
  const at = random(text.length + 1);
  const length = 1 + random(pick(random, [1, 4, 40]));
  const rest = text.slice(at);
  if (random(100) === 0) return text.slice(0, at) + text.slice(at, at + length).repeat(random(300)) + rest;
  switch (random(7)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + pick(random, interesting) + rest;
    case 2:
      return text.slice(0, at) + pick(random, interesting) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    case 4:
      return text.slice(0, at) + text.slice(at, at + length) + rest;
    case 5: {
      const other = others.length === 0 ? text : pick(random, others);
      const from = random(other.length + 1);
      return text.slice(0, at) + other.slice(from, from + length * 4) + rest;
    }
    default: {
      const letter = text[at] ?? 'x';
      const turned = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
      return text.slice(0, at) + (turned.charCodeAt(0) < 256 ? turned : letter) + text.slice(at + 1);
    }
  }
}

/** The bytes that decide where something ends. */
const deciding = ['', '\r', '\n', '\0', ' ', '\t', ':', ',', ';', '"'];

/** Each byte in turn left out, or changed into one that decides something. */
export function* neighbours(text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    for (const byte of deciding) yield text.slice(0, at) + byte + text.slice(at + 1);
  }
}
