import { SiloError } from '#shared/errors/silo-error.ts'
import type { InferflowFacts } from './model-facts.ts'

/** How weights are kept on a device: bits per weight; `H` is a half: Q3H has 3.5. */
export type InferflowWeights = 'F16' | 'Q8' | 'Q6' | 'Q5' | 'Q4' | 'Q3H' | 'Q3' | 'Q2'

export interface InferflowConfig {
  /** Folder of the model file and its specification, as the service sees it. */
  readonly directory: string
  /** Name of the specification in it. */
  readonly specification: string
  readonly port: number
  readonly contextTokens: number
  readonly parallel: number
  readonly threads: number
  readonly weights: InferflowWeights
  /** GPUs by number: `;` shares a model out by layers, `&` by tensors, e.g. `0&1;2&3`. Absent: the processor computes. */
  readonly devices?: string
}

const devicesPattern = /^\d{1,3}([&;]\d{1,3})*$/
/** More layers than any model has: all of them. */
const allLayers = 9999

/** The text of the service's configuration. @throws SiloError engine_unavailable for what it cannot say */
export function inferflowConfig(config: InferflowConfig): string {
  const { directory, specification, devices } = config
  if (devices !== undefined && !devicesPattern.test(devices)) throw unsayable('devices', devices)
  const sections: Record<string, Record<string, string | number | boolean>> = {
    main: { http_port: config.port, worker_count: config.parallel + 4, is_study_mode: false },
    transformer_engine: {
      models: 'chat',
      devices: devices ?? '0',
      decoder_cpu_layer_count: devices === undefined ? allLayers : 0,
      cpu_threads: config.threads,
      max_concurrent_queries: config.parallel,
      return_output_tensors: false,
      is_study_mode: false,
      show_tensors: false,
    },
    'model.chat': {
      model_dir: `${directory}/`,
      model_specification_file: `${directory}/${specification}`,
      device_weight_data_type: config.weights,
      host_weight_data_type: config.weights,
      device_kv_cache_data_type: 'F16',
      be_host_embeddings: true,
      max_context_len: config.contextTokens,
      decoding_strategy: 'sample.top_p',
      decoder_input_template: '{query}{res_prefix}',
    },
    // It does not start without this section.
    prompt_templates: { prompt_template_count: 0 },
    'app_env.base': { data_root_dir: `${directory}/`, require_enter_key_to_exit: false },
    // Its log would hold what it is asked.
    'app_env.logging': { enable_logging: 0, log_dir: `${directory}/`, log_name: 'inferflow' },
    'app_env.status_manager': { enable_monitoring: 0 },
  }
  return Object.entries(sections)
    .map(([name, items]) =>
      [
        `[${name}]`,
        ...Object.entries(items).map(([key, value]) => `${key} = ${sayable(key, String(value))}`),
        '',
      ].join('\n'),
    ) // prettier-ignore
    .join('\n')
}

/** Values end with their line, are trimmed, and `$` begins a macro; nothing of it can be escaped. */
function sayable(key: string, value: string): string {
  const controls = [...value].some((character) => character < ' ' || character === '\u007F')
  if (value === '' || value !== value.trim() || controls || value.includes('$'))
    throw unsayable(key, value)
  return value
}

function unsayable(key: string, value: string): SiloError {
  const cause = new Error(`Inferflow's configuration cannot hold ${key} = ${JSON.stringify(value)}`)
  return new SiloError('engine_unavailable', { cause })
}

/** What the service must be told of the network: it reads sizes and tensors from the file, but not how they are joined. */
export function modelSpecification(
  facts: Pick<InferflowFacts, 'ropeBase'>,
  files: { readonly model: string; readonly generation: string },
): string {
  return JSON.stringify({
    config_file: '',
    model_files: [files.model],
    model_file_format: 'gguf',
    tokenizer_file: '',
    tokenization_algorithm: 'bpe',
    generation_config: files.generation,
    network_structure: {
      type: 'transformer.llama',
      normalization_function: 'rms',
      activation_function: 'silu',
      position_embedding: 'rope',
      rope_theta: facts.ropeBase,
      // Neighbouring values are turned together, as llama.cpp orders them in its files.
      qk_column_order: 1,
      qkv_format: 0,
      tensor_name_prefix: 'blk.',
      tensor_name_mapping: {
        '{i}.attn_norm.weight': 'dec.{i}.self_attn.pre_norm.weight',
        '{i}.attn_q.weight': 'dec.{i}.self_attn.wq.weight',
        '{i}.attn_k.weight': 'dec.{i}.self_attn.wk.weight',
        '{i}.attn_v.weight': 'dec.{i}.self_attn.wv.weight',
        '{i}.attn_output.weight': 'dec.{i}.self_attn.wo.weight',
        '{i}.ffn_norm.weight': 'dec.{i}.feed_forward.pre_norm.weight',
        '{i}.ffn_gate.weight': 'dec.{i}.feed_forward.w1.weight',
        '{i}.ffn_down.weight': 'dec.{i}.feed_forward.w2.weight',
        '{i}.ffn_up.weight': 'dec.{i}.feed_forward.w3.weight',
      },
    },
  })
}

/** Which tokens end an answer. */
export function generationConfig(ends: readonly number[]): string {
  return JSON.stringify({ eos_token_id: ends })
}
