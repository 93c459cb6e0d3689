/** What is shown while a command waits. */
import { print } from './output.ts';

/** One line that is written over on a terminal, and a line a change elsewhere. */
export function progressLine(): { show(text: string): void; end(): void } {
  let last = '';
  return {
    show(text) {
      if (text === last) return;
      last = text;
      if (process.stdout.isTTY) process.stdout.write(`\r\u001b[2K${text}`);
      else print(text);
    },
    end() {
      if (process.stdout.isTTY && last !== '') process.stdout.write('\n');
    },
  };
}

/** `[######----]`: how much of `all` is done. */
export function bar(done: number, all: number): string {
  const filled = all === 0 ? barWidth : Math.round((barWidth * done) / all);
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
}

const barWidth = 20;
