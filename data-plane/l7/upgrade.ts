/**
 * Upgrades and CONNECT: what asks for a tunnel, and which answers open one (RFC 9110 sections 7.8 and 9.3.6, RFC 6455
 * section 4, RFC 8441). Whatever is not certainly right opens nothing.
 */
import { createHash } from 'node:crypto';
import type { FieldsHead } from '../codec/fields-head.ts';
import type { Head } from '../codec/h1-head.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { UpgradeConfig } from '../model/config.ts';
import { http2Replies, type LocalReply, localReplies } from './local-reply.ts';

/** What a request asks to have in place of an answer: a tunnel. */
export interface UpgradeAsk {
  /** As a route's `upgrades` name it: lower-case; `connect` is the method of that name, any other a protocol. */
  readonly type: string;
  /** The protocol as the client wrote it. */
  readonly protocol: string;
  /** What `sec-websocket-accept` must say in HTTP/1.1; empty: no WebSocket, or one that has no key. */
  readonly accept: string;
  /** The key that the proxy asks with; empty: the client's own. */
  readonly key: string;
  /** Where no route allows it, it is an ordinary request without it. */
  readonly optional: boolean;
}

export const connectAsk: UpgradeAsk = { type: 'connect', protocol: '', accept: '', key: '', optional: false };

/** Of RFC 6455: what a WebSocket's key is answered with. */
const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const webSocketKey = /^[A-Za-z0-9+/]{22}==$/;
const protocolName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/;
/** Other versions of HTTP, and TLS, are no business of a tunnel's; `connect` is a method. */
const neverUpgraded = /^(h2c|http\/.*|tls\/.*|connect|connect-udp)$/;

/** The upgrade that a head of HTTP/1.1 asks for; null: none that is known; a LocalReply: one that is wrong. */
export function readUpgrade(head: Head, method: string): UpgradeAsk | LocalReply | null {
  // a hop before may have left it in place: without `connection: upgrade` it was not meant for this one
  if (!head.namesUpgrade) return null;
  const protocols = head.lines('upgrade').join(',').split(',');
  const names = protocols.map((protocol) => protocol.trim().toLowerCase()).filter((name) => name !== '');
  const [name] = names;
  if (names.includes('websocket')) {
    return names.length === 1 ? readWebSocket(head, method) : localReplies.upgradeFailed;
  }
  if (name === undefined || names.length > 1 || neverUpgraded.test(name) || !protocolName.test(name)) return null;
  // the request comes whole before another protocol begins: with a body that would be a long wait
  if (head.contentLength > 0 || head.chunked) return null;
  return {
    type: name,
    protocol: head.first('upgrade').replaceAll(',', '').trim(),
    accept: '',
    key: '',
    optional: true,
  };
}

function readWebSocket(head: Head, method: string): UpgradeAsk | LocalReply {
  if (!isVersion13(head)) return localReplies.webSocketVersion;
  const keys = head.lines('sec-websocket-key');
  const bodied = head.contentLength > 0 || head.chunked;
  if (method !== 'GET' || bodied || keys.length !== 1 || !webSocketKey.test(keys[0]!)) {
    return localReplies.badUpgrade;
  }
  const protocol = head.first('upgrade').replaceAll(',', '').trim();
  return { type: 'websocket', protocol, accept: acceptOf(keys[0]!), key: '', optional: false };
}

function isVersion13(head: MessageHead): boolean {
  const versions = head.lines('sec-websocket-version');
  return versions.length === 1 && versions[0] === '13';
}

/** What `:protocol` asks for. A key is not needed; one that a proxy before has left there is answered. */
export function readExtendedConnect(head: FieldsHead): UpgradeAsk | LocalReply {
  const { protocol } = head;
  const type = protocol.toLowerCase();
  if (neverUpgraded.test(type) || !protocolName.test(type)) return http2Replies.notImplemented;
  if (head.contentLength > 0) return localReplies.badUpgrade;
  const ask = { type, protocol, accept: '', key: '', optional: false };
  if (type !== 'websocket') return ask;
  if (!isVersion13(head)) return localReplies.webSocketVersion;
  const keys = head.lines('sec-websocket-key');
  if (keys.length === 0) return ask;
  return keys.length === 1 && webSocketKey.test(keys[0]!)
    ? { ...ask, accept: acceptOf(keys[0]!) }
    : localReplies.badUpgrade;
}

/** With a key of the proxy's own, if it is a WebSocket without one. @param newId makes a random UUID */
export function withKey(ask: UpgradeAsk, newId: () => string): UpgradeAsk {
  if (ask.type !== 'websocket' || ask.accept !== '') return ask;
  const key = Buffer.from(newId().replaceAll('-', ''), 'hex').toString('base64');
  return { ...ask, key, accept: acceptOf(key) };
}

/** What a server answers to `sec-websocket-key`. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + webSocketGuid)
    .digest('base64');
}

/** The route's word counts before the listener's. */
export function isAllowed(type: string, ofRoute: readonly UpgradeConfig[], ofListener: readonly UpgradeConfig[]) {
  const said = ofRoute.find((one) => one.type === type) ?? ofListener.find((one) => one.type === type);
  return said?.enabled ?? false;
}

/** Whether a final answer, or a 101, in HTTP/1.1 opens the tunnel that was asked for. */
export function opensTunnel(ask: UpgradeAsk, head: Head): boolean {
  const { status, minor } = head;
  if (ask === connectAsk) return status >= 200 && status < 300;
  if (status !== 101 || minor !== 1 || !head.namesUpgrade) return false;
  const protocols = head.lines('upgrade');
  if (protocols.length !== 1 || protocols[0]!.toLowerCase() !== ask.type) return false;
  if (ask.accept === '') return true;
  const accepts = head.lines('sec-websocket-accept');
  return accepts.length === 1 && accepts[0] === ask.accept;
}
