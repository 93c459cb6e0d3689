/** IP addresses between text and bytes; a PROXY header has either. */
import net from 'node:net';

const colon = 58;
const dot = 46;

/** 4 or 16 of them, without a zone; null: this is no address. */
export function ipBytes(text: string): Buffer | null {
  const zone = text.indexOf('%');
  const ip = zone < 0 ? text : text.slice(0, zone);
  const family = net.isIP(ip);
  if (family === 0) return null;
  const bytes = Buffer.alloc(family === 4 ? 4 : 16);
  if (family === 4) writeIpv4(ip, 0, bytes, 0);
  else writeIpv6(ip, bytes);
  return bytes;
}

/** As sockets write it. */
export function ipv4Text(b: Buffer, at: number): string {
  return `${b[at]}.${b[at + 1]}.${b[at + 2]}.${b[at + 3]}`;
}

/** The same: the longest run of zeroes is left out (RFC 5952), IPv4 in IPv6 is written as such. */
export function ipv6Text(b: Buffer, at: number): string {
  let runAt = -1;
  let runWords = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && b.readUInt16BE(at + 2 * end) === 0) end++;
    if (end - i > runWords) {
      runAt = i;
      runWords = end - i;
    }
    if (end > i) i = end;
  }
  const hasIpv4 = runAt === 0 && (runWords === 6 || (runWords === 5 && b.readUInt16BE(at + 10) === 0xffff));
  const words = hasIpv4 ? 6 : 8;
  let text = '';
  for (let i = 0; i < words; i++) {
    if (i === runAt) {
      text += '::';
      i += runWords - 1;
    } else text += (text === '' || text.endsWith(':') ? '' : ':') + b.readUInt16BE(at + 2 * i).toString(16);
  }
  if (!hasIpv4) return text;
  return text + (text.endsWith(':') ? '' : ':') + ipv4Text(b, at + 12);
}

/** Both of text that is known to be an address. */
function writeIpv4(ip: string, from: number, bytes: Buffer, at: number): void {
  let value = 0;
  for (let i = from; i <= ip.length; i++) {
    const c = i < ip.length ? ip.charCodeAt(i) : dot;
    if (c === dot) {
      bytes[at++] = value;
      value = 0;
    } else value = value * 10 + c - 48;
  }
}

function writeIpv6(ip: string, bytes: Buffer): void {
  let at = 0;
  /** Where `::` stands for zeroes; -1: nowhere. */
  let gap = -1;
  let from = 0;
  while (from < ip.length) {
    if (ip.charCodeAt(from) === colon) {
      // the second one of two
      from++;
      if (from === 1) from++;
      gap = at;
      continue;
    }
    let end = ip.indexOf(':', from);
    if (end < 0) end = ip.length;
    if (ip.indexOf('.', from) >= from && end === ip.length) {
      writeIpv4(ip, from, bytes, at);
      at += 4;
    } else {
      at = bytes.writeUInt16BE(Number.parseInt(ip.slice(from, end), 16), at);
    }
    from = end + 1;
  }
  if (gap < 0) return;
  const last = at - gap;
  bytes.copy(bytes, 16 - last, gap, at);
  bytes.fill(0, gap, 16 - last);
}
