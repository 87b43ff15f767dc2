import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { startOpenAiServer, testModelState } from './openai-server.ts'

const run = promisify(execFile)
const venv = fileURLToPath(new URL('../../.silo/test-venv', import.meta.url))
const windows = process.platform === 'win32'
const python = join(venv, windows ? 'Scripts/python.exe' : 'bin/python')

/** The environment with the `openai` package; made once, kept for later runs. */
async function openAiPython(): Promise<string> {
  const works = async (): Promise<boolean> =>
    existsSync(python) &&
    (await run(python, ['-c', 'import openai'], { timeout: 60_000 }).then(
      () => true,
      () => false,
    ))
  if (await works()) return python
  try {
    await rm(venv, { recursive: true, force: true })
    await run(windows ? 'python' : 'python3', ['-m', 'venv', venv], { timeout: 60_000 })
    await run(python, ['-m', 'pip', 'install', '--quiet', 'openai>=2'], { timeout: 150_000 })
  } catch (error) {
    throw new Error(
      'This test needs Python 3 with venv and a pip that can install the package "openai".',
      { cause: error },
    )
  }
  return python
}

test('the openai package of PyPI works against the server', { timeout: 240_000 }, async () => {
  await using server = await startOpenAiServer(createFakeEngine({ dimensions: 32 }), [
    testModelState('fake-chat', 'chat'),
    testModelState('fake-embed', 'embed'),
  ])
  const script = fileURLToPath(new URL('./openai-python.py', import.meta.url))
  const { stdout } = await run(await openAiPython(), [script, `${server.url}/v1`], {
    timeout: 60_000,
    // A proxy of the machine is not asked for an address on it.
    env: { ...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' },
  })
  expect(JSON.parse(stdout)).toMatchObject({
    models: ['fake-chat', 'fake-embed'],
    chat: 'hello from Python 你好',
    usage: expect.any(Number),
    streamed: 'hello from Python 你好',
    streamed_usage: expect.any(Number),
    tool: 'weather',
    completion: 'one',
    vectors: [32, 32],
    response: 'short',
    streamed_response: 'streamed response',
    error: 'model_unknown',
  })
  expect(server.leases).toBe(0)
})
