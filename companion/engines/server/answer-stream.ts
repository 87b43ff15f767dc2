import * as v from 'valibot'
import type { GenerateEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { Answering } from '#shared/generation/llama-server.ts'
import { askStream, type Ask } from './http.ts'

const numbers = v.object({
  cache_n: v.number(),
  prompt_n: v.number(),
  prompt_ms: v.number(),
  predicted_n: v.number(),
  predicted_ms: v.number(),
})
const chunkSchema = v.object({
  choices: v.optional(
    v.array(
      v.object({
        text: v.optional(v.string()),
        delta: v.optional(v.object({ content: v.nullish(v.string()) })),
        finish_reason: v.nullish(v.string()),
      }),
    ),
  ),
  prompt_progress: v.nullish(v.object({ total: v.number(), cache: v.number() })),
  timings: v.nullish(numbers),
})
const failedSchema = v.object({ error: v.object({ message: v.string() }) })

/** The events of an answer that is streamed in the chunks of llama.cpp's server. Throws as `askStream` does. */
export async function* answerOf(ask: Ask, request: GenerateRequest): AsyncGenerator<GenerateEvent> {
  const events: GenerateEvent[] = []
  const answer = new Answering(request, { push: (event) => void events.push(event), close() {} })
  for await (const input of askStream(ask)) {
    const failed = v.safeParse(failedSchema, input)
    if (failed.success) throw new SiloError('engine_crashed', { cause: new Error(failed.output.error.message) }) // prettier-ignore
    answer.read(v.parse(chunkSchema, input) as Parameters<Answering['read']>[0])
    yield* events.splice(0)
    if (answer.stopped) break
  }
  answer.ended()
  yield* events
}
