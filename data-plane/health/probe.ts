/** One health check of one endpoint: connect, send, read until the answer is clear. */
import type net from 'node:net';
import { socketWriter } from '../../proto/http2/socket.ts';
import type { HealthCheckConfig } from '../model/config.ts';
import { Http2Reply } from './http2-reply.ts';
import { BlocksReader, type ReplyReader, StatusReader } from './replies.ts';

/** `fail`: the endpoint answered, but not as it should; `network`: it could not be asked, or gave no answer in time. */
export type Outcome = 'pass' | 'fail' | 'network';

export interface ProbeDeps {
  /** Opens a connection; errors arrive as events. */
  readonly connect: (address: string, port: number) => net.Socket;
  /** Calls back once, unless cancelled by calling what it returns; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => () => void;
}

export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
}

/**
 * Reports exactly one outcome, at the latest after `timeoutMs`; after a cancel none.
 * @returns cancel
 */
export function probe(
  config: Pick<HealthCheckConfig, 'check' | 'timeoutMs'>,
  target: ProbeTarget,
  deps: ProbeDeps,
  done: (outcome: Outcome) => void,
): () => void {
  const { check } = config;
  const socket = deps.connect(target.address, target.port);
  const http2 = check.type === 'http' && check.http2 ? new Http2Reply(check, socketWriter(socket)) : null;
  const reader = http2 ?? readerOf(check);
  let decided = false;
  const decide = (outcome: Outcome): void => {
    if (decided) return;
    decided = true;
    if (outcome === 'network') socket.destroy();
    // What else the endpoint has to say is taken and thrown away, so that it sees an orderly end.
    else if (http2 !== null) http2.end();
    else socket.end();
    done(outcome);
  };
  const stopTimer = deps.setTimer(() => {
    decide('network');
    socket.destroy();
  }, config.timeoutMs);

  socket.on('connect', () => {
    http2?.ask();
    const request = http2 === null ? requestOf(check) : null;
    if (request !== null) socket.write(request);
    if (reader === null) decide('pass');
  });
  socket.on('data', (chunk) => {
    if (decided || reader === null) return;
    const verdict = reader.read(chunk);
    if (verdict !== 'more') decide(verdict === 'malformed' ? 'network' : verdict);
  });
  socket.on('error', () => decide('network'));
  socket.on('end', () => decide('network'));
  socket.on('close', () => {
    stopTimer();
    decide('network');
  });
  return () => {
    decided = true;
    stopTimer();
    socket.destroy();
  };
}

/** `null`: that it can be connected to is enough. */
function readerOf(check: HealthCheckConfig['check']): ReplyReader | null {
  if (check.type === 'http') return new StatusReader(check.expect);
  if (check.type === 'grpc') return null;
  return check.receive.length > 0 ? new BlocksReader(check.receive) : null;
}

function requestOf(check: HealthCheckConfig['check']): string | Uint8Array | null {
  if (check.type === 'tcp') return check.send;
  if (check.type === 'grpc') return null;
  return `GET ${check.path} HTTP/1.1\r\nhost: ${check.host}\r\nuser-agent: Fairlead/HC\r\nconnection: close\r\n\r\n`;
}
