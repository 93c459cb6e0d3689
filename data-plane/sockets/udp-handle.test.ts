import { expect, test } from 'vitest';
import { type Handle, handleSockets, type SendRequest } from './udp-handle.ts';

/** A handle whose sends come to what the test says: more than 0 is sent, 0 waits, less is an error. */
class FakeHandle implements Handle {
  static results: number[] = [];
  static waiting: { request: SendRequest; text: string }[] = [];
  static sent: string[] = [];
  static closed = 0;
  onmessage: Handle['onmessage'] = () => {};
  bind = (): number => 0;
  bind6 = (): number => 0;
  connect = (): number => 0;
  connect6 = (): number => 0;
  getsockname = (): number => 0;
  recvStart = (): number => FakeHandle.results.shift() ?? 0;
  close(): void {
    FakeHandle.closed++;
  }
  send(request: SendRequest, list: readonly Buffer[]): number {
    const result = FakeHandle.results.shift() ?? 1;
    const text = String(list[0]);
    if (result > 0) FakeHandle.sent.push(text);
    if (result === 0) FakeHandle.waiting.push({ request, text });
    return result;
  }
  send6 = this.send;
}

class FakeRequest implements SendRequest {
  list?: readonly Buffer[];
  oncomplete?: (error: number) => void;
}

const open = handleSockets({ UDP: FakeHandle, SendWrap: FakeRequest, constants: { UV_UDP_REUSEPORT: 64 } });

test('one datagram waits for a socket that is full, with its bytes; others are dropped until it has gone', () => {
  const errors: string[] = [];
  const receiver = { onDatagram: () => {}, onFault: () => {}, onSocketError: (code: string) => void errors.push(code) };
  const [full, other] = [open.connect('127.0.0.1', 1, receiver), open.connect('127.0.0.1', 2, receiver)];
  FakeHandle.results = [0];
  expect(full.send(Buffer.from('waits'))).toBe(null);
  expect(full.send(Buffer.from('dropped'))).toBe('EAGAIN');
  expect(full.sendTo(Buffer.from('dropped'), '::1', 1)).toBe('EAGAIN');
  expect(other.send(Buffer.from('of another'))).toBe(null);
  expect(FakeHandle.sent).toEqual(['of another']);
  const { request } = FakeHandle.waiting[0]!;
  expect(String(request.list?.[0])).toBe('waits');
  request.oncomplete?.(0);
  expect(full.sendTo(Buffer.from('goes'), '::1', 1)).toBe(null);
  FakeHandle.results = [0];
  full.send(Buffer.from('waits in vain'));
  FakeHandle.waiting[1]!.request.oncomplete?.(-90);
  expect(errors).toEqual(['EMSGSIZE']);
  FakeHandle.results = [0];
  full.send(Buffer.from('waits at the end'));
  full.close();
  FakeHandle.waiting[2]!.request.oncomplete?.(-125);
  expect(errors).toEqual(['EMSGSIZE']);
});

test('a socket that cannot be read from is closed, and says why', () => {
  FakeHandle.results = [-24];
  FakeHandle.closed = 0;
  const nobody = { onDatagram: () => {}, onFault: () => {}, onSocketError: () => {} };
  expect(() => open.bind('127.0.0.1', 1, true, nobody)).toThrow('bind: EMFILE');
  expect(FakeHandle.closed).toBe(1);
});
