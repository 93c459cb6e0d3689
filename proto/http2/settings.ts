/** SETTINGS (RFC 9113 section 6.5): what either side allows the other. */
import { ConnectionError, errorCodes } from './errors.ts';
import { defaultFrameBytes, defaultWindowBytes, maxWindowBytes, readUint32 } from './frames.ts';

/** `Number.POSITIVE_INFINITY`: no limit was named. */
export interface Settings {
  readonly headerTableBytes: number;
  readonly maxConcurrentStreams: number;
  readonly initialWindowBytes: number;
  readonly maxFrameBytes: number;
  readonly maxHeaderListBytes: number;
  /** Extended CONNECT (RFC 8441). */
  readonly enableConnectProtocol: boolean;
}

export const initialSettings: Settings = {
  headerTableBytes: 4096,
  maxConcurrentStreams: Number.POSITIVE_INFINITY,
  initialWindowBytes: defaultWindowBytes,
  maxFrameBytes: defaultFrameBytes,
  maxHeaderListBytes: Number.POSITIVE_INFINITY,
  enableConnectProtocol: false,
};

const ids = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
} as const;

/** What a SETTINGS frame says for these: pushes are never wanted, and an unlimited number is not named. */
export function settingsValues(settings: Settings, isServer: boolean): [id: number, value: number][] {
  const values: [number, number][] = isServer ? [] : [[ids.enablePush, 0]];
  values.push([ids.headerTableSize, settings.headerTableBytes]);
  values.push([ids.maxConcurrentStreams, settings.maxConcurrentStreams]);
  values.push([ids.initialWindowSize, settings.initialWindowBytes]);
  values.push([ids.maxFrameSize, settings.maxFrameBytes]);
  values.push([ids.maxHeaderListSize, settings.maxHeaderListBytes]);
  if (isServer && settings.enableConnectProtocol) values.push([ids.enableConnectProtocol, 1]);
  return values.filter(([, value]) => Number.isFinite(value));
}

/**
 * The settings after a SETTINGS frame with this payload.
 * @throws ConnectionError if a value may not be
 */
export function applySettings(
  before: Settings,
  bytes: Buffer,
  start: number,
  end: number,
  fromServer: boolean,
): Settings {
  const after = { ...before };
  for (let at = start; at < end; at += 6) {
    const id = (bytes[at]! << 8) | bytes[at + 1]!;
    const value = readUint32(bytes, at + 2);
    switch (id) {
      case ids.headerTableSize:
        after.headerTableBytes = value;
        break;
      case ids.enablePush:
        if (value > 1 || (fromServer && value === 1)) throw wrong('ENABLE_PUSH', value);
        break;
      case ids.maxConcurrentStreams:
        after.maxConcurrentStreams = value;
        break;
      case ids.initialWindowSize:
        if (value > maxWindowBytes) throw wrong('INITIAL_WINDOW_SIZE', value, errorCodes.FLOW_CONTROL_ERROR);
        after.initialWindowBytes = value;
        break;
      case ids.maxFrameSize:
        if (value < defaultFrameBytes || value >= 2 ** 24) throw wrong('MAX_FRAME_SIZE', value);
        after.maxFrameBytes = value;
        break;
      case ids.maxHeaderListSize:
        after.maxHeaderListBytes = value;
        break;
      case ids.enableConnectProtocol:
        if (value > 1 || (value === 0 && before.enableConnectProtocol)) throw wrong('ENABLE_CONNECT_PROTOCOL', value);
        after.enableConnectProtocol = value === 1;
        break;
    }
  }
  return after;
}

function wrong(name: string, value: number, code: number = errorCodes.PROTOCOL_ERROR): ConnectionError {
  return new ConnectionError(code, `SETTINGS_${name} may not be ${value}.`);
}
