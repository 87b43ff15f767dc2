import { join } from 'node:path'
import type { GgufHeader } from '#companion/formats/gguf.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { affordableContext } from '../memory-fit.ts'
import { hasKnownTokenizer, PythonEngine, type PythonEngineOptions, type PythonModel, type PythonServer } from '../python/engine.ts' // prettier-ignore
import { convertedModel, type Precision } from './conversion.ts'
import { mlxEnvironment } from './environment.ts'

export interface MlxOptions extends PythonEngineOptions {
  /** Of weights; absent: what this machine computes best. */
  readonly precision?: Precision
  /** Converted models that are kept, together, bytes. */
  readonly maxConvertedBytes?: number
}

const architectures = new Set(['llama', 'qwen2'])
const usualConvertedBytes = 40 * 1024 ** 3
/** Of a weight: four bits come with their scales. */
const bytesOf: Record<Precision, number> = { float32: 4, float16: 2, '4bit': 0.57 }

/** Apple's MLX: for Macs with Apple silicon, and on Linux with a processor. GGUF files are converted first. */
export class MlxEngine extends PythonEngine {
  readonly id = 'mlx'
  protected readonly folder = import.meta.dirname
  protected readonly environment = mlxEnvironment
  protected readonly grammars = false
  readonly #precision: Precision
  readonly #maxBytes: number
  readonly #used = new Set<string>()

  constructor(options: MlxOptions) {
    super(options)
    this.#precision = options.precision ?? (metal() ? '4bit' : 'float32')
    this.#maxBytes = options.maxConvertedBytes ?? usualConvertedBytes
  }

  protected async prepare(wanted: PythonModel): Promise<PythonServer> {
    const { model, header, facts, plan, python, signal, onProgress } = wanted
    if (!isKnown(header, facts.architecture)) throw new SiloError('engine_unavailable')
    const size = facts.parameters * bytesOf[this.#precision]
    if (!metal() && size > process.availableMemory())
      throw new SiloError('out_of_memory', { params: { model: model.id } })
    const folder = await convertedModel({
      model,
      directory: join(this.options.directory, 'mlx-models'),
      precision: this.#precision,
      size,
      maxBytes: this.#maxBytes,
      inUse: this.#used,
      python,
      env: this.environmentVariables(),
      log: this.options.log,
      signal,
    })
    this.#used.add(folder)
    onProgress(0.5)
    const parallel = Math.max(1, plan.parallel)
    // Its cache is as precise as its numbers are.
    const bytesPerToken = facts.kvBytesPerToken * (this.#precision === 'float32' ? 2 : 1) * parallel
    const contextTokens = affordableContext({
      model: { id: model.id, path: join(folder, 'model.safetensors') },
      contextTokens: Math.min(plan.contextTokens, facts.contextLength),
      // As much again is kept of prompts that were computed.
      bytesPerToken: bytesPerToken * 2,
      limited: !metal(),
    })
    const cache = ['--cache-bytes', String(contextTokens * bytesPerToken)]
    const sizes = ['--context', String(contextTokens), '--parallel', String(parallel)]
    return { contextTokens, args: ['--model', folder, ...sizes, ...cache] }
  }
}

/** Everything that convert.py does not know is refused here, so that another engine is tried. */
function isKnown(header: GgufHeader, architecture: string): boolean {
  const { metadata, tensors } = header
  const scaling = metadata.get(`${architecture}.rope.scaling.type`) ?? 'none'
  return (
    architectures.has(architecture) &&
    hasKnownTokenizer(header) &&
    scaling === 'none' &&
    !metadata.has(`${architecture}.expert_count`) &&
    tensors.every(({ name }) => knownTensor.test(name))
  )
}

const knownTensor = /^(?:(?:token_embd|output_norm|output)\.weight|blk\.\d+\.(?:attn_norm|ffn_norm|attn_output|ffn_gate|ffn_up|ffn_down)\.weight|blk\.\d+\.attn_[qkv]\.(?:weight|bias))$/ // prettier-ignore

function metal(): boolean {
  return process.platform === 'darwin'
}
