import type { ChatModelLease } from '#companion/chat/ports.ts'
import type { ChatMessage, ToolCall, ToolSpec } from '#shared/contracts/engine.ts'
import { callingSystemPrompt } from '#shared/agent/tool-choice.ts'
import { cutJson, fenced } from './foreign-text.ts'

export interface NativeRequest {
  readonly tools: readonly ToolSpec[]
  messages(room: number): readonly ChatMessage[]
}

/** A step that was done, and what came of it. */
export interface Done {
  readonly tool: string
  readonly input: Record<string, unknown>
  /** What the model is told. */
  readonly told: unknown
  /** Somebody else wrote it: it is fenced. */
  readonly foreign: boolean
}

/** Below this a grammar does better than what the model learned: it picks tools that are not there, or none. */
const largeParameters = 3e9

/** Is this a model to be given tools in its own form? */
export function callsNatively({ loaded, parameters }: ChatModelLease): boolean {
  return loaded.callsTools === true && parameters >= largeParameters
}

/** The conversation so far in the form that such models were trained on. `room`: characters. */
export function callingMessages(
  goal: string,
  hints: readonly string[],
  done: readonly Done[],
  room: number,
): ChatMessage[] {
  return [
    { role: 'system', content: callingSystemPrompt() },
    { role: 'user', content: [`Task: ${goal}`, ...hints].join('\n\n') },
    ...done.flatMap(({ tool: name, input }, n): ChatMessage[] => {
      const id = `call_${n + 1}`
      const call = { id, name, arguments: JSON.stringify(cutJson(input, 600)) }
      return [
        { role: 'assistant', content: '', toolCalls: [call] },
        { role: 'tool', toolCallId: id, name, content: toldOf(done, n, room) },
      ]
    }),
  ]
}

/** What a step came to, as much as there is room for: older results are cut first, the next step rests on the newest. */
export function toldOf(done: readonly Done[], n: number, room: number): string {
  const { told, foreign } = done[n]!
  const share = n === done.length - 1 ? room / 4 : room / 4 / done.length
  const text = JSON.stringify(cutJson(told, Math.max(200, share)))
  return foreign ? fenced(text) : text
}

/**
 * What the model answered, in the JSON that a grammar would have held it to. Of several calls the first is made; the model
 * sees what came of it before the next. Text without a call is the answer.
 */
export function stepOf(call: ToolCall | undefined, text: string): string {
  if (!call) return JSON.stringify({ tool: 'finish', input: { answer: text.trim() } })
  return `{"tool":${JSON.stringify(call.name)},"input":${call.arguments || '{}'}}`
}
