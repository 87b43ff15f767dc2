import { defineConfig } from '@playwright/test'
import { launchOptions } from './tests/e2e/browser.ts'

const long = process.env.SILO_TESTS === 'long'

/** Real browser, real companion, real models. One worker: the machine's cores belong to the model. */
export default defineConfig({
  testDir: 'tests/e2e',
  // As in vitest.config.ts.
  testMatch: long ? '*.long.spec.ts' : '*.spec.ts',
  testIgnore: long ? [] : '*.long.spec.ts',
  outputDir: 'test-results',
  timeout: 240_000,
  expect: { timeout: 15_000 },
  workers: 1,
  fullyParallel: false,
  // A small model sometimes answers beside the point; twice in a row is a fault.
  retries: 1,
  reporter: [['list'], ['json', { outputFile: 'test-results/report.json' }]],
  use: { launchOptions, locale: 'en-US', trace: 'retain-on-failure' },
})
