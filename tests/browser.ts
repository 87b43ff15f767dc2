import { fork, type ChildProcess } from 'node:child_process'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import type { Plugin } from 'vite'
import type { TestProjectConfiguration } from 'vitest/config'
import { findBrowser } from '#companion/setup/browser.mjs'
import type { LinkBridge } from './link-bridge.ts'

/** Threads need an isolated page; the companion sends the same headers. */
export const isolatedServer = {
  headers: {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'cross-origin',
  },
}

/** Tests that run in the page itself, in Chromium: `web/**` with `.browser.ts`. */
export function browserProject(files: {
  include: string[]
  exclude: string[]
}): TestProjectConfiguration {
  return {
    plugins: [testModels(), linkBridge()],
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
      ...files,
      testTimeout: 240_000,
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

/**
 * Says at `/test-link` where a companion's link node is, whose requests the page answers itself. Started when asked, and
 * as a process of its own: what WebRTC keeps open in Node would keep this one from ending.
 */
function linkBridge(): Plugin {
  let child: ChildProcess | undefined
  let bridge: Promise<LinkBridge> | undefined
  const start = (): Promise<LinkBridge> => {
    const started = fork(join(import.meta.dirname, 'link-bridge.ts'))
    child = started
    return new Promise((resolve, reject) => {
      started.once('message', (message) => resolve(message as LinkBridge))
      started.once('exit', (code) => reject(new Error(`the bridge ended with ${code}`)))
    })
  }
  return {
    name: 'silo-test-link',
    configureServer(server) {
      server.middlewares.use('/test-link', (_, response) => {
        bridge ??= start()
        bridge.then(
          (where) => response.end(JSON.stringify(where)),
          (error: unknown) => response.writeHead(500).end(String(error)),
        )
      })
    },
    closeBundle() {
      child?.kill()
    },
  }
}
