/** What a run prints: one Markdown table, ready for docs/performance.md. */
import { pairedRatio, type Spread, spread } from './statistics.ts';
import { columnOf, type Samples } from './turns.ts';

export interface Column {
  /** Key of the samples. */
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** Print the range beside the median. */
  readonly range?: boolean;
}

export interface RatioColumn {
  /** Key of the samples whose ratio is taken. */
  readonly key: string;
  readonly title: string;
}

export interface TableOptions {
  readonly columns: readonly Column[];
  /** Ours divided by the row's, round by round. */
  readonly ratios: readonly RatioColumn[];
  /** Name of the contender that the ratios are taken of; without its samples there are none. */
  readonly ours: string;
}

/** Rows in the order of the samples: medians, ranges as `(a–b)`, ratios of ours to the row's. */
export function markdownTable(samples: Samples, options: TableOptions): string {
  const ours = samples.get(options.ours);
  const ratios = ours === undefined ? [] : options.ratios;
  const titles = [...options.columns, ...ratios].map((column) => column.title);
  const rows = [...samples].map(([name, own]) => [
    name,
    ...options.columns.map((column) => cell(spread(columnOf(own, column.key)), column)),
    ...ratios.map(({ key }) =>
      own === ours ? '' : cell(pairedRatio(columnOf(ours ?? [], key), columnOf(own, key)), { digits: 2, range: true }),
    ),
  ]);
  return alignedRows([['', ...titles], ...rows]);
}

function cell(values: Spread, { digits, range }: Pick<Column, 'digits' | 'range'>): string {
  const text = (value: number): string => value.toFixed(digits);
  return range ? `${text(values.median)} (${text(values.min)}–${text(values.max)})` : text(values.median);
}

/** First row is the head. The first column stands left, the numbers right. */
export function alignedRows(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(3, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join('\n');
}
