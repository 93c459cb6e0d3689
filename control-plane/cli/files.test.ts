import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkDocument } from '../model/check.ts';
import { parseDocuments } from '../model/parse.ts';
import { demoDocuments, tryFolder } from './demo.ts';
import { bundle, readSources } from './files.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'fairlead-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the server counts the documents of a bundle as the bundle does, whatever the files look like', () => {
  const files = [
    { name: 'a.yaml', text: '# only a comment\n---\nkind: A\n---\n---\nkind: B' },
    { name: 'empty.yaml', text: '' },
    { name: 'b.json', text: '\ufeff[{"kind": "C"}, {"kind": "D"}]' },
    { name: 'c.json', text: '{\n  "kind": "E"\n}' },
    { name: 'd.yaml', text: 'null\n---\n~\n---\n...\nkind: F\n...\n' },
    { name: 'e.yaml', text: '[]' },
    { name: 'f.yaml', text: '%YAML 1.2\n---\nkind: G\n' },
  ];
  const { text, sources } = bundle(files);
  const parsed = parseDocuments(text, 'yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  expect(parsed.value).toEqual([...'ABCDEFG'].map((kind) => ({ kind })));
  expect(sources.map(({ file, number }) => `${file}#${number}`)).toEqual([
    'a.yaml#1',
    'a.yaml#2',
    'b.json#1',
    'b.json#2',
    'c.json#1',
    'd.yaml#1',
    'f.yaml#1',
  ]);
});

test('what is no YAML is told with its file, line and column', () => {
  const files = [
    { name: 'fine.yaml', text: 'kind: A' },
    { name: 'bad.yaml', text: 'kind: A\n---\nname: "x\n' },
  ];
  expect(() => bundle(files)).toThrow(/^bad\.yaml:\d+:\d+: /);
  expect(() => bundle([{ name: 'none.yaml', text: '---\n' }])).toThrow('There is no document in none.yaml');
});

test('a folder gives its YAML and JSON files in name order, those below it only when asked', () => {
  mkdirSync(path.join(folder, 'sub'));
  for (const name of ['b.yml', 'a.yaml', 'c.JSON', 'readme.md', 'sub/d.yaml'])
    writeFileSync(path.join(folder, name), name);
  const names = (recursive: boolean) => readSources([folder], recursive).map(({ text }) => text);
  expect(names(false)).toEqual(['a.yaml', 'b.yml', 'c.JSON']);
  expect(names(true)).toEqual(['a.yaml', 'b.yml', 'c.JSON', 'sub/d.yaml']);
});

test('the documents of the demo are valid, and an offset moves every port in them', () => {
  for (const offset of [0, 10_000]) {
    const parsed = parseDocuments(demoDocuments(offset), 'yaml');
    const documents = parsed.ok ? parsed.value.map((document) => checkDocument(document)) : [];
    expect(documents.length).toBeGreaterThan(10);
    for (const document of documents) expect(document).toMatchObject({ ok: true });
  }
  const ports = (offset: number) => [...demoDocuments(offset).matchAll(/port: (\d+)/g)].map(([, port]) => Number(port));
  expect(ports(10_000)).toEqual(ports(0).map((port) => port + 10_000));
  expect(readSources([tryFolder]).length).toBe(2);
});
