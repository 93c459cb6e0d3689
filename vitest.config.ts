import { defineConfig } from 'vitest/config';

const ignored = ['node_modules/**', '.peers/**'];
/** They start programs, or databases, and wait for them: each file has a process of its own. */
const large = ['e2e/**/*.test.ts', 'bench/**/*.test.ts', 'control-plane/{cli,store}/**/*.test.ts'];

// A poll that succeeds takes as long as it takes: a second, which is the default, is nothing on a busy machine. It asks often: most are true soon.
const common = {
  pool: 'forks',
  testTimeout: 90_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 30_000, interval: 10 } },
} as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default'],
    // Projects run in the order of their names: the long waits first, and what is small fills the gaps at the end.
    projects: [
      { test: { ...common, name: 'large', include: large, exclude: ignored } },
      // Half of what these files took was loading the same modules again; they keep nothing in them.
      {
        test: { ...common, name: 'small', include: ['**/*.test.ts'], exclude: [...ignored, ...large], isolate: false },
      },
    ],
  },
});
