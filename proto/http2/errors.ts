/** Error codes of RFC 9113 section 7, and how the codec itself says that a connection or a stream is at an end. */
export const errorCodes = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** What a peer did too much of. */
export type Flood =
  | 'resets'
  | 'idleFrames'
  | 'emptyFrames'
  | 'priorities'
  | 'windowUpdates'
  | 'headers'
  | 'controlFrames'
  | 'output';

/** The peer broke the connection: it is told with a GOAWAY of this code. Thrown inside the codec, never out of it. */
export class ConnectionError extends Error {
  readonly code: number;
  readonly flood: Flood | undefined;

  constructor(code: number, message: string, flood?: Flood) {
    super(message);
    this.code = code;
    this.flood = flood;
  }
}
