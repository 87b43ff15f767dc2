import type { GenerateEvent, GenerateRequest } from '#shared/contracts/engine.ts'
import { newId } from '#shared/domain/ids.ts'
import { StopFilter } from '#shared/generation/stop-filter.ts'
import { parseToolCall, ToolCallReader, type Piece } from '#shared/generation/tool-calls.ts'

/** The text of an answer in; text and tool calls out. */
export class AnswerReader {
  readonly #stop: StopFilter
  readonly #tools: ReadonlySet<string>
  readonly #reader: ToolCallReader | undefined
  readonly #emit: (event: GenerateEvent) => void
  /** Text of a forced call, which is parsed as a whole. */
  #forced: string | undefined
  #calls = 0

  constructor(request: GenerateRequest, emit: (event: GenerateEvent) => void) {
    const { prompt, format } = request
    this.#emit = emit
    this.#stop = new StopFilter(request.stop ?? [])
    this.#tools = new Set(prompt.kind === 'chat' ? prompt.tools?.map((tool) => tool.name) : [])
    if (format?.type === 'tool') this.#forced = ''
    else if (this.#tools.size > 0 && !format)
      this.#reader = new ToolCallReader(this.#tools, () => newId())
  }

  /** True once a stop string was seen: the engine need not go on. */
  get stopped(): boolean {
    return this.#stop.stopped
  }

  push(text: string): void {
    this.#say(this.#stop.push(text))
  }

  /** The end of the answer. Returns the reason to give. */
  finish(reason: 'stop' | 'length'): 'stop' | 'length' | 'tool-calls' {
    this.#say(this.#stop.flush())
    if (this.#reader) for (const piece of this.#reader.flush()) this.#put(piece)
    if (this.#forced) {
      const call = parseToolCall(this.#forced, this.#tools, newId())
      this.#put(call ? { call } : { text: this.#forced })
    }
    return this.#calls > 0 ? 'tool-calls' : reason
  }

  #say(text: string): void {
    if (!text) return
    if (this.#forced !== undefined) this.#forced += text
    else if (this.#reader) for (const piece of this.#reader.push(text)) this.#put(piece)
    else this.#put({ text })
  }

  #put(piece: Piece): void {
    if ('text' in piece) this.#emit({ type: 'text', text: piece.text })
    else {
      this.#calls++
      this.#emit({ type: 'tool-call', call: piece.call })
    }
  }
}
