import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { silentLog } from '#companion/observe/log.ts'
import { createWhisperTranscriber, type WhisperTranscriber } from '#companion/speech/whisper.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { testModel } from '#tests/models.ts'
import { speechSamples, spoken, understood } from '#tests/speech.ts'
import { transcriberContract } from './transcriber.ts'

const folder = mkdtempSync(join(tmpdir(), 'silo-speech-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function open(model: () => Promise<string>, directory = folder, idleMs?: number) {
  const options = { model, directory, log: silentLog }
  return createWhisperTranscriber(idleMs === undefined ? options : { ...options, idleMs })
}
const whisper = async (): Promise<string> => testModel('whisper-base')

transcriberContract(
  'whisper.cpp',
  async () => open(whisper),
  async () => open(() => Promise.reject(new SiloError('speech_model_missing'))),
)

describe('whisper.cpp', () => {
  const patience = { timeout: 170_000 }
  const options = { language: 'en' as const, signal: new AbortController().signal }
  const isWord = async (transcriber: WhisperTranscriber): Promise<void> => {
    const { text } = await transcriber.transcribe(speechSamples('en'), options)
    expect(understood(spoken.en, text), text).toBeGreaterThanOrEqual(0.7)
  }

  it('says so when its process dies, and goes on with a new one', patience, async () => {
    await using transcriber = open(whisper)
    const hearing = transcriber.transcribe(speechSamples('en'), options)
    const failed = expect(hearing).rejects.toMatchObject({ code: 'speech_failed' })
    await expect.poll(() => transcriber.pid).toBeDefined()
    const { pid } = transcriber
    process.kill(pid!, 'SIGKILL')
    await failed
    await isWord(transcriber)
    expect(transcriber.pid).not.toBe(pid)
  })

  it('lets go of the memory when nobody speaks', patience, async () => {
    await using transcriber = open(whisper, folder, 50)
    await isWord(transcriber)
    await expect.poll(() => transcriber.pid).toBeUndefined()
  })

  it('refuses a file that is no model', patience, async () => {
    const path = join(folder, 'broken.bin')
    writeFileSync(path, 'not a model at all, only words')
    await using transcriber = open(async () => path)
    await expect(transcriber.transcribe(speechSamples('en'), options)).rejects.toMatchObject({
      code: 'speech_failed',
    })
  })

  it('writes a smaller form of the model once, and no sound', patience, async () => {
    const directory = mkdtempSync(join(folder, 'derived-'))
    await using transcriber = open(whisper, directory)
    await isWord(transcriber)
    const names = readdirSync(directory)
    expect(names).toEqual(['whisper-base-512.bin'])
    const made = statSync(join(directory, names[0]!))
    expect(made.size).toBeLessThan(statSync(testModel('whisper-base')).size)
    await isWord(transcriber)
    expect(statSync(join(directory, names[0]!)).mtimeMs).toBe(made.mtimeMs)
  })

  it('hears more than the short form holds', patience, async () => {
    await using transcriber = open(whisper)
    const once = speechSamples('en')
    const twice = new Float32Array(once.length * 2)
    twice.set(once)
    twice.set(once, once.length)
    const { text } = await transcriber.transcribe(twice, options)
    expect(understood(`${spoken.en} ${spoken.en}`, text), text).toBeGreaterThanOrEqual(0.7)
  })

  it('ends what it does when it is closed', patience, async () => {
    const transcriber = open(whisper)
    const hearing = expect(
      transcriber.transcribe(speechSamples('en'), options),
    ).rejects.toMatchObject({ code: 'shutting_down' })
    await expect.poll(() => transcriber.pid).toBeDefined()
    await transcriber[Symbol.asyncDispose]()
    await hearing
    expect(transcriber.pid).toBeUndefined()
  })
})
