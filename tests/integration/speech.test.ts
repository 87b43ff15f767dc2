import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { startCompanion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { SpeechService } from '#companion/speech/speech-service.ts'
import type { ModelState } from '#shared/domain/model.ts'
import { maxSpeechBytes, speechStateSchema, transcriptionSchema } from '#shared/protocol/speech.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import { createFakeTranscriber, type FakeTranscriberOptions } from '#tests/fakes/transcriber.ts'
import { testModel } from '#tests/models.ts'
import { noise, speechPath, spoken, understood, wavOf } from '#tests/speech.ts'
import { createHarness, port, token, type Harness, type Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let harness: Harness | undefined
afterEach(async () => {
  await harness?.close()
  harness = undefined
})

function open(options: FakeTranscriberOptions = {}, model: Partial<ModelState> = {}) {
  const { state } = testModelState('whisper-test', 'chat')
  const known: ModelState = { ...state, entry: { ...state.entry, task: 'speech' }, ...model }
  harness = createHarness({
    speech: new SpeechService(createFakeTranscriber(options), () => known),
  })
  const { app } = harness
  return {
    post: (body: BodyInit, query = '', headers: Record<string, string> = {}, init = {}) =>
      app.fetch(
        new Request(`http://localhost:${port}/api/speech/transcriptions${query}`, {
          method: 'POST',
          body,
          headers: {
            host: `localhost:${port}`,
            authorization: `Bearer ${token}`,
            'content-type': 'audio/wav',
            ...headers,
          },
          ...init,
        }),
        {},
      ),
    json: harness.json,
  }
}
const wav = (language: 'en' | 'zh') => readFile(speechPath(language))
const code = async (response: Response | Promise<Response>): Promise<Loose> => {
  const answer = await response
  return [answer.status, ((await answer.json()) as Loose).error?.code]
}

describe('POST /api/speech/transcriptions', () => {
  it('answers what was said, how long it took, and in which language', async () => {
    const { post } = open()
    const answer = await post(await wav('zh'), '?language=zh')
    expect(answer.status).toBe(200)
    const body = v.parse(transcriptionSchema, await answer.json())
    expect(body).toMatchObject({ text: spoken.zh, language: 'zh', durationMs: 5950 })
    expect(body.segments).toHaveLength(1)
  })

  it('answers nothing for silence', async () => {
    const { post } = open()
    const answer = await post(wavOf(new Float32Array(32_000)))
    expect(await answer.json()).toEqual({
      text: '',
      language: 'und',
      segments: [],
      durationMs: 2000,
    })
  })

  it('takes ten minutes, and not a second more', async () => {
    const { post } = open()
    const long = wavOf(new Float32Array(600 * 16_000))
    expect((await post(long)).status).toBe(200)
    expect(await code(post(wavOf(new Float32Array(601 * 16_000))))).toEqual([413, 'body_too_large'])
    // A body without a length is counted while it comes.
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
    })
    expect(await code(post(endless, '', {}, { duplex: 'half' }))).toEqual([413, 'body_too_large'])
    expect(maxSpeechBytes).toBeGreaterThan(long.length)
  })

  it('refuses what is no recording', async () => {
    const { post } = open()
    const bad = [400, 'bad_request']
    expect(await code(post(Buffer.from('not a recording')))).toEqual(bad)
    expect(await code(post(new Uint8Array(0)))).toEqual(bad)
    expect(await code(post((await wav('en')).subarray(0, 60_000)))).toEqual(bad)
    expect(await code(post(await wav('en'), '', { 'content-type': 'audio/ogg' }))).toEqual(bad)
    expect(await code(post(await wav('en'), '?language=tlh'))).toEqual(bad)
  })

  it('lets no stranger be heard', async () => {
    const { post } = open()
    const headers = { authorization: 'Bearer wrong' }
    expect(await code(post(await wav('en'), '', headers))).toEqual([401, 'unauthorized'])
  })

  it('says that the model is missing', async () => {
    const { post } = open({ missing: true })
    expect(await code(post(await wav('en')))).toEqual([409, 'speech_model_missing'])
  })

  it('holds few recordings at once, and has room again afterwards', async () => {
    const { post } = open({ takesMs: 30 })
    const file = await wav('en')
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(file)))
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([200, 200, 200, 200, 409, 409])
    expect((await post(file)).status).toBe(200)
  })
})

it('GET /api/speech says what there is', async () => {
  const { json } = open({}, { installed: false, downloadRunId: 'r1' })
  const state = v.parse(speechStateSchema, await json('/api/speech'))
  expect(state).toMatchObject({
    available: true,
    modelId: 'whisper-test',
    installed: false,
    downloadRunId: 'r1',
  })
  const { json: other } = open({ available: false })
  expect(await other('/api/speech')).toMatchObject({ available: false, reason: 'the fake says no' })
})

describe('the companion', () => {
  it('writes down real speech and keeps nothing of it', { timeout: 170_000 }, async () => {
    const home = mkdtempSync(join(tmpdir(), 'silo-speech-home-'))
    mkdirSync(join(home, 'models'))
    const config = loadConfig({
      SILO_HOME: home,
      SILO_PORT: '0',
      SILO_OFFLINE: '1',
      SILO_LINK: '0',
    })
    const companion = await startCompanion(config, { engine: createFakeEngine() })
    try {
      const headers = { authorization: `Bearer ${companion.token}` }
      const send = (body: Uint8Array<ArrayBuffer>) =>
        fetch(`${companion.url}/api/speech/transcriptions?language=en`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'audio/wav' },
          body,
        })
      const file = new Uint8Array(await wav('en'))
      expect(await code(send(file))).toEqual([409, 'speech_model_missing'])
      const state = async (): Promise<Loose> =>
        (await fetch(`${companion.url}/api/speech`, { headers })).json()
      expect(await state()).toMatchObject({ modelId: 'whisper-base', installed: false })

      symlinkSync(testModel('whisper-base'), join(home, 'models', 'whisper-base.bin'))
      expect(await state()).toMatchObject({ available: true, installed: true })
      const heard = (await (await send(file)).json()) as Loose
      expect(understood(spoken.en, heard.text), heard.text).toBeGreaterThanOrEqual(0.7)
      expect(await (await send(new Uint8Array(wavOf(noise(2, 0.2))))).json()).toMatchObject({
        text: '',
      })

      const kept = readdirSync(home, { recursive: true, encoding: 'utf8' })
      expect(kept.filter((name) => /\.(wav|pcm|raw)$/.test(name))).toEqual([])
      expect(kept).toContain(join('models', '.derived', 'whisper-base-512.bin'))
      await fetch(`${companion.url}/api/models/whisper-base`, { method: 'DELETE', headers })
      expect(readdirSync(join(home, 'models'))).not.toContain('.derived')
    } finally {
      await companion.close()
      rmSync(home, { recursive: true, force: true })
    }
  })
})
