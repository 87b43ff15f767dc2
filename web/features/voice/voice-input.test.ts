import { describe, expect, it } from 'vitest'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { SpeechState, Transcription } from '#shared/protocol/speech.ts'
import type { RecorderEvents } from '#web/client/speech/recorder.ts'
import { VoiceInput } from './voice-input.svelte.ts'

/** Everything that has been started has come as far as it can. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve))

const state: SpeechState = {
  available: true,
  reason: null,
  modelId: 'm',
  modelName: 'M',
  modelSize: 1,
  installed: false,
  downloadRunId: null,
}

/** A voice over a microphone and a companion that do as told. */
function open(told: { seconds?: number; says?: (Transcription['text'] | SiloError)[] } = {}) {
  const heard: string[] = []
  const says = [...(told.says ?? ['hello'])]
  const log: string[] = []
  let events: RecorderEvents | undefined
  let grant: (() => void) | undefined
  let answer: (() => void) | undefined
  const voice = new VoiceInput({
    async record(given, signal) {
      events = given
      await new Promise<void>((resolve) => (grant = resolve))
      signal.throwIfAborted()
      return {
        seconds: told.seconds ?? 2,
        finish: () => (log.push('finish'), new Blob(['wav'])),
        cancel: () => log.push('cancel'),
      }
    },
    async transcribe(_, signal) {
      log.push('send')
      await new Promise<void>((resolve, reject) => {
        answer = resolve
        signal.addEventListener('abort', () => reject(signal.reason))
      })
      const said = says.shift() ?? ''
      if (said instanceof SiloError) throw said
      return { text: said, language: 'en', segments: [], durationMs: 2000 }
    },
    state: async () => state,
    ontext: (text) => heard.push(text),
  })
  return {
    voice,
    heard,
    log,
    ended: () => events?.onEnded(),
    async granted() {
      grant?.()
      await settled()
    },
    async answered() {
      answer?.()
      await settled()
    },
  }
}

describe('push-to-talk', () => {
  it('records while it is held and writes when it is let go', async () => {
    const { voice, heard, granted, answered } = open()
    voice.press(0)
    expect(voice.phase).toBe('opening')
    await granted()
    expect(voice.phase).toBe('recording')
    voice.release(2000)
    expect(voice.phase).toBe('sending')
    await answered()
    expect(heard).toEqual(['hello'])
    expect(voice).toMatchObject({ phase: 'idle', note: 'written', keeps: false })
  })

  it('goes on after a tap until the next one', async () => {
    const { voice, heard, granted, answered } = open()
    voice.press(0)
    await granted()
    voice.release(100)
    expect(voice).toMatchObject({ phase: 'recording', latched: true })
    voice.press(3000)
    voice.release(3100)
    expect(voice.phase).toBe('sending')
    await answered()
    expect(heard).toEqual(['hello'])
  })

  it('goes on by itself when the browser asked for leave meanwhile', async () => {
    const { voice, granted } = open()
    voice.press(0)
    voice.release(4000)
    await granted()
    expect(voice).toMatchObject({ phase: 'recording', latched: true })
  })

  it('drops what is let go away from the button, and keeps what came back', async () => {
    const { voice, log, granted } = open()
    voice.press(0)
    await granted()
    voice.slide(true)
    voice.slide(false)
    voice.slide(true)
    voice.release(2000)
    expect(voice).toMatchObject({ phase: 'idle', note: 'dropped' })
    expect(log).toEqual(['cancel'])
  })

  it('sends nothing that was cancelled, at any stage', async () => {
    const { voice, heard, log, granted, answered } = open()
    voice.press(0)
    voice.cancel()
    await granted()
    expect(voice.phase).toBe('idle')
    voice.press(0)
    await granted()
    voice.release(2000)
    voice.cancel()
    await answered()
    expect(heard).toEqual([])
    expect(log).toEqual(['finish', 'send'])
    expect(voice).toMatchObject({ phase: 'idle', problem: undefined, keeps: false })
  })

  it('says that a slip was too short', async () => {
    const { voice, log, granted } = open({ seconds: 0.1 })
    voice.press(0)
    await granted()
    voice.release(400)
    expect(voice).toMatchObject({ phase: 'idle', note: 'tooShort' })
    expect(log).toEqual(['finish'])
  })

  it('says that nothing was understood', async () => {
    const { voice, heard, granted, answered } = open({ says: [''] })
    voice.press(0)
    await granted()
    voice.release(2000)
    await answered()
    expect(voice.note).toBe('unheard')
    expect(heard).toEqual([])
  })

  it('writes what it has when the recording ends by itself', async () => {
    const { voice, heard, ended, granted, answered } = open()
    voice.press(0)
    await granted()
    ended()
    expect(voice.phase).toBe('sending')
    await answered()
    expect(heard).toEqual(['hello'])
  })

  it('keeps the recording until the model is there, or the companion answers again', async () => {
    const missing = new SiloError('speech_model_missing')
    const failed = new SiloError('speech_failed')
    const { voice, heard, granted, answered } = open({ says: [missing, failed, 'at last'] })
    voice.press(0)
    await granted()
    voice.release(2000)
    await answered()
    expect(voice).toMatchObject({ phase: 'idle', missing: state, problem: undefined, keeps: true })
    voice.retry()
    await answered()
    expect(voice).toMatchObject({ missing: undefined, keeps: true })
    expect(voice.problem?.code).toBe('speech_failed')
    voice.retry()
    await answered()
    expect(heard).toEqual(['at last'])
    expect(voice.keeps).toBe(false)
  })
})
