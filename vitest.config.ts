import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Tests run against the sources; workers and executables come from the build that precedes them. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^@kvorum\/([a-z]+)$/, replacement: `${here}packages/$1/src/index.ts` },
      { find: "@kvorum/base/node", replacement: `${here}packages/base/src/node.ts` },
      {
        find: "@kvorum/backends/conformance",
        replacement: `${here}packages/backends/src/conformance/index.ts`,
      },
      {
        find: "@kvorum/backends/boltfile",
        replacement: `${here}packages/backends/src/boltfile/index.ts`,
      },
      {
        find: "@kvorum/server/storage",
        replacement: `${here}packages/server/src/storage/index.ts`,
      },
    ],
  },
  test: {
    include: ["packages/*/src/**/*.test.ts", "bench/src/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // How long an `expect.poll` waits; a second is over soon where many processes share a processor.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
    // Real processes on a shared machine: one that starved is given a second try, and the report says
    // so. At a desk every failure shows at once.
    retry: process.env.CI ? 1 : 0,
  },
});
