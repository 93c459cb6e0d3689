/**
 * The habits of this repository that a program can check. Each rule is shown a made-up offence first, so that a rule
 * that has gone blind is noticed, and then the whole tree. What to do stands in the rule.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { brokenImports, isCode, isTest, readLayout, roomOf } from './support/layout.ts';
import {
  importsOf,
  lineAt,
  readSourceTree,
  repository,
  type SourceFile,
  withoutComments,
} from './support/source-tree.ts';

interface Rule {
  readonly law: string;
  /** What to do about an offence. */
  readonly remedy: string;
  /** Offences, each beginning with `file:line` where there is one. */
  readonly find: (files: readonly SourceFile[]) => string[];
  /** An offence that has to be found. */
  readonly offence: SourceFile;
}

/** All that may stand at the root. */
const topLevelNames = [
  '.ci',
  '.dockerignore',
  '.gitignore',
  '.npmrc',
  'Dockerfile',
  'LICENSE',
  'README.md',
  'bench',
  'biome.json',
  'control-plane',
  'data-plane',
  'docker-compose.yml',
  'docs',
  'e2e',
  'examples',
  'migrations',
  'package-lock.json',
  'package.json',
  'proto',
  'tsconfig.json',
  'vitest.config.ts',
];

/** Packages that one room knows, so that they can be replaced by changing that room. */
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  '@electric-sql/pglite': ['control-plane/store/'],
  '@fastify/swagger': ['control-plane/api/'],
  '@fastify/swagger-ui': ['control-plane/api/'],
  '@grpc/grpc-js': ['control-plane/xds/', 'data-plane/xds/'],
  commander: ['control-plane/cli/', 'data-plane/settings.ts'],
  fastify: ['control-plane/api/'],
  kysely: ['control-plane/store/', 'migrations/'],
  pg: ['control-plane/store/'],
  protobufjs: ['proto/'],
  zod: ['control-plane/model/', 'control-plane/api/'],
};

/** Files and folders where the real clock, timers and randomness enter; everything else is handed them. */
const edges: readonly string[] = [
  'control-plane/cli/', // talks to a person, who has a clock too
  'control-plane/main.ts',
  'control-plane/store/', // talks to a database that may not answer
  'control-plane/wire.ts',
  'control-plane/xds/timers.ts',
  'data-plane/main.ts',
  'data-plane/world.ts',
  'data-plane/xds/stream.ts',
  'data-plane/xds/timers.ts',
];

/** The real thing; but not as the default of what can be handed in, as in `options.now ?? Date.now`. */
const realTime =
  /(?<![.\w])(?:(?<!(?:\?\?|=) )|(?=[\w.]+\())(?:Date\.now|performance\.now|Math\.random|setTimeout|setInterval)\b|\bnew Date\(\)/;

const maxLines = 350;
const maxTestLines = 500;

const lineRule =
  (pattern: RegExp, applies: (file: SourceFile) => boolean, code = true) =>
  (files: readonly SourceFile[]): string[] =>
    files.filter(applies).flatMap((file) => {
      const text = code ? withoutComments(file.text) : file.text;
      return [...text.matchAll(new RegExp(pattern, 'g'))].map(
        (match) => `${file.path}:${lineAt(text, match.index)}: ${match[0].trim()}`,
      );
    });

const isPlaneCode = (file: SourceFile): boolean =>
  isCode(file) && !isTest(file.path) && /^(?:control|data)-plane\//.test(file.path);
const isForwardingPath = (file: SourceFile): boolean =>
  isPlaneCode(file) && /^data-plane\/(?:l4|l7|codec|upstream|listener)\//.test(file.path);
const isMarkdown = (file: SourceFile): boolean => file.path.endsWith('.md');
/** This file names what it forbids. */
const isSelf = (file: SourceFile): boolean => file.path === 'e2e/tidy.test.ts';

const rules: readonly Rule[] = [
  {
    law: 'a room imports only what the table in docs/architecture.md lets it',
    remedy: 'Move the code to the room that may know both, or change the table and say why in docs/decisions.',
    find: (files) => brokenImports(files, rooms),
    offence: { path: 'data-plane/codec/x.ts', text: "import { pick } from '../upstream/cluster.ts';" },
  },
  {
    law: 'every folder of a plane is a room of the table in docs/architecture.md',
    remedy: 'Give the room a row in docs/architecture.md, with what it may import.',
    find: (files) =>
      files
        .filter((file) => /^(?:control|data)-plane\/[^/]+\//.test(file.path))
        .filter((file) => roomOf(file.path, rooms)?.path.includes('/') !== true)
        .map((file) => file.path),
    offence: { path: 'data-plane/attic/x.ts', text: '' },
  },
  {
    law: 'a package is used only in its rooms',
    remedy: 'Use it through the room that owns it, or add the room to packageHomes in this test.',
    find: (files) =>
      files
        .filter((file) => isCode(file) && !isTest(file.path) && !file.path.startsWith('bench/'))
        .flatMap((file) =>
          importsOf(file)
            .filter(({ specifier }) => {
              const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
              return packageHomes[name]?.some((home) => file.path.startsWith(home)) === false;
            })
            .map(({ specifier, line }) => `${file.path}:${line}: ${specifier}`),
        ),
    offence: { path: 'control-plane/fleet/x.ts', text: "import { sql } from 'kysely';" },
  },
  {
    law: 'the forwarding path stands on node:net, not on an HTTP library',
    remedy: 'Use data-plane/codec; docs/decisions says why.',
    find: (files) =>
      files.filter(isForwardingPath).flatMap((file) =>
        importsOf(file)
          .filter(({ specifier }) => /^(?:node:)?(?:http|https|http2)$|^undici/.test(specifier))
          .map(({ specifier, line }) => `${file.path}:${line}: ${specifier}`),
      ),
    offence: { path: 'data-plane/l7/x.ts', text: "import http from 'node:http';" },
  },
  {
    law: "Envoy's resources are written in translate, checked in snapshot and read in decode, nowhere else",
    remedy: 'Work on the model; let control-plane/translate write messages and data-plane/xds/decode read them.',
    find: lineRule(
      /(['"])envoy\.(?:config|extensions)\.[\w.]+\1/,
      (file) =>
        isPlaneCode(file) && !/^control-plane\/(?:translate|snapshot)\/|^data-plane\/xds\/decode\//.test(file.path),
    ),
    offence: { path: 'data-plane/runtime/x.ts', text: "decode('envoy.config.cluster.v3.Cluster', bytes)" },
  },
  {
    law: 'clock, timers and randomness are handed in',
    remedy:
      'Take `now`, a timer or a random function as a parameter; only the edges listed in this test have the real ones.',
    find: lineRule(realTime, (file) => isPlaneCode(file) && !edges.some((edge) => file.path.startsWith(edge))),
    offence: { path: 'data-plane/balance/x.ts', text: 'const start = performance.now();' },
  },
  {
    law: `no file has more than ${maxLines} lines, no test more than ${maxTestLines}`,
    remedy: 'A long file has two subjects: give each a file of its own.',
    find: (files) =>
      files
        .map((file) => ({ file, lines: file.text.split('\n').length - 1 }))
        .filter(({ file, lines }) => isCode(file) && lines > (isTest(file.path) ? maxTestLines : maxLines))
        .map(({ file, lines }) => `${file.path}: ${lines} lines`),
    offence: { path: 'proto/x.ts', text: '\n'.repeat(maxLines + 1) },
  },
  {
    law: 'nothing is left for later in the code',
    remedy: 'Do it now, or open an issue and leave the code without a note.',
    find: lineRule(/\b(?:TODO|FIXME|XXX)\b/, (file) => (isCode(file) || isMarkdown(file)) && !isSelf(file), false),
    offence: { path: 'proto/x.ts', text: '// TODO' },
  },
  {
    law: 'no test is switched off, and none runs alone',
    remedy: 'Mend the test or remove it; a test that needs a peer uses skipIf with requirePeer.',
    find: lineRule(/\b(?:test|describe|it)\.(?:skip|only|todo)\(/, (file) => isTest(file.path) && !isSelf(file)),
    offence: { path: 'proto/x.test.ts', text: "test.only('x', () => {});" },
  },
  {
    law: 'the type checker is not silenced',
    remedy: 'Make the types say what is true.',
    find: lineRule(/@ts-(?:ignore|nocheck|expect-error)/, (file) => isCode(file) && !isSelf(file), false),
    offence: { path: 'proto/x.ts', text: '// @ts-ignore' },
  },
  {
    law: 'no path of one machine stands in the repository',
    remedy: 'Use os.tmpdir(), a path relative to the file, or a setting.',
    find: lineRule(/(?<![\w.])\/(?:work|tmp|home|root|Users)\/[\w.-]+/, (file) => !isSelf(file), false),
    offence: { path: 'docs/x.md', text: 'see /home/somebody/notes' },
  },
  {
    law: 'no registry host stands in the repository',
    remedy: 'Let npm and pip find their registry by their own settings; lock files are kept without `resolved`.',
    find: lineRule(
      /registry\.npmjs\.org|registry\.yarnpkg\.com|pypi\.org|pythonhosted\.org|proxy\.golang\.org/,
      (file) => !isSelf(file),
      false,
    ),
    offence: { path: 'package-lock.json', text: '"resolved": "https://registry.npmjs.org/x"' },
  },
  {
    law: 'every link in a Markdown file leads somewhere',
    remedy: 'Write the link relative to the file that it stands in, to a file and a heading that exist.',
    find: (files) => files.filter(isMarkdown).flatMap((file) => deadLinks(file, files)),
    offence: { path: 'docs/x.md', text: '[gone](gone.md)' },
  },
  {
    law: 'every npm script that a Markdown file names exists',
    remedy: 'Correct the command, or add the script to package.json.',
    find: (files) => {
      const scripts = Object.keys(readPackage(files).scripts ?? {});
      return lineRule(
        /npm (?:run [\w:-]+|test\b|start\b)/,
        isMarkdown,
        false,
      )(files).filter((found) => !scripts.includes(found.split(' ').at(-1) ?? ''));
    },
    offence: { path: 'docs/x.md', text: 'run `npm run nothing-of-the-kind`' },
  },
  {
    law: 'package.json pins every version exactly',
    remedy: 'Write the version without ^ or ~ (npm install --save-exact).',
    find: (files) => {
      const { dependencies, devDependencies, optionalDependencies } = readPackage(files);
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
        .map(([name, version]) => `package.json: ${name} ${version}`);
    },
    offence: { path: 'package.json', text: '{ "dependencies": { "zod": "^4.0.0" } }' },
  },
  {
    law: 'only known names stand at the root',
    remedy: 'Put it into a room, or add it to topLevelNames in this test.',
    find: (files) => [
      ...new Set(files.map((file) => file.path.split('/', 1)[0] ?? '').filter((name) => !topLevelNames.includes(name))),
    ],
    offence: { path: 'scripts/x.sh', text: '' },
  },
];

const tree = readSourceTree();
const rooms = readLayout(tree.find((file) => file.path === 'docs/architecture.md')?.text ?? '');

describe.each(rules)('$law', ({ remedy, find, offence }) => {
  test('an offence is noticed', () => {
    const others = tree.filter((file) => file.path !== offence.path);
    expect(find([...others, offence]).length).toBeGreaterThan(find(others).length);
  });

  test('the tree keeps to it', () => {
    const offences = find(tree);
    expect(offences, `\n${remedy}\n${offences.join('\n')}\n`).toEqual([]);
  });
});

test('every edge needs the clock, timers or randomness that it is listed for', () => {
  const needed = tree.filter((file) => realTime.test(withoutComments(file.text))).map((file) => file.path);
  expect(edges.filter((edge) => !needed.some((file) => file.startsWith(edge)))).toEqual([]);
});

test('all ways to import are seen, with their lines, and none in comments or strings', () => {
  const text = [
    "import a, { type B } from './a.ts';",
    "import type { C } from './c.ts';",
    "// import d from './d.ts';",
    'import {',
    '  e,',
    "} from './e.ts';",
    "export * from './f.ts';",
    "export type { G } from './g.ts';",
    "import './h.ts';",
    "const i = await import('./i.ts');",
    'const text = "see https://example.com/ and /* this */";',
    "export const from = 'not-an-import';",
  ].join('\n');
  expect(importsOf({ path: 'x.ts', text })).toEqual([
    { specifier: './a.ts', typeOnly: false, line: 1 },
    { specifier: './c.ts', typeOnly: true, line: 2 },
    { specifier: './e.ts', typeOnly: false, line: 6 },
    { specifier: './f.ts', typeOnly: false, line: 7 },
    { specifier: './g.ts', typeOnly: true, line: 8 },
    { specifier: './h.ts', typeOnly: false, line: 9 },
    { specifier: './i.ts', typeOnly: false, line: 10 },
  ]);
});

test('the planes may not import each other, not even in tests', () => {
  const file = { path: 'data-plane/x.test.ts', text: "import { parse } from '../control-plane/model/parse.ts';" };
  expect(brokenImports([file], rooms)).toHaveLength(1);
});

interface Package {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readPackage(files: readonly SourceFile[]): Package {
  return JSON.parse(files.find((file) => file.path === 'package.json')?.text ?? '{}') as Package;
}

function deadLinks(file: SourceFile, files: readonly SourceFile[]): string[] {
  const text = file.text.replace(/^```[\s\S]*?^```$/gm, (block) => block.replace(/[^\n]/g, ' '));
  return [...text.matchAll(/\[[^\]\n]*\]\(([^)\s]+)\)/g)].flatMap((match) => {
    const link = match[1] ?? '';
    if (/^[a-z]+:/.test(link)) return [];
    const [target = '', heading] = link.split('#');
    const to = target === '' ? file.path : path.posix.join(path.posix.dirname(file.path), target);
    const found = files.find((one) => one.path === to);
    const isThere = found !== undefined || existsSync(path.join(repository, to));
    if (isThere && (heading === undefined || headingsOf(found).includes(heading))) return [];
    return [`${file.path}:${lineAt(text, match.index)}: ${link}`];
  });
}

/** The anchors that a Markdown file's headings get. */
function headingsOf(file: SourceFile | undefined): string[] {
  return [...(file?.text ?? '').matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}
