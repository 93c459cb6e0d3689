/** Nonces: which response a request answers, and whether with yes or no. Version numbers play no part in it. */
import type { SentResponse, TypeState } from './type-state.ts';

export interface Verdict {
  readonly kind: 'ack' | 'nack';
  readonly response: SentResponse;
}

export interface Heard {
  readonly state: TypeState;
  /** Undefined: the request answers no response. */
  readonly verdict: Verdict | undefined;
}

/** Takes the request's nonce into account. `refused`: it carries an error detail, which alone makes it a NACK. */
export function acknowledge(state: TypeState, nonce: string, refused: boolean): Heard {
  const beat = state.heartbeats.findIndex((sent) => sent.nonce === nonce);
  if (beat >= 0) return answerToHeartbeat(state, beat, refused);
  const at = state.unacked.findIndex((sent) => sent.nonce === nonce);
  const last = state.lastSent;
  const isLast = last !== undefined && last.nonce === nonce;
  if (at < 0 && !(refused && isLast)) return { state, verdict: undefined };
  const response = state.unacked[at] ?? last;
  if (response === undefined) return { state, verdict: undefined };
  const { told, version } = response;
  const lastGood = refused ? state.lastGood : told && { told, version };
  return {
    // an answer to one response stands for those before it as well: clients may skip them (case 49)
    state: { ...state, unacked: state.unacked.slice(at + 1), answered: true, rejected: isLast && refused, lastGood },
    verdict: { kind: refused ? 'nack' : 'ack', response },
  };
}

/** A heartbeat says nothing new, so its answer says nothing of a version, but of the response before it (case 49). */
function answerToHeartbeat(state: TypeState, at: number, refused: boolean): Heard {
  const follows = state.heartbeats[at]?.follows;
  // the newest stays, as later requests refer to it
  const after = { ...state, heartbeats: state.heartbeats.slice(at) };
  const isOpen = !refused && state.unacked.some(({ nonce }) => nonce === follows);
  return isOpen && follows !== undefined ? acknowledge(after, follows, false) : { state: after, verdict: undefined };
}

/** True if the request comes from a client that has seen this stream's newest response, or one that still matters. */
export function isKnownNonce(state: TypeState, nonce: string): boolean {
  const isIt = (sent: { readonly nonce: string }): boolean => sent.nonce === nonce;
  return state.lastSent?.nonce === nonce || state.unacked.some(isIt) || state.heartbeats.some(isIt);
}

/** True if it answers the newest response, or a heartbeat after it. */
export function isNewestNonce({ lastSent, heartbeats }: TypeState, nonce: string): boolean {
  if (lastSent?.nonce === nonce) return true;
  return heartbeats.some((sent) => sent.nonce === nonce && sent.follows === lastSent?.nonce);
}

/** The state after a response left. */
export function sentOf(state: TypeState, response: SentResponse, rememberedNonces: number): TypeState {
  const unacked = [...state.unacked, response].slice(-rememberedNonces);
  return { ...state, unacked, lastSent: response, rejected: false };
}

/** True while later changes of the type merge behind a response that the client has not answered yet (case 49). */
export function isAwaited(state: TypeState, nowMs: number, ackWaitMs: number): boolean {
  const newest = state.unacked.at(-1);
  return newest !== undefined && nowMs - newest.sentAtMs < ackWaitMs;
}
