import { Hono } from 'hono'
import * as v from 'valibot'
import type { ModelState } from '#shared/domain/model.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { modelIdOf, type OpenAiDeps } from './access.ts'
import { readJson } from './body.ts'
import { reportError } from './errors.ts'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

const showSchema = v.object({ model: v.optional(v.string()), name: v.optional(v.string()) })

/**
 * The three addresses by which clients recognise an Ollama-style server and list its models, mounted at
 * `/api`. Chatting goes through `/v1`, which takes the names listed here.
 */
export function createOllamaDetection(deps: OpenAiDeps & { readonly version?: string }): Hono {
  const app = new Hono()
  app.onError((error, context) => {
    const known = reportError(error, deps.log)
    return context.json({ error: known.message }, known.httpStatus as ContentfulStatusCode)
  })
  // Ollama keeps the time a model was written; Silo does not, and clients only sort by it.
  const modifiedAt = new Date().toISOString()

  app.get('/version', (context) => context.json({ version: deps.version ?? '0.1.0' }))

  app.get('/tags', (context) =>
    context.json({
      models: deps.models
        .list()
        .filter((model) => model.installed && model.entry.task !== 'speech')
        .map((model) => ({
          name: `${model.entry.id}:latest`,
          model: `${model.entry.id}:latest`,
          modified_at: modifiedAt,
          size: model.entry.size,
          digest: model.entry.sha256,
          details: detailsOf(model),
        })),
    }),
  )

  app.post('/show', async (context) => {
    const body = parseInput(showSchema, await readJson(context))
    const id = modelIdOf(body.model ?? body.name)
    const model = deps.models
      .list()
      .find((model) => model.installed && model.entry.task !== 'speech' && model.entry.id === id)
    if (!model)
      throw new SiloError('model_unknown', { params: { model: id ?? '' }, field: 'model' })
    const { entry } = model
    const family = familyOf(model)
    return context.json({
      modelfile: '',
      parameters: '',
      template: '',
      license: entry.licence,
      modified_at: modifiedAt,
      details: detailsOf(model),
      model_info: {
        'general.architecture': family,
        'general.basename': entry.name,
        'general.parameter_count': entry.parameters,
        [`${family}.context_length`]: entry.contextLength,
        ...(entry.dimensions ? { [`${family}.embedding_length`]: entry.dimensions } : {}),
      },
      capabilities: entry.task === 'embed' ? ['embedding'] : ['completion', 'tools'],
    })
  })
  return app
}

function detailsOf(model: ModelState): object {
  const family = familyOf(model)
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: [family],
    parameter_size: parameterSize(model.entry.parameters),
    quantization_level: model.entry.quantization,
  }
}

/** The letters an id starts with: `qwen2.5-coder-0.5b` → `qwen`. */
function familyOf(model: ModelState): string {
  return /^[a-z]+/i.exec(model.entry.id)?.[0].toLowerCase() ?? 'unknown'
}

function parameterSize(parameters: number): string {
  return parameters >= 1e9
    ? `${(parameters / 1e9).toFixed(1)}B`
    : `${Math.round(parameters / 1e6)}M`
}
