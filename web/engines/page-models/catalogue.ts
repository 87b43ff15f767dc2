import type { PageFile, WebLlmPair } from '#shared/domain/page-model.ts'

/** A model small enough for a page. */
export interface PageModel {
  readonly id: string
  readonly name: string
  readonly task: 'chat' | 'embed'
  readonly engine: 'wllama' | 'web-llm'
  readonly languages: readonly string[]
  readonly licence: string
  readonly parameters: number
  readonly quantization: string
  /** Tokens it was trained for. */
  readonly contextLength: number
  /** Cache bytes per token. */
  readonly kvBytesPerToken: number
  readonly dimensions?: number
  /** Bytes of weights; for web-llm what its authors measured as needed on the GPU, cache included. */
  readonly memory: number
  /**
   * The files, pinned by sha256. Empty for a model whose sums are not known here: it is taken from a paired
   * companion only, which pins them.
   */
  readonly files: readonly PageFile[]
  /** Where the files lie beside the companion; the name of a file is added. */
  readonly upstream?: string
  /** What a web-llm model is compiled for. */
  readonly gpu?: Omit<WebLlmPair, 'library'> & {
    readonly f16: boolean
    /** Bytes one storage binding has to hold. */
    readonly storageBinding: number
  }
}

/** The pair every web-llm model here belongs to; an older or newer library fails to link. */
export const webLlmVersion = '0.2.86'
export const webLlmLibraries = 'v0_2_86/base'

const megabyte = 1024 * 1024
const pair = { webLlm: webLlmVersion, libraries: webLlmLibraries }

/** Sizes and sums are those of the companion's catalogue: one file serves phone and companion. */
export const pageCatalogue: readonly PageModel[] = [
  {
    id: 'qwen2.5-coder-0.5b',
    name: 'Qwen2.5 Coder 0.5B Instruct',
    task: 'chat',
    engine: 'wllama',
    languages: ['zh', 'en'],
    licence: 'Apache-2.0',
    parameters: 494_000_000,
    quantization: 'Q4_K_M',
    contextLength: 32_768,
    kvBytesPerToken: 12_288,
    memory: 491_400_064,
    files: [
      {
        name: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf',
        size: 491_400_064,
        sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
      },
    ],
    upstream: 'https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/',
  },
  {
    id: 'smollm2-135m',
    name: 'SmolLM2 135M Instruct',
    task: 'chat',
    engine: 'wllama',
    languages: ['en'],
    licence: 'Apache-2.0',
    parameters: 135_000_000,
    quantization: 'Q4_1',
    contextLength: 8192,
    kvBytesPerToken: 23_040,
    memory: 98_362_432,
    files: [
      {
        name: 'smollm2-135m.gguf',
        size: 98_362_432,
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
      },
    ],
  },
  {
    id: 'multilingual-e5-small',
    name: 'Multilingual E5 Small',
    task: 'embed',
    engine: 'wllama',
    languages: ['zh', 'en', 'de', 'fr', 'es', 'ja'],
    licence: 'MIT',
    parameters: 118_000_000,
    quantization: 'Q4_0',
    contextLength: 512,
    kvBytesPerToken: 0,
    dimensions: 384,
    memory: 73_578_848,
    files: [
      {
        name: 'multilingual-e5-small.gguf',
        size: 73_578_848,
        sha256: '33f7334023d13599b0169921988b6c7de1904b562256dfdd34757f11aa8aa8ba',
      },
    ],
  },
  {
    id: 'Qwen2.5-Coder-0.5B-Instruct-q4f16_1-MLC',
    name: 'Qwen2.5 Coder 0.5B Instruct, GPU',
    task: 'chat',
    engine: 'web-llm',
    languages: ['zh', 'en'],
    licence: 'Apache-2.0',
    parameters: 494_000_000,
    quantization: 'q4f16',
    contextLength: 4096,
    kvBytesPerToken: 0,
    memory: 945 * megabyte,
    files: [],
    gpu: { ...pair, f16: true, storageBinding: 128 * megabyte },
  },
  {
    id: 'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC',
    name: 'Qwen2.5 Coder 0.5B Instruct, GPU',
    task: 'chat',
    engine: 'web-llm',
    languages: ['zh', 'en'],
    licence: 'Apache-2.0',
    parameters: 494_000_000,
    quantization: 'q4f32',
    contextLength: 4096,
    kvBytesPerToken: 0,
    memory: 1061 * megabyte,
    files: [],
    gpu: { ...pair, f16: false, storageBinding: 128 * megabyte },
  },
  {
    id: 'SmolLM2-360M-Instruct-q4f16_1-MLC',
    name: 'SmolLM2 360M Instruct, GPU',
    task: 'chat',
    engine: 'web-llm',
    languages: ['en'],
    licence: 'Apache-2.0',
    parameters: 362_000_000,
    quantization: 'q4f16',
    contextLength: 4096,
    kvBytesPerToken: 0,
    memory: 377 * megabyte,
    files: [],
    gpu: { ...pair, f16: true, storageBinding: 128 * megabyte },
  },
]

export function pageModel(id: string): PageModel | undefined {
  return pageCatalogue.find((model) => model.id === id)
}
