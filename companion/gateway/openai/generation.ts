import type { GenerateEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { modelIdOf, type ModelAccess } from './access.ts'

export type EndEvent = Extract<GenerateEvent, { type: 'end' }>

/** One answer in the making. It holds the model until it has ended or `close` was called. */
export interface Generation {
  readonly modelId: string
  /** The next event; undefined after the end. Throws what the engine throws. */
  next(): Promise<GenerateEvent | undefined>
  /** Stops the engine if it still runs and gives the model back. Safe to repeat. */
  close(): void
}

/**
 * Acquires the model and waits for the engine's first event, so that everything that can be refused is
 * refused before the status line is sent.
 */
export async function startGeneration(
  models: ModelAccess,
  model: string | null | undefined,
  request: GenerateRequest,
  clientSignal: AbortSignal,
): Promise<Generation> {
  const stop = new AbortController()
  const onGone = (): void => stop.abort(new SiloError('cancelled'))
  if (clientSignal.aborted) onGone()
  else clientSignal.addEventListener('abort', onGone, { once: true })
  let release: (() => void) | undefined
  let finish: (() => Promise<unknown>) | undefined
  let closed = false
  const close = (): void => {
    if (closed) return
    closed = true
    clientSignal.removeEventListener('abort', onGone)
    stop.abort(new SiloError('cancelled'))
    // Lets the engine's own clean-up run where the answer was not read to its end.
    finish?.().catch(() => {})
    release?.()
  }
  try {
    const lease = await models.acquire(modelIdOf(model), 'chat', { signal: stop.signal })
    release = () => lease.release()
    stop.signal.throwIfAborted()
    const events = lease.loaded.generate(request, stop.signal)[Symbol.asyncIterator]()
    finish = async () => events.return?.()
    const step = async (): Promise<GenerateEvent | undefined> => {
      let result = await events.next()
      while (!result.done && result.value.type === 'waiting') result = await events.next()
      if (result.done) {
        close()
        return undefined
      }
      if (result.value.type === 'end' && result.value.reason === 'abort') {
        throw new SiloError(stop.signal.aborted ? 'cancelled' : 'interrupted')
      }
      return result.value
    }
    let first: GenerateEvent | undefined = await step()
    return {
      modelId: lease.modelId,
      close,
      async next() {
        if (first) {
          const event = first
          first = undefined
          return event
        }
        if (closed) return undefined
        try {
          return await step()
        } catch (error) {
          close()
          throw error
        }
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

/** Reads an answer to its end. */
export async function collect(generation: Generation): Promise<{
  text: string
  calls: Extract<GenerateEvent, { type: 'tool-call' }>['call'][]
  end: EndEvent
}> {
  let text = ''
  const calls: Extract<GenerateEvent, { type: 'tool-call' }>['call'][] = []
  let end: EndEvent | undefined
  try {
    for (let event = await generation.next(); event; event = await generation.next()) {
      if (event.type === 'text') text += event.text
      else if (event.type === 'tool-call') calls.push(event.call)
      else if (event.type === 'end') end = event
    }
  } finally {
    generation.close()
  }
  if (!end) throw new SiloError('engine_crashed')
  return { text, calls, end }
}
