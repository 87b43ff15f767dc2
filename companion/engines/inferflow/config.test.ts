import { describe, expect, it } from 'vitest'
import { generationConfig, inferflowConfig, modelSpecification, type InferflowConfig } from './config.ts' // prettier-ignore

const plain: InferflowConfig = {
  directory: '/silo/model',
  specification: 'model.json',
  port: 1234,
  contextTokens: 2048,
  parallel: 2,
  threads: 4,
  weights: 'Q3H',
}

function values(text: string): Map<string, string> {
  let section = ''
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const name = /^\[(.+)\]$/.exec(line)?.[1]
    if (name !== undefined) section = name
    else if (line) found.set(`${section}/${line.split(' = ', 1)[0]}`, line.slice(line.indexOf(' = ') + 3)) // prettier-ignore
  }
  return found
}

describe('the configuration of Inferflow', () => {
  it('lets the processor compute where there are no devices', () => {
    const found = values(inferflowConfig(plain))
    expect(found.get('main/http_port')).toBe('1234')
    expect(found.get('transformer_engine/models')).toBe('chat')
    expect(found.get('transformer_engine/decoder_cpu_layer_count')).toBe('9999')
    expect(found.get('model.chat/model_dir')).toBe('/silo/model/')
    expect(found.get('model.chat/model_specification_file')).toBe('/silo/model/model.json')
    expect(found.get('model.chat/max_context_len')).toBe('2048')
    expect(found.get('prompt_templates/prompt_template_count')).toBe('0')
    expect(found.get('app_env.base/require_enter_key_to_exit')).toBe('false')
    expect(found.get('app_env.logging/enable_logging')).toBe('0')
  })

  it('shares a model out over GPUs, with weights of 3.5 bits', () => {
    const found = values(inferflowConfig({ ...plain, devices: '0&1;2&3' }))
    expect(found.get('transformer_engine/devices')).toBe('0&1;2&3')
    expect(found.get('transformer_engine/decoder_cpu_layer_count')).toBe('0')
    expect(found.get('model.chat/device_weight_data_type')).toBe('Q3H')
    expect(found.get('model.chat/host_weight_data_type')).toBe('Q3H')
  })

  it('refuses what its lines cannot hold', () => {
    for (const directory of ['/a\n[main]', '/a\r', '/a\0', '/a/${config_dir}', '/a/$(x)', ' /a'])
      expect(() => inferflowConfig({ ...plain, directory }), directory).toThrow('No engine')
    for (const devices of ['', 'a', '0;', '&1', '0,1', '0\nmodels = x', '0;;1', '9999'])
      expect(() => inferflowConfig({ ...plain, devices }), devices).toThrow('No engine')
    expect(inferflowConfig({ ...plain, directory: '/a b=c;d#e/模型' })).toContain('model_dir = /a b=c;d#e/模型/\n') // prettier-ignore
  })

  it('says of the model what its file does not', () => {
    const files = { model: 'a.gguf', generation: 'b.json' }
    expect(JSON.parse(modelSpecification({ ropeBase: 100_000 }, files))).toMatchObject({
      model_files: ['a.gguf'],
      model_file_format: 'gguf',
      generation_config: 'b.json',
      network_structure: { type: 'transformer.llama', rope_theta: 100_000, qk_column_order: 1 },
    })
    expect(JSON.parse(generationConfig([2, 0]))).toEqual({ eos_token_id: [2, 0] })
  })
})
