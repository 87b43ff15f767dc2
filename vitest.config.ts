import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { browserProject } from './tests/browser.ts'

/**
 * Files named `*.long.*` take minutes, those named `*.engines.*` need engines that not everybody installs; `npm test --
 * long` and `npm test -- engines` run them, and only them.
 */
const kinds = ['long', 'engines']
const kind = kinds.find((name) => name === process.env.SILO_TESTS)
const only = (patterns: readonly string[], ending: string) => ({
  include: patterns.map((pattern) => `${pattern}/*${kind ? `.${kind}` : ''}${ending}`),
  exclude: ['**/node_modules/**', ...(kind ? [] : kinds.map((name) => `**/*.${name}${ending}`))],
})

/**
 * `node`: shared, companion and tests/. `web`: Svelte stores and pure modules of the app. `browser`: what only
 * a real browser has, in Chromium.
 */
export default defineConfig({
  test: {
    passWithNoTests: kind !== undefined,
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
