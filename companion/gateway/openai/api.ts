import { Hono } from 'hono'
import { SiloError } from '#shared/errors/silo-error.ts'
import { modelIdOf, type OpenAiDeps } from './access.ts'
import { chatCompletions } from './chat.ts'
import { completions } from './completions.ts'
import { embeddings } from './embeddings.ts'
import { errorResponse, reportError } from './errors.ts'
import { responses } from './responses.ts'

/**
 * The OpenAI-compatible API, mounted at `/v1`. Whoever mounts it authenticates the caller and limits the
 * body, and answers addresses unknown here; errors thrown here leave as `{error: {message, type, param, code}}`.
 */
export function createOpenAiApi(deps: OpenAiDeps): Hono {
  const app = new Hono()
  const startedAt = Math.floor(Date.now() / 1000)
  app.onError((error, context) => errorResponse(context, reportError(error, deps.log)))

  app.post('/chat/completions', (context) => chatCompletions(context, deps))
  app.post('/completions', (context) => completions(context, deps))
  app.post('/embeddings', (context) => embeddings(context, deps))
  app.post('/responses', (context) => responses(context, deps))

  const modelObject = (id: string): object => ({
    id,
    object: 'model',
    created: startedAt,
    owned_by: 'silo',
  })
  app.get('/models', (context) =>
    context.json({
      object: 'list',
      data: deps.models
        .list()
        .filter((model) => model.installed && model.entry.task !== 'speech')
        .map((model) => modelObject(model.entry.id)),
    }),
  )
  // An id may hold slashes.
  app.get('/models/:id{.+}', (context) => {
    const id = modelIdOf(context.req.param('id'))
    const model = deps.models
      .list()
      .find((model) => model.installed && model.entry.task !== 'speech' && model.entry.id === id)
    if (!model)
      throw new SiloError('model_unknown', { params: { model: id ?? '' }, field: 'model' })
    return context.json(modelObject(model.entry.id))
  })
  return app
}
