// Prints the cases of xds-server-cases.md as a table: what tests each has, for which variant and where, and how they ended.
// Fails if a case has no test, or one that failed. Runs on any Node, so it is plain JavaScript.
// Usage: node xds-cases.js REPORT
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cases } from './xds-case-list.js';

const [file = ''] = process.argv.slice(2);
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] };

/** Names of tests and of groups of tests begin with their numbers: `46. …`, `7. 42. …`. */
const numbers = /^(?:A?\d{1,2}\. )+/;
/** The cases of clients, which our data plane keeps, have a list and numbers of their own. */
const served = /\/(?:control-plane|e2e)\/[^:]*$/;

const byNumber = new Map(Object.keys(cases).map((number) => [number, []]));
const unknown = new Set();
for (const { name, assertionResults } of report.testResults) {
  if (!served.test(path.posix.join('/', name))) continue;
  for (const { ancestorTitles, title, status } of assertionResults) {
    const titles = [...ancestorTitles, title];
    const found = new Set(titles.flatMap((one) => numbers.exec(one)?.[0].trim().split(' ') ?? []));
    const test = { words: [path.basename(name).replace(/[-.]/g, ' '), ...titles].join(' '), status };
    for (const number of found) {
      const tests = byNumber.get(number.slice(0, -1));
      if (tests === undefined) unknown.add(titles.join(' > '));
      else tests.push(test);
    }
  }
}

const rows = Object.entries(cases).map(([number, { title, open }]) => {
  const tests = byNumber.get(number);
  const has = (words) => tests.some((test) => words.test(test.words));
  const listed = (pairs) => pairs.flatMap(([name, words]) => (has(words) ? [name] : [])).join(' ') || '-';
  return {
    number,
    title,
    variants: listed([
      ['sotw', /\bsotw\b/],
      ['delta', /\bdelta\b/],
    ]),
    where: listed([
      ['ads', /\bads\b/i],
      ['per-type', /on own service|services of one type|, on (?!ads\b)[a-z]+$/],
    ]),
    tests: String(tests.length),
    result: resultOf(tests, open),
  };
});

function resultOf(tests, open) {
  if (tests.length === 0) return open === undefined ? 'NO TEST' : `open: ${open}`;
  if (open !== undefined) return 'TESTED, YET CALLED OPEN';
  if (tests.some(({ status }) => status === 'failed')) return 'FAILED';
  return tests.some(({ status }) => status === 'passed') ? 'passed' : 'SKIPPED';
}

const head = {
  number: 'case',
  title: 'what it asks',
  variants: 'variants',
  where: 'where',
  tests: 'tests',
  result: 'result',
};
const columns = Object.keys(head);
const widths = columns.map((column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
for (const row of [head, ...rows]) {
  console.log(
    columns
      .map((column, i) => row[column].padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
}
const wrong = rows.filter(({ result }) => result === result.toUpperCase());
for (const { number, result } of wrong) console.log(`case ${number}: ${result}`);
for (const title of unknown) console.log(`no such case: ${title}`);
console.log(`${rows.filter(({ result }) => result === 'passed').length} of ${rows.length} cases passed`);
process.exitCode = wrong.length + unknown.size === 0 ? 0 : 1;
