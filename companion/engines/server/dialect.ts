import type { GenerateEvent, GenerateRequest, Prompt } from '#shared/contracts/engine.ts'
import type { SiloError } from '#shared/errors/silo-error.ts'
import type { ServerAddress } from './http.ts'

/** How one kind of server is spoken to. Everything it returns was sent by the server and is checked. */
export interface ServerDialect {
  /** The tokens of a prompt, template included. */
  countTokens(address: ServerAddress, prompt: Prompt, signal: AbortSignal): Promise<number>
  /** Events of one answer; the last is an `end`. Aborting throws the signal's reason. */
  generate(
    address: ServerAddress,
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncIterable<GenerateEvent>
  /** One vector per text, in order, of whatever length. */
  embed(
    address: ServerAddress,
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<Float32Array[]>
  /** A registered error for what the server said no to; undefined: it is broken. */
  refusal(message: string, contextTokens: number): SiloError | undefined
}
