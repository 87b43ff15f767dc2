import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Engine,
  EngineProbe,
  EngineState,
  GenerateEvent,
  GenerateRequest,
  LoadedModel,
  LoadPlan,
  ModelFile,
  Prompt,
  ToolCall,
} from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

export type FakeReply = string | readonly string[] | Pick<ToolCall, 'name' | 'arguments'>

export interface FakeEngineOptions {
  /** The answer, its pieces as they are streamed, or a call of a tool. Absent: the last user message, echoed. */
  readonly reply?: (request: GenerateRequest) => FakeReply
  /** Are its models trained to call tools? */
  readonly callsTools?: boolean
  /** Length of the vectors. */
  readonly dimensions?: number
  /** Wait before each piece of text. */
  readonly delayMs?: number
  /** Tokens per sequence granted at most. */
  readonly contextTokens?: number
  /** Crash after this many pieces of an answer; called for each request, `undefined` means never. */
  readonly crashAfter?: (request: GenerateRequest) => number | undefined
  /** Wait while loading. */
  readonly loadMs?: number
}

export interface FakeEngine extends Engine {
  /** Every request that reached `generate`, oldest first. */
  readonly requests: GenerateRequest[]
  /** Every text that reached `embed`, oldest first. */
  readonly embedded: string[]
  /** Ids of models loaded and not disposed. */
  readonly loadedIds: readonly string[]
  /** Ends what is in flight with engine_crashed, as the death of the process would. */
  crash(): void
}

const tokenPattern = /\p{Script=Han}|\s*[^\s\p{Script=Han}]+|\s+/gu

/** Deterministic stand-in for an engine: passes the same contract suite, needs no model file. */
export function createFakeEngine(options: FakeEngineOptions = {}): FakeEngine {
  const dimensions = options.dimensions ?? 384
  const requests: GenerateRequest[] = []
  const embedded: string[] = []
  const loaded = new Map<string, { handle: LoadedModel; close: () => void }>()
  const listeners = new Set<(state: EngineState) => void>()
  let crashes = new AbortController()
  let state: EngineState = 'idle'
  const setState = (next: EngineState): void => {
    if (next === state) return
    state = next
    for (const listener of listeners) listener(next)
  }

  function handleOf(model: ModelFile, plan: LoadPlan, key: string): LoadedModel {
    const limit = Math.min(plan.contextTokens, options.contextTokens ?? 8192)
    const cached = { text: '' }
    const closed = new AbortController()
    const alive = (): AbortSignal => AbortSignal.any([closed.signal, crashes.signal])
    const close = (): void => {
      closed.abort()
      loaded.delete(key)
    }
    const handle: LoadedModel = {
      model,
      contextTokens: limit,
      dimensions: model.task === 'embed' ? dimensions : 0,
      parallel: plan.parallel,
      callsTools: options.callsTools ?? false,
      async countTokens(prompt, signal) {
        signal.throwIfAborted()
        return tokensOf(renderPrompt(prompt)).length
      },
      generate: (request, signal) => generate(request, signal, limit, cached, alive()),
      async embed(texts, signal) {
        signal.throwIfAborted()
        if (model.task !== 'embed') {
          throw new SiloError('model_wrong_task', { params: { model: model.id, task: 'embed' } })
        }
        const down = alive()
        const vectors: Float32Array[] = []
        for (const text of texts) {
          const needed = tokensOf(text).length
          if (needed > limit) throw overflow(needed, limit)
          await pause(options.delayMs ?? 0, signal, down)
          signal.throwIfAborted()
          if (down.aborted) throw new SiloError('engine_crashed')
          embedded.push(text)
          vectors.push(bagOfWords(text, dimensions))
        }
        return vectors
      },
      async [Symbol.asyncDispose]() {
        close()
        if (loaded.size === 0) setState('idle')
      },
    }
    loaded.set(key, { handle, close })
    return handle
  }

  async function* generate(
    request: GenerateRequest,
    signal: AbortSignal,
    limit: number,
    cached: { text: string },
    down: AbortSignal,
  ): AsyncGenerator<GenerateEvent> {
    requests.push(request)
    const started = performance.now()
    const prompt = renderPrompt(request.prompt)
    const promptTokens = tokensOf(prompt).length
    if (promptTokens >= limit) throw overflow(promptTokens + 1, limit)
    if (down.aborted) throw new SiloError('engine_crashed')
    const cachedTokens = Math.min(
      tokensOf(commonPrefix(cached.text, prompt)).length,
      promptTokens - 1,
    )
    cached.text = prompt
    yield { type: 'prompt', promptTokens, cachedTokens }

    const end = (
      reason: 'stop' | 'length' | 'tool-calls' | 'abort',
      completionTokens: number,
    ): GenerateEvent => ({
      type: 'end',
      reason,
      promptTokens,
      cachedTokens,
      completionTokens,
      promptMs: 0,
      decodeMs: performance.now() - started,
    })
    const tool = toolOf(request)
    if (tool) {
      const call = { id: `call_${requests.length}`, name: tool, arguments: '{}' }
      yield { type: 'tool-call', call }
      yield end('tool-calls', 1)
      return
    }
    const reply = options.reply?.(request) ?? defaultReply(request)
    if (typeof reply === 'object' && 'name' in reply) {
      yield { type: 'tool-call', call: { id: `call_${requests.length}`, ...reply } }
      yield end('tool-calls', 1)
      return
    }
    const pieces = truncateAtStop(
      typeof reply === 'string' ? tokensOf(reply) : [...reply],
      request.stop ?? [],
    )
    const room = Math.min(request.maxTokens ?? Number.POSITIVE_INFINITY, limit - promptTokens)
    const crashAt = options.crashAfter?.(request)
    let sent = 0
    for (const piece of pieces) {
      await pause(options.delayMs ?? 0, signal, down)
      if (crashAt !== undefined && sent >= crashAt) crash()
      if (down.aborted) throw new SiloError('engine_crashed')
      if (signal.aborted) {
        yield end('abort', sent)
        return
      }
      if (sent >= room) {
        yield end('length', sent)
        return
      }
      sent++
      yield { type: 'text', text: piece }
    }
    if (signal.aborted) yield end('abort', sent)
    else yield end('stop', sent)
  }

  function crash(): void {
    const old = crashes
    crashes = new AbortController()
    setState('restarting')
    old.abort()
    setState(loaded.size > 0 ? 'ready' : 'idle')
  }

  return {
    specVersion: 1,
    id: 'fake',
    requests,
    embedded,
    get loadedIds() {
      return [...loaded.values()].map((entry) => entry.handle.model.id)
    },
    crash,
    get state() {
      return state
    },
    onStateChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async probe(signal): Promise<EngineProbe> {
      signal.throwIfAborted()
      return { available: true, build: 'fake-1', backend: 'cpu', threads: 1 }
    },
    async load(model, plan, { signal, onProgress }) {
      signal.throwIfAborted()
      const key = JSON.stringify([model.path, model.task, plan.contextTokens, plan.parallel])
      const known = loaded.get(key)
      if (known) return known.handle
      if (model.path.includes('corrupt')) {
        throw new SiloError('model_corrupt', { params: { model: model.id } })
      }
      setState('loading')
      onProgress?.(0)
      await pause(options.loadMs ?? 0, signal, signal)
      if (signal.aborted) {
        setState(loaded.size > 0 ? 'ready' : 'idle')
        throw signal.reason
      }
      onProgress?.(1)
      // Whoever asked in the same moment gets the same one.
      const handle = loaded.get(key)?.handle ?? handleOf(model, plan, key)
      setState('ready')
      return handle
    },
    async [Symbol.asyncDispose]() {
      for (const entry of loaded.values()) entry.close()
      setState('idle')
    },
  }
}

/** Unit vectors in which texts that share words are near each other. */
export function bagOfWords(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const token of tokensOf(text.toLowerCase())) {
    const word = token.replace(/[^\p{L}\p{N}]/gu, '')
    if (!word) continue
    let hash = 2166136261
    for (const char of word) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619)
    const index = (hash >>> 0) % dimensions
    vector[index] = vector[index]! + ((hash >>> 31) & 1 ? -1 : 1)
  }
  let norm = Math.hypot(...vector)
  if (norm === 0) {
    vector[0] = 1
    norm = 1
  }
  return vector.map((value) => value / norm)
}

function tokensOf(text: string): string[] {
  return text.match(tokenPattern) ?? []
}

function renderPrompt(prompt: Prompt): string {
  if (prompt.kind === 'text') return prompt.text
  const tools = (prompt.tools ?? []).map((tool) => ` <tool> ${tool.name}`).join('')
  const messages = prompt.messages.map((message) => ` <${message.role}> ${message.content}`)
  return `${tools}${messages.join('')} <assistant>`
}

function defaultReply(request: GenerateRequest): string {
  if (request.format?.type === 'json' || request.format?.type === 'json-schema') return '{}'
  if (request.prompt.kind === 'text') return request.prompt.text
  return request.prompt.messages.findLast((message) => message.role === 'user')?.content ?? ''
}

function toolOf(request: GenerateRequest): string | undefined {
  if (request.format?.type !== 'tool') return undefined
  const tools = request.prompt.kind === 'chat' ? request.prompt.tools : undefined
  return request.format.name ?? tools?.[0]?.name
}

function truncateAtStop(pieces: readonly string[], stop: readonly string[]): string[] {
  const text = pieces.join('')
  const found = stop.map((word) => text.indexOf(word)).filter((index) => index >= 0)
  if (found.length === 0) return [...pieces]
  let room = Math.min(...found)
  const kept: string[] = []
  for (const piece of pieces) {
    if (room <= 0) break
    kept.push(piece.slice(0, room))
    room -= piece.length
  }
  return kept
}

function commonPrefix(a: string, b: string): string {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

async function pause(ms: number, ...signals: AbortSignal[]): Promise<void> {
  await sleep(ms, undefined, { signal: AbortSignal.any(signals) }).catch(() => {})
}

function overflow(needed: number, limit: number): SiloError {
  return new SiloError('context_overflow', { params: { needed, limit } })
}
