/** For tests: a name server on UDP that says what it is told to say. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

export interface Record {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** What is said of a name; `refused` and `failed` are the server's own words. */
export type Said = readonly Record[] | 'no such name' | 'failed' | 'refused';

const codes = { failed: 2, 'no such name': 3, refused: 5 } as const;
const types = { 4: 1, 6: 28 } as const;

export interface NameServer {
  /** `ip:port` */
  readonly address: string;
  /** What was asked: `A orders.internal`. */
  readonly asked: string[];
  /** By name in lower case; others do not exist. */
  readonly names: Map<string, Said>;
  stop(): Promise<void>;
}

export async function startNameServer(): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  const names = new Map<string, Said>();
  socket.on('message', (question, { port, address }) => {
    const { name, type, end } = readQuestion(question);
    asked.push(`${type === types[6] ? 'AAAA' : 'A'} ${name}`);
    socket.send(answerTo(question.subarray(0, end), type, names.get(name) ?? 'no such name'), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { address, port } = socket.address();
  const stop = async (): Promise<void> => {
    socket.close();
    await once(socket, 'close');
  };
  return { address: `${address}:${port}`, asked, names, stop };
}

/** The first question (RFC 1035 section 4.1.2), and where it ends. */
function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(question: Buffer, type: number, said: Said): Buffer {
  const records = typeof said === 'string' ? [] : said.filter(({ address }) => typeOf(address) === type);
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180 | (typeof said === 'string' ? codes[said] : 0), 2);
  head.writeUInt16BE(records.length, 6);
  head.fill(0, 8, 12); // of what else was asked nothing is answered
  return Buffer.concat([head, ...records.map(writeRecord)]);
}

function writeRecord({ address, ttlSeconds }: Record): Buffer {
  const data = bytesOf(address);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0); // the name of the question
  record.writeUInt16BE(typeOf(address), 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([record, data]);
}

function typeOf(address: string): number {
  return types[net.isIP(address) as 4 | 6];
}

/** IPv6 addresses are written with `::`. */
function bytesOf(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head, tail] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head!.length - tail!.length }, () => '0');
  return Buffer.from([...head!, ...zeros, ...tail!].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
