/**
 * `@grpc/grpc-js-xds` as a program: `client.ts TARGET METHOD` makes one unary call of raw bytes for each line on standard
 * input and prints `{"answer"}` or `{"code", "details"}` on a line of its own. The other clients here do the same.
 */
import readline from 'node:readline';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';

const callTimeoutMs = 5_000;

register();
const [target = '', method = ''] = process.argv.slice(2);
const client = new Client(target, credentials.createInsecure());
const same = (bytes: Buffer): Buffer => bytes;

for await (const line of readline.createInterface({ input: process.stdin })) {
  const deadline = new Date(Date.now() + callTimeoutMs);
  const answer = await new Promise<Record<string, unknown>>((resolve) => {
    client.makeUnaryRequest(
      method,
      same,
      same,
      Buffer.from(line),
      { deadline },
      (error: ServiceError | null, bytes) => {
        if (error === null) resolve({ answer: String(bytes) });
        else resolve({ code: error.code, details: error.details });
      },
    );
  });
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
