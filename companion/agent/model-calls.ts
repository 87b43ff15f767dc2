import type { ChatModelLease, ModelPort } from '#companion/chat/ports.ts'
import type { ChatMessage } from '#shared/contracts/engine.ts'
import type { ModelAnswered } from './usage.ts'

export interface ModelRequest {
  /** Built for the room the model has; called again with less where the first was too long. */
  messages(room: number): readonly ChatMessage[]
  readonly schema?: Record<string, unknown>
  readonly maxTokens: number
  readonly temperature?: number
  onText?(text: string): void
}

/** Characters of the first try; a prompt that is too long for the model is built anew with half of them. */
const firstRoom = 48_000

/**
 * One answer of the model. The model is lent for this answer only: while a person is asked, others may use it.
 * @throws SiloError context_overflow, model errors, engine_crashed, the signal's reason
 */
export async function askModel(
  models: ModelPort,
  modelId: string | undefined,
  request: ModelRequest,
  signal: AbortSignal,
  answered: ModelAnswered,
  chosen: (lease: ChatModelLease) => void,
): Promise<string> {
  const lease = await models.acquireChat(modelId, { signal })
  try {
    chosen(lease)
    const { loaded } = lease
    const most = loaded.contextTokens - request.maxTokens - 16
    let room = firstRoom
    let messages = request.messages(room)
    while (room > 500 && (await loaded.countTokens({ kind: 'chat', messages }, signal)) > most) {
      room = Math.floor(room / 2)
      messages = request.messages(room)
    }
    let text = ''
    const events = loaded.generate(
      {
        prompt: { kind: 'chat', messages },
        temperature: request.temperature ?? 0,
        maxTokens: request.maxTokens,
        ...(request.schema ? { format: { type: 'json-schema', schema: request.schema } } : {}),
      },
      signal,
    )
    for await (const event of events) {
      if (event.type === 'text') {
        text += event.text
        request.onText?.(event.text)
      } else if (event.type === 'end') {
        answered({ promptTokens: event.promptTokens, completionTokens: event.completionTokens })
        if (event.reason === 'abort') signal.throwIfAborted()
      }
    }
    signal.throwIfAborted()
    return text
  } finally {
    lease.release()
  }
}
