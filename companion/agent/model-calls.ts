import type { ChatModelLease, ModelPort } from '#companion/chat/ports.ts'
import type { ChatMessage, Prompt, ToolCall } from '#shared/contracts/engine.ts'
import { callsNatively, stepOf, type NativeRequest } from './native-calls.ts'
import type { ModelAnswered } from './usage.ts'

export interface ModelRequest {
  /** Built for the room the model has; called again with less where the first was too long. */
  messages(room: number): readonly ChatMessage[]
  readonly schema?: Record<string, unknown>
  /** For a large model that was trained to call tools: its call or answer comes back in the form of `schema`. */
  readonly native?: NativeRequest
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
    const native = callsNatively(lease) ? request.native : undefined
    const promptOf = (room: number): Prompt => ({
      kind: 'chat',
      messages: (native ?? request).messages(room),
      ...(native ? { tools: native.tools } : {}),
    })
    let room = firstRoom
    let prompt = promptOf(room)
    while (room > 500 && (await loaded.countTokens(prompt, signal)) > most) {
      room = Math.floor(room / 2)
      prompt = promptOf(room)
    }
    let text = ''
    let called: ToolCall | undefined
    const schema = native ? undefined : request.schema
    const events = loaded.generate(
      {
        prompt,
        user: 'self',
        temperature: request.temperature ?? 0,
        maxTokens: request.maxTokens,
        ...(schema ? { format: { type: 'json-schema', schema } } : {}),
      },
      signal,
    )
    for await (const event of events) {
      if (event.type === 'tool-call') called ??= event.call
      else if (event.type === 'text') {
        text += event.text
        request.onText?.(event.text)
      } else if (event.type === 'end') {
        answered({ promptTokens: event.promptTokens, completionTokens: event.completionTokens })
        if (event.reason === 'abort') signal.throwIfAborted()
      }
    }
    signal.throwIfAborted()
    return native ? stepOf(called, text) : text
  } finally {
    lease.release()
  }
}
