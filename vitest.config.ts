import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { browserProject } from './tests/browser.ts'

/** Files named `*.long.*` take minutes; `npm test -- long` runs them, and only them. */
const long = process.env.SILO_TESTS === 'long'
const only = (patterns: readonly string[], ending: string) => ({
  include: patterns.map((pattern) => `${pattern}/*${long ? '.long' : ''}${ending}`),
  exclude: ['**/node_modules/**', ...(long ? [] : [`**/*.long${ending}`])],
})

/**
 * `node`: shared, companion and tests/. `web`: Svelte stores and pure modules of the app. `browser`: what only
 * a real browser has, in Chromium.
 */
export default defineConfig({
  test: {
    passWithNoTests: long,
    projects: [
      {
        test: {
          name: 'node',
          ...only(
            ['shared/**', 'companion/**', 'tests/contracts/**', 'tests/integration/**'],
            '.test.ts',
          ),
          environment: 'node',
          testTimeout: 60_000,
          hookTimeout: 180_000,
          pool: 'forks',
        },
      },
      {
        // Compiles the runes of *.svelte.ts; the app's own plugin would also start the router.
        plugins: [svelte({ configFile: false })],
        test: {
          name: 'web',
          ...only(['web/**'], '.test.ts'),
          environment: 'node',
          testTimeout: 30_000,
        },
      },
      browserProject(only(['web/**'], '.browser.ts')),
    ],
  },
})
