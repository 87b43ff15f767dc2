import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GenerateEvent } from '#shared/contracts/engine.ts'
import { WllamaModel } from './loaded.ts'
import type { Session } from './session.ts'

interface Options {
  readonly onData: (chunk: unknown) => void
  readonly abortSignal: AbortSignal
}
type Completion = (options: Options) => Promise<void>

const word = (content: string) => ({ choices: [{ delta: { content } }] })
const hang: Completion = () => new Promise(() => {})
const hangAfterAWord: Completion = ({ onData }) => {
  onData(word('Well'))
  return new Promise(() => {})
}
const hangWhileReading: Completion = ({ onData }) => {
  onData({ prompt_progress: { total: 64, cache: 0 } })
  return new Promise(() => {})
}
const answer: Completion = async ({ onData }) => {
  onData({ prompt_progress: { total: 64, cache: 0 } })
  onData(word('Hello.'))
}

/** A model whose workers do what `completions` say, one worker each. */
function modelOf(...completions: Completion[]) {
  const exits: number[] = []
  const states: string[] = []
  let workers = 0
  const next = (): Session => {
    const number = workers++
    const completion = completions[number] ?? hang
    return {
      contextTokens: 512,
      dimensions: 0,
      threads: 1,
      complaint: () => '',
      wllama: {
        createChatCompletion: completion,
        createCompletion: completion,
        exit: async () => void exits.push(number),
      } as never,
    }
  }
  const model = new WllamaModel({
    model: { id: 'm', path: 'm', sha256: 'x', task: 'chat' } as never,
    parallel: 1,
    session: next(),
    restart: async () => next(),
    onState: (state) => states.push(state),
    onDispose: () => {},
  })
  return { model, exits, states }
}

async function collect(events: AsyncIterable<GenerateEvent>): Promise<string> {
  let text = ''
  for await (const event of events) if (event.type === 'text') text += event.text
  return text
}

const prompt = { kind: 'chat', messages: [{ role: 'user', content: 'Hi' }] } as const
const never = new AbortController().signal

describe('a worker of wllama that hangs', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  for (const [name, first] of [
    ['at once', hang],
    ['while it reads', hangWhileReading],
  ] as const)
    it(`${name} is ended, and another one answers`, async () => {
      const { model, exits, states } = modelOf(first, answer)
      const text = collect(model.generate({ prompt }, never))
      await vi.advanceTimersByTimeAsync(61_000)
      expect(await text).toBe('Hello.')
      expect(exits).toEqual([0])
      expect(states).toEqual(['restarting', 'ready'])
    })

  it('twice is an error', async () => {
    const { model, exits } = modelOf(hang, hang)
    const failed = expect(collect(model.generate({ prompt }, never))).rejects.toMatchObject({
      code: 'engine_crashed',
    })
    await vi.advanceTimersByTimeAsync(130_000)
    await failed
    expect(exits).toEqual([0, 1])
  })

  it('in the middle of an answer is an error: no word is said twice', async () => {
    const { model, exits } = modelOf(hangAfterAWord, answer)
    const said: string[] = []
    const failed = expect(
      (async () => {
        for await (const event of model.generate({ prompt }, never))
          if (event.type === 'text') said.push(event.text)
      })(),
    ).rejects.toMatchObject({ code: 'engine_crashed' })
    await vi.advanceTimersByTimeAsync(130_000)
    await failed
    expect(said).toEqual(['Well'])
    expect(exits).toEqual([0])
  })

  it('after a stop is ended soon, and nothing is asked again', async () => {
    const { model, exits } = modelOf(hang, answer)
    const controller = new AbortController()
    const text = collect(model.generate({ prompt }, controller.signal))
    await vi.advanceTimersByTimeAsync(1000)
    controller.abort()
    await vi.advanceTimersByTimeAsync(6000)
    expect(await text).toBe('')
    expect(exits).toEqual([0])
  })
})
