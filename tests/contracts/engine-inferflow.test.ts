import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findInferflow } from '#companion/engines/inferflow/binary.ts'
import { InferflowEngine } from '#companion/engines/inferflow/engine.ts'
import { socketOf } from '#companion/engines/inferflow/namespace.ts'
import { askLines, askText, type Ask } from '#companion/engines/server/http.ts'
import { silentLog } from '#companion/observe/log.ts'
import { findBubblewrap } from '#companion/process/bubblewrap.ts'
import { fakeInferflow, runFolderOf } from '#tests/inferflow.ts'
import { testModel } from '#tests/models.ts'
import { engineContract, failure } from './engine.ts'

const { bwrap, without } = await findBubblewrap()
const folder = mkdtempSync(join(tmpdir(), 'silo-inferflow-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const junkModel = join(folder, 'corrupt.gguf')
writeFileSync(junkModel, 'this is no model')
const cutModel = join(folder, 'cut-corrupt.gguf')
copyFileSync(testModel('smollm2-135m'), cutModel)
truncateSync(cutModel, 1_000_000)
const models = {
  chatModel: testModel('smollm2-135m'),
  junkModel,
  cutModel,
  noPromptCache: true,
} as const

it('has what it needs where it can run', () => {
  if (process.platform === 'linux') expect(bwrap, without).toBeDefined()
})

describe.skipIf(!bwrap)('Inferflow', () => {
  const fake = fakeInferflow(folder)
  wire('recorded', fake)
  engineContract(
    'inferflow, recorded',
    () => new InferflowEngine({ binary: () => fake, directory: join(folder, 'fake'), log: silentLog }), // prettier-ignore
    models,
  )

  const real = findInferflow()
  describe.skipIf(real === undefined)('the real program', () => {
    wire('real', real)
    engineContract(
      'inferflow',
      () => new InferflowEngine({ binary: () => real, directory: join(folder, 'real'), log: silentLog }), // prettier-ignore
      models,
    )
  })
})

/** What the dialect relies on, and what it must live with; the fake is as the program is. */
function wire(name: string, binary: string | undefined): void {
  describe(`the words of Inferflow, ${name}`, () => {
    let engine: InferflowEngine
    const ask = (path: string, body?: unknown) => ({
      address: { url: 'http://inferflow', socketPath: socketOf(runFolderOf(engine)) },
      path,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(20_000),
      silenceMs: 3000,
    })
    beforeAll(async () => {
      engine = new InferflowEngine({ binary: () => binary, directory: join(folder, name), log: silentLog }) // prettier-ignore
      const file = { id: 'm', path: models.chatModel, sha256: '0'.repeat(64), task: 'chat' } as const // prettier-ignore
      await engine.load(
        file,
        { contextTokens: 512, parallel: 1 },
        { signal: AbortSignal.timeout(60_000) },
      )
    })
    afterAll(() => engine[Symbol.asyncDispose]())

    it('to a question whether it is there: none, but an answer', async () => {
      expect(await askText(ask('/get_stat', { header: { fn: 'get_stat' } }))).toBe('')
    })

    it('to a prompt: pieces, of which the last says so', async () => {
      const body = { text: '-', decoder_input_template: '{#1}{#100}{#200}', decoding_alg: 'sample.greedy', max_output_len: 12, is_streaming_mode: 1 } // prettier-ignore
      const pieces = v.parse(v.array(v.looseObject({ text: v.string() })), await chunks(ask('/', body))) // prettier-ignore
      expect(pieces.length).toBeGreaterThan(1)
      expect(pieces.map((piece) => piece.is_end)).toEqual([...pieces.slice(1).map(() => undefined), 1]) // prettier-ignore
    })

    it('to a chat: lines of data that have no [DONE], and no role, id or usage', async () => {
      const body = { messages: [{ role: 'user', content: 'hi' }], stream: true, max_tokens: 4 }
      const text = await askText(ask('/v1/chat/completions', body))
      expect(text).toMatch(/^data: \{.*"finish_reason":"stop".*\}\n\n$/s)
      expect(text).not.toMatch(/\[DONE\]|"role"|"id"|"usage"/)
    })

    it('to what is no JSON and to GET: silence', async () => {
      expect((await failure(askText(ask('/')))).code).toBe('engine_crashed')
      const { socketPath } = ask('/').address
      const heard = await new Promise<string>((resolve, reject) => {
        const asked = request({ socketPath, method: 'POST', path: '/' }, (response) => {
          response.once('data', () => resolve('a body')).once('error', () => {})
        })
        asked.on('error', reject).setTimeout(1000, () => {
          resolve('nothing')
          asked.destroy()
        })
        asked.end('{"text": ')
      })
      expect(heard).toBe('nothing')
    })

    it('to nothing asked: a refusal that does not end', async () => {
      const seen: unknown[] = []
      const reading = (async () => {
        for await (const chunk of askLines(ask('/', { text: '' }))) seen.push(chunk)
      })()
      expect((await failure(reading)).code).toBe('engine_crashed')
      expect(seen).toEqual([{ text: '', ret_code: 'error.empty_request', time_cost: 0 }])
    })
  })
}

async function chunks(ask: Ask): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const chunk of askLines(ask)) all.push(chunk)
  return all
}
