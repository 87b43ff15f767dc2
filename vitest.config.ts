import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { browserProject } from './tests/browser.ts'

/**
 * `node`: shared, companion and tests/. `web`: Svelte stores and pure modules of the app. `browser`: what only
 * a real browser has, in Chromium.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: [
            'shared/**/*.test.ts',
            'companion/**/*.test.ts',
            'tests/contracts/**/*.test.ts',
            'tests/integration/**/*.test.ts',
          ],
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
          include: ['web/**/*.test.ts'],
          environment: 'node',
          testTimeout: 30_000,
        },
      },
      browserProject(),
    ],
  },
})
