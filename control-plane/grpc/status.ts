/** How a gRPC call ends: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md. */

export const status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** Anything but OK. */
export interface Refusal {
  readonly code: number;
  /** A sentence for whoever runs the client. */
  readonly details: string;
  /** When to try again, milliseconds; gRPC's clients heed it where they retry. */
  readonly retryMs?: number;
}

/** `grpc-message` carries UTF-8 with everything percent-encoded but printable ASCII without the percent sign. */
export function percentEncode(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]/gu, (character) => {
    const bytes = Buffer.from(character);
    return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  });
}
