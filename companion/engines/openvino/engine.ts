import { SiloError } from '#shared/errors/silo-error.ts'
import { affordableContext } from '../memory-fit.ts'
import { hasKnownTokenizer, PythonEngine, type PythonEngineOptions, type PythonModel, type PythonServer } from '../python/engine.ts' // prettier-ignore
import { openVinoEnvironment } from './environment.ts'

export interface OpenVinoOptions extends PythonEngineOptions {
  /** What it computes on, asked when a model is loaded; absent: the processor. */
  readonly device?: () => 'CPU' | 'GPU' | 'NPU' | 'AUTO'
}

const architectures = new Set(['llama', 'qwen2', 'qwen3'])
/** Types of tensors that its reader of GGUF files knows: F32, F16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K. */
const tensorTypes = new Set([0, 1, 2, 3, 8, 12, 14])

/** OpenVINO GenAI, for Intel's processors, GPUs and NPUs. It reads GGUF files as they are. */
export class OpenVinoEngine extends PythonEngine {
  readonly id = 'openvino'
  protected readonly folder = import.meta.dirname
  protected readonly environment = openVinoEnvironment
  protected readonly grammars = true
  readonly #device: () => string

  constructor(options: OpenVinoOptions) {
    super(options)
    this.#device = options.device ?? (() => 'CPU')
  }

  protected async prepare({ model, header, facts, plan }: PythonModel): Promise<PythonServer> {
    const known = header.tensors.every(({ type }) => tensorTypes.has(type))
    if (!known || !architectures.has(facts.architecture) || !hasKnownTokenizer(header))
      throw new SiloError('engine_unavailable')
    const device = this.#device()
    const parallel = Math.max(1, plan.parallel)
    const contextTokens = affordableContext({
      model,
      contextTokens: Math.min(plan.contextTokens, facts.contextLength),
      bytesPerToken: facts.kvBytesPerToken * parallel,
      limited: device === 'CPU',
    })
    const options = { model: model.path, device, context: contextTokens, parallel, threads: this.threads } // prettier-ignore
    return { contextTokens, args: argumentsOf(options) }
  }
}

function argumentsOf(options: Record<string, string | number>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
}
