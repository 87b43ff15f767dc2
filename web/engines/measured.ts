import type { GenerateEvent, GenerateRequest, LoadedModel } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Tokens that make a speed worth remembering. */
const enoughTokens = 8

/** The same model; says how fast it wrote, and that it broke. */
export function measured(
  loaded: LoadedModel,
  onSpeed: (tokensPerSecond: number) => void,
  onCrash: (error: SiloError) => void,
): LoadedModel {
  return {
    model: loaded.model,
    parallel: loaded.parallel,
    contextTokens: loaded.contextTokens,
    dimensions: loaded.dimensions,
    countTokens: (prompt, signal) => loaded.countTokens(prompt, signal),
    embed: (texts, signal) => loaded.embed(texts, signal),
    async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
      try {
        for await (const event of loaded.generate(request, signal)) {
          if (event.type === 'end' && event.completionTokens >= enoughTokens && event.decodeMs > 0)
            onSpeed((event.completionTokens / event.decodeMs) * 1000)
          yield event
        }
      } catch (error) {
        if (error instanceof SiloError && broken.has(error.code)) onCrash(error)
        throw error
      }
    },
    [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose](),
  }
}

const broken = new Set(['engine_crashed', 'out_of_memory', 'model_load_failed'])
