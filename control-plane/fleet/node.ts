/** One node as its streams show it. A plain value, changed by pure functions. */
import { pushOrder } from '../../proto/type-urls.ts';
import type { BoundListener, NodePhase, NodeStateReport, StreamInfo, Variant, XdsType } from '../xds/ports.ts';

/** What a stream was told of one type, and how it took it. */
export interface TypeRecord {
  /** Newest version that concerns the node: sent, waiting to be sent, or known to say nothing new. */
  readonly version: string;
  /** Newest version that the node has taken; empty before the first. */
  readonly acknowledgedVersion: string;
  /** Version and nonce of the newest response; undefined before the first. */
  readonly sent: { readonly version: string; readonly nonce: string } | undefined;
  readonly answer: 'none' | 'ack' | 'nack';
  /** Why the newest response was refused. */
  readonly error: string | undefined;
  /** Something newer is held back. */
  readonly waits: boolean;
  /** When the state that is shown began. */
  readonly sinceMs: number;
}

export type TypeRecords = { readonly [T in XdsType]?: TypeRecord };

export interface StreamRecord {
  readonly info: StreamInfo;
  readonly types: TypeRecords;
}

export interface NodeRecord {
  /** Open streams, oldest first. A node may have one a type, and two of one kind while it reconnects (case A6). */
  readonly streams: readonly StreamRecord[];
  /** The stream that opened last. */
  readonly newest: StreamInfo;
  /** What closed streams of this connected spell knew: shown once no stream is left. */
  readonly remembered: TypeRecords;
  /** Connected or disconnected since. */
  readonly sinceMs: number;
}

export type SyncState = 'synced' | 'stale' | 'nack' | 'unknown';

export interface NodeTypeView {
  /** `unknown`: the node does not ask for this type. */
  readonly state: SyncState;
  readonly version?: string;
  readonly acknowledgedVersion?: string;
  /** Of the newest response; absent before the first. */
  readonly sentVersion?: string;
  readonly error?: string;
  /** ISO 8601. */
  readonly since?: string;
}

/** A node as REST and the command line show it. */
export interface NodeView {
  readonly id: string;
  readonly group: string;
  readonly connected: boolean;
  readonly userAgent: string;
  readonly zone: string;
  readonly variant: Variant;
  readonly peer: string;
  /** ISO 8601: connected or disconnected since. */
  readonly since: string;
  /** What the node says of itself, as are the next two; absent where it says nothing. */
  readonly phase?: NodePhase;
  /** Those that are bound. */
  readonly listeners?: readonly BoundListener[];
  /** Of clients, and UDP sessions, that are open. */
  readonly connections?: number;
  readonly types: { readonly [T in XdsType]?: NodeTypeView };
}

const blank: TypeRecord = {
  version: '',
  acknowledgedVersion: '',
  sent: undefined,
  answer: 'none',
  error: undefined,
  waits: false,
  sinceMs: 0,
};

/** What a stream tells of a type. */
export type TypeEvent =
  | { readonly kind: 'sent' | 'acked'; readonly version: string; readonly nonce: string }
  | { readonly kind: 'nacked'; readonly version: string; readonly nonce: string; readonly error: string }
  | { readonly kind: 'current' | 'waiting'; readonly version: string };

export function afterEvent(record: TypeRecord | undefined, event: TypeEvent, nowMs: number): TypeRecord {
  const before = record ?? { ...blank, sinceMs: nowMs };
  const after = changed(before, event);
  return syncStateOf(after) === syncStateOf(before) && after.error === before.error
    ? after
    : { ...after, sinceMs: nowMs };
}

function changed(record: TypeRecord, event: TypeEvent): TypeRecord {
  const { version } = event;
  switch (event.kind) {
    case 'sent':
      return {
        ...record,
        version,
        sent: { version, nonce: event.nonce },
        answer: 'none',
        error: undefined,
        waits: false,
      };
    case 'waiting':
      return { ...record, version, waits: true };
    case 'current': {
      const settled = record.sent === undefined || record.answer === 'ack';
      return {
        ...record,
        version,
        acknowledgedVersion: settled ? version : record.acknowledgedVersion,
        waits: false,
      };
    }
    case 'acked':
      // an answer to an older response says nothing of the newest
      if (record.sent?.nonce !== event.nonce) return { ...record, acknowledgedVersion: version };
      return {
        ...record,
        answer: 'ack',
        error: undefined,
        acknowledgedVersion: record.waits ? version : record.version,
      };
    case 'nacked':
      if (record.sent?.nonce !== event.nonce) return record;
      return { ...record, answer: 'nack', error: event.error };
  }
}

export function syncStateOf({ answer, sent, waits, version }: TypeRecord): SyncState {
  if (version === '') return 'unknown';
  if (answer === 'nack') return 'nack';
  return waits || (sent !== undefined && answer === 'none') ? 'stale' : 'synced';
}

export function afterOpened(node: NodeRecord | undefined, info: StreamInfo, nowMs: number): NodeRecord {
  const streams = node?.streams ?? [];
  return {
    streams: [...streams, { info, types: {} }],
    newest: info,
    remembered: streams.length > 0 ? (node?.remembered ?? {}) : {},
    sinceMs: streams.length > 0 ? (node?.sinceMs ?? nowMs) : nowMs,
  };
}

export function afterClosed(node: NodeRecord, { streamId }: StreamInfo, nowMs: number): NodeRecord {
  const closed = node.streams.find(({ info }) => info.streamId === streamId);
  if (closed === undefined) return node;
  const streams = node.streams.filter((stream) => stream !== closed);
  return {
    ...node,
    streams,
    remembered: { ...node.remembered, ...closed.types },
    sinceMs: streams.length > 0 ? node.sinceMs : nowMs,
  };
}

export function afterTypeEvent(
  node: NodeRecord,
  { streamId }: StreamInfo,
  type: XdsType,
  event: TypeEvent,
  nowMs: number,
): NodeRecord {
  const at = node.streams.findIndex(({ info }) => info.streamId === streamId);
  const stream = node.streams[at];
  if (stream === undefined) return node;
  const types = { ...stream.types, [type]: afterEvent(stream.types[type], event, nowMs) };
  return { ...node, streams: node.streams.with(at, { ...stream, types }) };
}

/** Of all open streams together, the newer before the older; of the closed ones if none is open. */
export function typesOf({ streams, remembered }: NodeRecord): TypeRecords {
  return streams.length === 0 ? remembered : Object.assign({}, ...streams.map(({ types }) => types));
}

/** Shown of every node; the other types of those that ask for them. */
const everyNodes: ReadonlySet<XdsType> = new Set<XdsType>(['clusters', 'endpoints', 'listeners', 'routes']);

const absent: NodeTypeView = { state: 'unknown' };

export function viewOf(node: NodeRecord, said: NodeStateReport | undefined): NodeView {
  const types = typesOf(node);
  const shown = pushOrder.filter((type) => everyNodes.has(type) || types[type] !== undefined);
  const view = (record: TypeRecord | undefined): NodeTypeView => (record === undefined ? absent : typeViewOf(record));
  const { id, group, userAgent, zone } = node.newest.node;
  return {
    id,
    group,
    connected: node.streams.length > 0,
    userAgent,
    zone,
    variant: node.newest.variant,
    peer: node.newest.peer,
    since: isoTime(node.sinceMs),
    ...said,
    types: Object.fromEntries(shown.map((type) => [type, view(types[type])])),
  };
}

export function byIdAndGroup(a: NodeView, b: NodeView): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return a.group < b.group ? -1 : 1;
}

/** Of two that may be meant: where it is connected counts, then where something happened last. */
export function newer(a: NodeView | undefined, b: NodeView): NodeView {
  if (a === undefined) return b;
  if (a.connected !== b.connected) return a.connected ? a : b;
  return a.since >= b.since ? a : b;
}

function typeViewOf(record: TypeRecord): NodeTypeView {
  const state = syncStateOf(record);
  if (state === 'unknown') return absent;
  const { version, acknowledgedVersion, sent, error, sinceMs } = record;
  return {
    state,
    version,
    acknowledgedVersion,
    ...(sent === undefined ? {} : { sentVersion: sent.version }),
    ...(error === undefined ? {} : { error }),
    since: isoTime(sinceMs),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
