import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  Engine,
  GenerateEvent,
  GenerateRequest,
  LoadedModel,
  ModelFile,
} from '#shared/contracts/engine.ts'
import { SiloError, type ErrorParams } from '#shared/errors/silo-error.ts'

/** Paths of model files, as the engine takes them. No `node:` here: the suite also runs in a browser. */
export interface EngineContractModels {
  readonly chatModel: string
  /** Absent: the engine is for chat models only. */
  readonly embedModel?: string
  /** A file that is no model. */
  readonly junkModel: string
  /** The beginning of a model. */
  readonly cutModel: string
  /** Tokens of context the chat model is loaded with. */
  readonly contextTokens?: number
  /** The engine keeps nothing of a prompt for the next one. */
  readonly noPromptCache?: true
}

type End = Extract<GenerateEvent, { type: 'end' }>

export interface Collected {
  readonly events: GenerateEvent[]
  readonly text: string
  readonly end: End
}

const forever = new AbortController().signal

/** Runs a request to its end. */
export async function collect(
  loaded: LoadedModel,
  request: GenerateRequest,
  signal: AbortSignal = forever,
): Promise<Collected> {
  const events: GenerateEvent[] = []
  for await (const event of loaded.generate(request, signal)) events.push(event)
  const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('')
  const end = events.at(-1)
  if (end?.type !== 'end') throw new Error('the last event is no end')
  return { events, text, end }
}

/** The error a promise ends with. */
export async function failure(
  promise: Promise<unknown>,
): Promise<{ code: string; params: ErrorParams }> {
  try {
    await promise
  } catch (error) {
    if (error instanceof SiloError) return { code: error.code, params: error.params }
    throw error
  }
  throw new Error('expected a failure')
}

export function chat(content: string): GenerateRequest['prompt'] {
  return { kind: 'chat', messages: [{ role: 'user', content }] }
}

/** What every engine and the fake do. */
export function engineContract(
  name: string,
  makeEngine: () => Engine,
  models: EngineContractModels,
): void {
  describe(`engine contract: ${name}`, () => {
    const contextTokens = models.contextTokens ?? 1024
    const plan = { contextTokens, parallel: 2 }
    const embedPlan = { contextTokens: 512, parallel: 1 }
    const chatFile: ModelFile = {
      id: 'chat-model',
      path: models.chatModel,
      sha256: '0'.repeat(64),
      task: 'chat',
    }
    const embedFile: ModelFile = {
      id: 'embed-model',
      path: models.embedModel ?? models.chatModel,
      sha256: '0'.repeat(64),
      task: 'embed',
    }
    let engine: Engine
    let loaded: LoadedModel

    beforeAll(async () => {
      engine = makeEngine()
      loaded = await engine.load(chatFile, plan, { signal: forever })
    })
    afterAll(() => engine[Symbol.asyncDispose]())

    it('says what it is', async () => {
      const probe = await engine.probe(forever)
      expect(engine.specVersion).toBe(1)
      expect(probe.available).toBe(true)
      expect(probe.build).not.toBe('')
      expect(probe.threads).toBeGreaterThan(0)
    })

    it('is ready with models loaded, and gives the same handle for the same file and plan', async () => {
      expect(engine.state).toBe('ready')
      expect(await engine.load(chatFile, plan, { signal: forever })).toBe(loaded)
      expect(loaded.contextTokens).toBeLessThanOrEqual(contextTokens)
      expect(loaded.dimensions).toBe(0)
    })

    it('streams a prompt event, text and an end that adds up', async () => {
      const prompt = chat('Count from one to ten.')
      const { events, text, end } = await collect(loaded, { prompt, temperature: 0, maxTokens: 16 })
      expect(events[0]).toMatchObject({ type: 'prompt', promptTokens: end.promptTokens })
      expect(events.filter((event) => event.type === 'end')).toHaveLength(1)
      expect(text).not.toBe('')
      expect(end.promptTokens).toBe(await loaded.countTokens(prompt, forever))
      expect(end.completionTokens).toBeGreaterThan(0)
      expect(end.completionTokens).toBeLessThanOrEqual(16)
    })

    it('is deterministic at temperature 0', async () => {
      const request = { prompt: chat('Name three colours.'), temperature: 0, maxTokens: 12 }
      const first = await collect(loaded, request)
      expect((await collect(loaded, request)).text).toBe(first.text)
    })

    it('ends with length at maxTokens', async () => {
      const { end } = await collect(loaded, {
        prompt: chat('Tell me a long story about a silo.'),
        temperature: 0,
        maxTokens: 3,
      })
      expect(end.reason).toBe('length')
      expect(end.completionTokens).toBe(3)
    })

    it('stops before a stop string and sends no part of it', async () => {
      const prompt = chat('Repeat after me: alpha beta gamma delta')
      const whole = await collect(loaded, { prompt, temperature: 0, maxTokens: 24 })
      const stop = whole.text.trim().split(/\s+/).at(-1) ?? ''
      expect(stop.length).toBeGreaterThan(1)
      const { text, end } = await collect(loaded, {
        prompt,
        temperature: 0,
        maxTokens: 24,
        stop: [stop],
      })
      expect(end.reason).toBe('stop')
      expect(text).toBe(whole.text.slice(0, whole.text.indexOf(stop)))
    })

    it('reuses the prompt it has already computed', async () => {
      const prompt = chat('The same question, asked twice, word for word, is computed once.')
      await collect(loaded, { prompt, temperature: 0, maxTokens: 2 })
      const { end } = await collect(loaded, { prompt, temperature: 0, maxTokens: 2 })
      if (models.noPromptCache) return void expect(end.cachedTokens).toBe(0)
      expect(end.cachedTokens).toBeGreaterThan(0)
      expect(end.cachedTokens).toBeLessThan(end.promptTokens)
    })

    it('refuses a prompt that is too long before any event', async () => {
      const prompt = chat('word '.repeat(contextTokens * 2))
      const { code, params } = await failure(collect(loaded, { prompt }))
      expect(code).toBe('context_overflow')
      expect(params.limit).toBe(loaded.contextTokens)
      expect(Number(params.needed)).toBeGreaterThan(contextTokens)
    })

    it('ends with abort when it is aborted, before and in between', async () => {
      const before = await collect(loaded, { prompt: chat('Hello') }, AbortSignal.abort())
      expect(before.end.reason).toBe('abort')
      const controller = new AbortController()
      const events: GenerateEvent[] = []
      const request = { prompt: chat('one two three four five six seven'), temperature: 0 }
      for await (const event of loaded.generate(request, controller.signal)) {
        events.push(event)
        if (event.type === 'text') controller.abort()
      }
      expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'abort' })
    })

    it('computes several requests at once', async () => {
      const answers = await Promise.all(
        ['red', 'green', 'blue', 'black'].map((word) =>
          collect(loaded, { prompt: chat(`Say ${word}`), temperature: 0, maxTokens: 8 }),
        ),
      )
      expect(answers.every((answer) => answer.text.length > 0)).toBe(true)
    })

    it('goes on after a consumer walked away', async () => {
      for await (const event of loaded.generate({ prompt: chat('Hello there you') }, forever)) {
        if (event.type === 'text') break
      }
      const { end } = await collect(loaded, { prompt: chat('Hello'), maxTokens: 2 })
      expect(end.completionTokens).toBeGreaterThan(0)
    })

    it('refuses to embed with a chat model', async () => {
      expect((await failure(loaded.embed(['x'], forever))).code).toBe('model_wrong_task')
    })

    if (models.embedModel === undefined)
      it('refuses to load a model that embeds', async () => {
        const loading = engine.load(embedFile, embedPlan, { signal: forever })
        expect((await failure(loading)).code).toBe('engine_unavailable')
        expect(engine.state).toBe('ready')
      })
    else
      describe('with a model that embeds', () => {
        let embedder: LoadedModel

        beforeAll(async () => {
          embedder = await engine.load(embedFile, embedPlan, { signal: forever })
        })

        it('embeds texts as unit vectors in order; like texts are near', async () => {
          const texts = [
            'query: the cat sat on the mat',
            'query: a cat on a mat',
            'query: 税务报表',
          ]
          const vectors = await embedder.embed(texts, forever)
          expect(vectors).toHaveLength(3)
          for (const vector of vectors) {
            expect(vector).toHaveLength(embedder.dimensions)
            expect(dot(vector, vector)).toBeCloseTo(1, 4)
          }
          expect(dot(vectors[0]!, vectors[1]!)).toBeGreaterThan(dot(vectors[0]!, vectors[2]!))
          const [again] = await embedder.embed([texts[1]!], forever)
          expect(dot(again!, vectors[1]!)).toBeCloseTo(1, 4)
        })

        it('embeds nothing, and an empty text', async () => {
          expect(await embedder.embed([], forever)).toEqual([])
          expect(await embedder.embed([''], forever)).toHaveLength(1)
        })

        it('refuses to embed a text that is too long', async () => {
          const long = 'word '.repeat(2000)
          expect((await failure(embedder.embed([long], forever))).code).toBe('context_overflow')
        })

        it('rejects an aborted embedding with the reason', async () => {
          const reason = new SiloError('cancelled')
          await expect(embedder.embed(['x'], AbortSignal.abort(reason))).rejects.toBe(reason)
        })
      })

    it('refuses a file that is no model, and one that is cut off', async () => {
      expect((await failure(load(engine, models.junkModel))).code).toBe('model_corrupt')
      expect((await failure(load(engine, models.cutModel))).code).toBe('model_corrupt')
      expect(
        (await collect(loaded, { prompt: chat('Hi'), maxTokens: 4, temperature: 0 })).text,
      ).not.toBe('')
    })

    it('frees a disposed model and loads it again', async () => {
      const other = { contextTokens: 512, parallel: 1 }
      const first = await engine.load(chatFile, other, { signal: forever })
      await first[Symbol.asyncDispose]()
      expect((await failure(collect(first, { prompt: chat('Hi') }))).code).toBe('engine_crashed')
      const second = await engine.load(chatFile, other, { signal: forever })
      expect(second).not.toBe(first)
      expect(
        (await collect(second, { prompt: chat('Hi'), maxTokens: 4, temperature: 0 })).text,
      ).not.toBe('')
      await second[Symbol.asyncDispose]()
    })
  })
}

function load(engine: Engine, path: string): Promise<LoadedModel> {
  const file = { id: 'corrupt', path, sha256: '0'.repeat(64), task: 'chat' } as const
  return engine.load(file, { contextTokens: 512, parallel: 1 }, { signal: forever })
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}
