import { createReadStream, existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import type { Plugin } from 'vite'
import type { TestProjectConfiguration } from 'vitest/config'
import { findBrowser } from '#companion/setup/browser.mjs'

/** Threads need an isolated page; the companion sends the same headers. */
export const isolatedServer = {
  headers: {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'cross-origin',
  },
}

/** Tests that run in the page itself, in Chromium: `web/**` with `.browser.ts`. */
export function browserProject(): TestProjectConfiguration {
  return {
    plugins: [testModels()],
    server: isolatedServer,
    optimizeDeps: {
      include: [
        '@wllama/wllama/esm/index.js',
        '@mlc-ai/web-llm',
        '@noble/hashes/sha2.js',
        'valibot',
      ],
    },
    test: {
      name: 'browser',
      include: ['web/**/*.browser.ts'],
      testTimeout: 120_000,
      hookTimeout: 180_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: {
            executablePath: findBrowser(),
            args: ['--no-sandbox', '--disable-gpu', '--enable-unsafe-webgpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'], // prettier-ignore
          },
        }),
        instances: [{ browser: 'chromium' }],
      },
    },
  }
}

/** Serves the model files of the tests at `/test-models/NAME`. */
export function testModels(): Plugin {
  const folder = resolve(
    import.meta.dirname,
    '..',
    process.env.SILO_TEST_MODELS ?? '.silo/test-home/models',
  )
  return {
    name: 'silo-test-models',
    configureServer(server) {
      server.middlewares.use('/test-models', (request, response) => {
        const name = /^\/([\w.-]+\.gguf)$/.exec(request.url ?? '')?.[1]
        const path = name && join(folder, name)
        if (!path || !existsSync(path)) {
          response.writeHead(404).end('no such model')
          return
        }
        response.writeHead(200, {
          'Content-Type': 'application/octet-stream',
          'Content-Length': statSync(path).size,
        })
        createReadStream(path).pipe(response)
      })
    },
  }
}
