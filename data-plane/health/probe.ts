/** One health check of one endpoint: connect, ask, read until the answer is clear. */
import type net from 'node:net';
import { writeProxyHeader } from '../codec/proxy-protocol-writer.ts';
import type { EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import { exchangeOf } from './exchange.ts';
import { type Outcome, socketFailure } from './outcome.ts';

export interface ProbeDeps {
  /** Opens a connection; errors arrive as events. */
  readonly connect: (target: ProbeTarget) => net.Socket;
  /** Calls back once, unless cancelled by calling what it returns; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => () => void;
}

export type ProbeTarget = Pick<EndpointConfig, 'address' | 'port' | 'others'>;

/**
 * Reports exactly one outcome, at the latest after `timeoutMs`; after a cancel none.
 * @returns cancel
 */
export function probe(
  { check, timeoutMs, proxyHeader }: Pick<HealthCheckConfig, 'check' | 'timeoutMs' | 'proxyHeader'>,
  target: ProbeTarget,
  deps: ProbeDeps,
  done: (outcome: Outcome) => void,
): () => void {
  const socket = deps.connect(target);
  if (proxyHeader !== undefined) socket.write(writeProxyHeader(proxyHeader, null));
  const exchange = exchangeOf(check, socket);
  let decided = false;
  const decide = (outcome: Outcome | null): void => {
    if (decided || outcome === null) return;
    decided = true;
    if (outcome.type === 'network' || outcome.type === 'timeout') socket.destroy();
    // What else the endpoint has to say is taken and thrown away, so that it sees an orderly end.
    else exchange.close();
    done(outcome);
  };
  const stopTimer = deps.setTimer(() => {
    const missed = socket.connecting ? 'connection' : 'answer';
    decide({ type: 'timeout', reason: `no ${missed} within ${timeoutMs} ms` });
    socket.destroy();
  }, timeoutMs);

  socket.on('connect', () => decide(exchange.ask()));
  socket.on('data', (chunk) => {
    if (!decided) decide(exchange.read(chunk));
  });
  socket.on('error', (error) => decide(socketFailure(error)));
  socket.on('end', () => decided || decide(exchange.ended()));
  socket.on('close', () => {
    stopTimer();
    if (!decided) decide(exchange.ended());
  });
  return () => {
    decided = true;
    stopTimer();
    socket.destroy();
  };
}
