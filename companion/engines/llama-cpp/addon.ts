import type { Llama, LlamaModel } from 'node-llama-cpp'
import { SiloError } from '#shared/errors/silo-error.ts'

/**
 * The part of node-llama-cpp's native binding that the decode loop drives itself
 * (docs/decisions/0004-engine-loop.md). It is not a public interface: the version is pinned in package.json
 * and `addonOf` refuses a build that lacks it.
 */
export interface AddonModel {
  tokenize(text: string, specialTokens: boolean): Uint32Array
  detokenize(tokens: Uint32Array, specialTokens?: boolean): string
  getTrainContextSize(): number
  getEmbeddingVectorSize(): number
  tokenBos(): number
  tokenEos(): number
  isEogToken(token: number): boolean
  getTokenString(token: number): string
  shouldPrependBosToken(): boolean
  shouldAppendEosToken(): boolean
}

export interface AddonContext {
  init(): Promise<boolean>
  initBatch(size: number): void
  addToBatch(
    sequence: number,
    firstPosition: number,
    tokens: Uint32Array,
    logitIndexes: Uint32Array,
  ): Uint32Array
  decodeBatch(): Promise<void>
  sampleToken(logitIndex: number, sampler: AddonSampler): Promise<number>
  disposeSequence(sequence: number): void
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean
  getEmbedding(inputTokens: number): Float64Array
  /** Bytes written. Rejects where the engine knows that it failed; a full disk it may not notice. */
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>
  /** The tokens whose state it was. Rejects where there are more than `maxTokens`. */
  loadSequenceStateFromFile(path: string, sequence: number, maxTokens: number): Promise<Uint32Array>
}

export interface AddonSampler {
  dispose(): void
  applyConfig(config: {
    temperature: number
    seed?: number
    minP?: number
    topK?: number
    topP?: number
    repeatPenalty?: number
    repeatPenaltyMaxTokens?: number
    repeatPenaltyTokens?: Uint32Array
    repeatPenaltyPresencePenalty?: number
    repeatPenaltyFrequencyPenalty?: number
    grammarEvaluationState?: object
  }): void
}

export interface Addon {
  readonly AddonContext: new (
    model: AddonModel,
    params: {
      contextSize: number
      batchSize: number
      sequences: number
      flashAttention: 'auto'
      threads: number
      embeddings?: boolean
    },
  ) => AddonContext
  readonly AddonSampler: new (model: AddonModel) => AddonSampler
  readonly AddonGrammar: new (grammar: string, params: { addonExports: Addon }) => object
  readonly AddonGrammarEvaluationState: new (model: AddonModel, grammar: object) => object
  getMathCores(): number
}

/** The binding below a loaded model. @throws SiloError engine_unavailable when the build has another shape */
export function addonOf(llama: Llama, model: LlamaModel): { addon: Addon; native: AddonModel } {
  const addon: unknown = Reflect.get(llama, '_bindings')
  const native: unknown = Reflect.get(model, '_model')
  const fits =
    typeof addon === 'object' &&
    addon !== null &&
    typeof Reflect.get(addon, 'AddonContext') === 'function' &&
    typeof Reflect.get(addon, 'AddonSampler') === 'function' &&
    typeof Reflect.get(addon, 'AddonGrammar') === 'function' &&
    typeof native === 'object' &&
    native !== null &&
    typeof Reflect.get(native, 'tokenize') === 'function'
  if (!fits) {
    throw new SiloError('engine_unavailable', {
      cause: new Error('this node-llama-cpp has another native interface'),
    })
  }
  return { addon: addon as Addon, native: native as AddonModel }
}
