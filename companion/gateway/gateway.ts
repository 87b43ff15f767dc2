import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { SiloError } from '#shared/errors/silo-error.ts'
import { authenticate, sameSite, signIn } from './access.ts'
import { answerError, refusalOf } from './answers.ts'
import type { GatewayEnv } from './environment.ts'
import { authorize } from './permission.ts'
import { createOpenAiApi } from './openai/api.ts'
import { createOllamaDetection } from './openai/ollama.ts'
import { agentRoutes } from './routes/agent.ts'
import { approvalRoutes } from './routes/approvals.ts'
import { clipRoutes, isClip } from './routes/clips.ts'
import { computedContextRoutes } from './routes/computed-context.ts'
import { conversationRoutes } from './routes/conversations.ts'
import { engineRoutes } from './routes/engines.ts'
import { egressRoutes } from './routes/egress.ts'
import { ingestRoutes } from './routes/ingest.ts'
import { joinRoutes } from './routes/joins.ts'
import { lanRoutes } from './routes/lan.ts'
import { safetyRoutes } from './routes/safety.ts'
import { linkRoutes } from './routes/link.ts'
import { mcpRoutes } from './routes/mcp.ts'
import { modelRoutes } from './routes/models.ts'
import { notesRoutes } from './routes/notes.ts'
import { pageModelRoutes } from './routes/page-models.ts'
import { journalRoutes } from './routes/journal.ts'
import { policyRoutes } from './routes/policy.ts'
import { pythonRoutes } from './routes/python.ts'
import { pushRoutes } from './routes/push.ts'
import { replicaRoutes } from './routes/replica.ts'
import { runRoutes } from './routes/runs.ts'
import { auditRoutes } from './routes/audit.ts'
import { sharingRoutes } from './routes/sharing.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { settingsRoutes } from './routes/settings.ts'
import { isRecording, speechRoutes } from './routes/speech.ts'
import { isUploadPart, uploadRoutes } from './routes/uploads.ts'
import { teamRoutes } from './routes/team.ts'
import { syncRoutes } from './routes/sync.ts'
import { webSearchRoutes } from './routes/web-search.ts'
import { vaultIndexRoutes } from './routes/vault-index.ts'
import { vaultRoutes } from './routes/vault.ts'
import { securityHeaders } from './security-headers.ts'
import type { GatewayServices } from './services.ts'
import { StaticFiles } from './static-files.ts'

/** Bytes a body may have: Silo's own API, and the OpenAI-compatible one (long prompts, many texts to embed). */
export const apiBodyLimit = 2 * 1024 * 1024
export const openAiBodyLimit = 16 * 1024 * 1024

/**
 * The companion's HTTP app, the same for every road: `app.fetch(request, { caller })`. A road that
 * authenticates its callers itself passes `caller`; without one the request is local HTTP and shows the
 * start token or a key.
 */
export function createGateway(services: GatewayServices): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.onError((error, context) => answerError(error, context, services.log))
  app.use(securityHeaders)
  app.get('/healthz', (context) => context.json({ ok: true }))
  app.use(sameSite(services))
  app.use(signIn(services))

  for (const [path, limit] of [
    ['/api', apiBodyLimit],
    ['/v1', openAiBodyLimit],
  ] as const) {
    app.use(`${path}/*`, authenticate(services))
    app.use(`${path}/*`, authorize)
    const limited = bodyLimit({
      maxSize: limit,
      onError() {
        throw new SiloError('body_too_large', { params: { limit } })
      },
    })
    app.use(`${path}/*`, (context, next) => {
      const { method, path: asked } = context.req
      const hasOwnLimit =
        isUploadPart(method, asked) || isRecording(method, asked) || isClip(method, asked)
      return hasOwnLimit ? next() : limited(context, next)
    })
    app.use(`${path}/*`, async (context, next) => {
      await next()
      if (!context.res.headers.has('Cache-Control')) context.header('Cache-Control', 'no-store')
    })
  }

  app.route('/api', runRoutes(services))
  app.route('/api', conversationRoutes(services))
  app.route('/api', modelRoutes(services))
  app.route('/api', pageModelRoutes(services))
  app.route('/api', vaultRoutes(services))
  app.route('/api', vaultIndexRoutes(services))
  if (services.ingest) app.route('/api', ingestRoutes(services.ingest))
  if (services.notes) app.route('/api', notesRoutes(services.notes))
  if (services.clips) app.route('/api', clipRoutes(services.clips))
  app.route('/api', sharingRoutes(services))
  app.route('/api', auditRoutes(services))
  app.route('/api', settingsRoutes(services))
  if (services.engines) app.route('/api', engineRoutes(services.engines, services))
  if (services.computedContext) app.route('/api', computedContextRoutes(services.computedContext))
  if (services.speech) app.route('/api', speechRoutes(services.speech))
  if (services.uploads) app.route('/api', uploadRoutes(services.uploads, services))
  if (services.push) app.route('/api', pushRoutes(services.push))
  if (services.policy) app.route('/api', policyRoutes(services.policy))
  if (services.mcp) app.route('/api', mcpRoutes(services.mcp))
  if (services.pythonPackages) app.route('/api', pythonRoutes(services.pythonPackages, services))
  if (services.webSearch) app.route('/api', webSearchRoutes(services.webSearch))
  if (services.journal) app.route('/api', journalRoutes(services.journal))
  if (services.agent) {
    app.route('/api', agentRoutes(services.agent))
    app.route('/api', approvalRoutes(services.agent))
    app.route('/api', scheduleRoutes(services.agent))
  }
  if (services.egress) app.route('/api', egressRoutes(services.egress))
  if (services.replica) app.route('/api', replicaRoutes(services.replica))
  if (services.lan) app.route('/api', lanRoutes(services.lan))
  if (services.safety) app.route('/api', safetyRoutes(services.safety))
  if (services.sync) app.route('/api', syncRoutes(services.sync))
  if (services.link) app.route('/api', linkRoutes(services.link))
  if (services.link) app.route('/api', joinRoutes(services.link))
  if (services.teamPeers) app.route('/api', teamRoutes(services.teamPeers))
  const openAi = { models: services.models, log: services.log, version: services.version }
  app.route('/v1', createOpenAiApi(openAi))
  app.route('/api', createOllamaDetection(openAi))

  const refuse = refusalOf(app.routes)
  const files = new StaticFiles(services.webRoot)
  app.notFound(async (context) => {
    const { method, path } = context.req
    const isApi = /^\/(api|v1)(\/|$)/.test(path)
    if (!isApi && (method === 'GET' || method === 'HEAD')) {
      const page = await files.answer(context)
      if (page) return page
    }
    const { error, allow } = refuse(path)
    if (allow.length > 0) context.header('Allow', allow.join(', '))
    return answerError(error, context, services.log)
  })
  return app
}
