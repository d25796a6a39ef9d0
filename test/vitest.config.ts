import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'test/unit/**/*.test.ts',
      'test/parity/**/*.test.ts',
      'test/malformed/**/*.test.ts',
      'test/policy/**/*.test.ts',
      'test/slurm/**/*.test.ts',
    ],
    testTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
