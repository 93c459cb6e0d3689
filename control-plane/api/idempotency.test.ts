/** Idempotency-Key on a server that counts what it was really asked to do. */
import Fastify from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptBodies } from './bodies.ts';
import { honourIdempotencyKeys } from './idempotency.ts';
import { ApiError } from './problems.ts';
import { answerRefusals } from './refusals.ts';

const clock = { ms: 0 };
const app = Fastify();
let done = 0;

beforeAll(async () => {
  acceptBodies(app);
  answerRefusals(app);
  app.decorateRequest('identity', null);
  app.addHook('onRequest', async (request) => {
    const id = request.headers.authorization ?? 'one';
    request.identity = { id, role: { type: 'admin' }, author: id };
  });
  honourIdempotencyKeys(app, { now: () => clock.ms, capacity: 3, keepMs: 60_000 });
  app.post('/things', async (request, reply) => {
    if ((request.body as { text: string }).text === 'bad') throw new ApiError(422, 'No.');
    const number = ++done;
    // Others come in between, as they would while a database works.
    await new Promise((resolve) => setImmediate(resolve));
    return reply.code(201).header('location', `/things/${number}`).send({ number });
  });
  await app.ready();
});
afterAll(() => app.close());

interface Asked {
  readonly body?: string;
  readonly token?: string;
}

async function post(key: string, { body = 'a: 1', token = 'one' }: Asked = {}) {
  const headers = { 'idempotency-key': key, authorization: token, 'content-type': 'application/yaml' };
  const answer = await app.inject({ method: 'POST', url: '/things', headers, payload: body });
  return { status: answer.statusCode, headers: answer.headers, number: answer.json<{ number?: number }>().number };
}

test('the same request with the same key is done once and gets the same answer', async () => {
  const first = await post('a');
  const again = await post('a');
  expect(again).toMatchObject({ status: 201, number: first.number, headers: { location: first.headers.location } });
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(done).toBe(first.number);
});

test('several at once are done once', async () => {
  const before = done;
  const answers = await Promise.all([post('b'), post('b'), post('b')]);
  expect(answers.map(({ number }) => number)).toEqual([before + 1, before + 1, before + 1]);
});

test('one key stands for one request, and each token has keys of its own', async () => {
  const first = await post('c');
  expect((await post('c', { body: 'a: 2' })).status).toBe(422);
  expect((await post('c', { body: 'a: 2', token: 'two' })).number).not.toBe(first.number);
});

test('a refused request may be tried again, and so may one that waited for it', async () => {
  const [refused, waited] = await Promise.all([post('d', { body: 'bad' }), post('d', { body: 'bad' })]);
  expect([refused.status, waited.status]).toEqual([422, 422]);
  expect((await post('d')).status).toBe(201);
});

test('an answer is forgotten after its time, and when newer ones need the room', async () => {
  const first = await post('e');
  clock.ms += 60_001;
  expect((await post('e')).number).not.toBe(first.number);
  const second = await post('f');
  for (const key of ['g', 'h', 'i']) await post(key);
  expect((await post('f')).number).not.toBe(second.number);
});

test('a key that is none is refused', async () => {
  const before = done;
  expect((await post('a b')).status).toBe(400);
  expect((await post('x'.repeat(256))).status).toBe(400);
  expect(done).toBe(before);
});
