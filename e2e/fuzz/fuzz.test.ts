/** The corpora, and a few hundred random inputs for each parser: what `npm run fuzz` does for ten minutes. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../proto/http2/testing/wire.ts';
import { readCorpus } from './corpus.ts';
import { downgrade } from './downgrade.ts';
import { blocks } from './hpack/blocks.ts';
import { lists } from './hpack/lists.ts';
import { requests, responses } from './http1/subject.ts';
import { answers, frames } from './http2/subject.ts';
import { minimise } from './minimise.ts';
import type { Subject } from './subject.ts';

const seed = Number(process.env['SEED'] ?? 1);
const batch = 100;
/** Of all neighbours of a corpus, about so many. */
const neighbours = 2_000;

function lawOf<Input>(subject: Subject<Input>): void {
  const corpus = readCorpus(subject);

  test('every entry of the corpus: the oracle agrees, and what is settled stays as it is', async () => {
    const verdicts = await subject.judge(corpus.map(({ input }) => input));
    const wrong = corpus.flatMap(({ entry }, i) => {
      const { problem, own } = verdicts[i]!;
      const isSettled = entry.own === undefined || entry.own === own;
      return problem === undefined && isSettled ? [] : [`${entry.name}: ours ${own}; ${problem ?? 'no problem'}`];
    });
    expect(wrong).toEqual([]);
  });

  test('one byte or frame changed in what is accepted: the oracle agrees (seeded)', async () => {
    const accepted = corpus.filter(({ entry }) => entry.own === 'accepts');
    expect(accepted.length).toBeGreaterThan(0);
    const random = seededRandom(seed);
    const near = accepted
      .flatMap(({ input }) => [...subject.neighbours(input)])
      .filter((_, __, all) => random(all.length) < neighbours);
    expect(await problemsOf(subject, near)).toEqual([]);
  });

  test('random inputs: the oracle agrees (seeded)', async () => {
    const random = seededRandom(seed);
    const mutated = corpus.map(({ input }) => input);
    const inputs = Array.from({ length: 500 }, () => subject.generate(random, mutated));
    expect(await problemsOf(subject, inputs), `seed ${seed}`).toEqual([]);
    const own = (await subject.judge(inputs)).map((verdict) => verdict.own);
    expect(own.filter((one) => one === 'accepts').length).toBeGreaterThan(20);
    const mayRefuse = corpus.some(({ entry }) => entry.own === 'refuses');
    if (mayRefuse) expect(own.filter((one) => one === 'refuses').length).toBeGreaterThan(20);
  });
}

/** The first few, so that they can be read. */
async function problemsOf<Input>(subject: Subject<Input>, inputs: readonly Input[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let at = 0; at < inputs.length && found.length < 5; at += batch) {
    const some = inputs.slice(at, at + batch);
    const verdicts = await subject.judge(some);
    verdicts.forEach(({ problem }, i) => {
      if (problem !== undefined) found.push({ problem, ...subject.write(some[i]!) });
    });
  }
  return found;
}

describe('HTTP/1 requests, with llhttp', () => lawOf(requests));
describe('HTTP/1 responses, with llhttp', () => lawOf(responses));
describe('HTTP/2 frames to a server, with nghttp2', () => lawOf(frames));
describe('HTTP/2 frames to a client, with nghttp2', () => lawOf(answers));
describe('HTTP/2 heads in HTTP/1, with llhttp', () => lawOf(downgrade));
describe('HPACK blocks, with nghttp2', () => lawOf(blocks));
describe('HPACK lists, with nghttp2', () => lawOf(lists));

test('a finding is made small, and stays the same kind of thing', async () => {
  const loud: Subject<string> = {
    ...requests,
    judge: async (inputs) =>
      inputs.map((input) => ({
        problem: input.includes('x') ? `odd: ${input.length} bytes` : undefined,
        counted: '',
        own: 'accepts',
      })),
  };
  expect(await minimise(loud, 'abc'.repeat(50) + 'x' + 'def'.repeat(50), 'odd: 301 bytes')).toBe('x');
});
