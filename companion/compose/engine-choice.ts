import { arch, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Config } from '#companion/config/config.ts'
import type { SettingsStore } from '#companion/config/settings-store.ts'
import { enginesToTry, rankEngines, type EngineFacts } from '#companion/engines/choice.ts'
import { EngineSet, type EngineFallback } from '#companion/engines/engine-set.ts'
import { createLlamaCppEngine, libraryBackend } from '#companion/engines/llama-cpp/engine.ts'
import { canInstallLlamaServer, findLlamaServer, installLlamaServer } from '#companion/engines/llama-server/binary.ts' // prettier-ignore
import { LlamaServerEngine } from '#companion/engines/llama-server/engine.ts'
import { findServers, usualServers, type FoundServer } from '#companion/engines/remote/discovery.ts'
import { RemoteEngine } from '#companion/engines/remote/engine.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunExecutor } from '#companion/runs/run.ts'
import type { Hardware } from '#shared/domain/device.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import type { Engines } from '#shared/protocol/engines.ts'

interface ChoiceParts {
  readonly config: Config
  readonly settings: SettingsStore
  readonly changes: ChangeFeed
  readonly egress: EgressGate
  readonly log: Log
  readonly hardware: () => Hardware | undefined
  /** Where computed context is kept, and how much of it, bytes. */
  readonly pages: { readonly directory: string; readonly maxBytes: () => number }
}

const fallbacksKept = 20
const probeLimit = 15_000

/** The engines of this machine, as one that takes the best for each model, and what the person sees of them. */
export function composeEngineChoice(parts: ChoiceParts) {
  const { config, settings, changes, egress, log, hardware, pages } = parts
  const directory = join(config.home, 'engines')
  const threads = config.threads === undefined ? {} : { threads: config.threads }
  const llamaCpp = createLlamaCppEngine({
    log,
    ...threads,
    pages,
  })
  const llamaServer = new LlamaServerEngine({ binary: () => findLlamaServer(directory), log, ...threads }) // prettier-ignore
  const remote = new RemoteEngine()
  const byId = { 'llama-cpp': llamaCpp, 'llama-server': llamaServer }
  let server: EngineFacts['server'] = canInstallLlamaServer() ? 'not-installed' : 'no-build'
  let servers: readonly FoundServer[] = []
  let fallbacks: readonly EngineFallback[] = []
  let installRunId: string | undefined

  const ranked = () => {
    const library = libraryBackend(llamaCpp)
    const machine = hardware() ?? { os: platform(), arch: arch(), gpus: [], memory: totalmem() }
    return rankEngines({ hardware: machine, server, ...(library ? { library } : {}) })
  }
  const toTry = () => enginesToTry(ranked(), settings.get().engine)
  const set = new EngineSet({
    engines: () => {
      const engines = toTry().map((id) => byId[id])
      return engines.length > 0 ? engines : [llamaCpp]
    },
    all: [llamaCpp, llamaServer],
    remote,
    log,
    onFallback(fallback) {
      fallbacks = [fallback, ...fallbacks].slice(0, fallbacksKept)
      changes.publish('status')
    },
  })

  /** Finds out whether llama-server is there and starts. */
  const probeServer = async (signal: AbortSignal): Promise<void> => {
    if (findLlamaServer(directory) === undefined) {
      server = canInstallLlamaServer() ? 'not-installed' : 'no-build'
      return
    }
    server = (await llamaServer.probe(signal)).available ? 'works' : 'broken'
    changes.publish('status')
  }

  const list = (): Engines => ({
    choices: ranked(),
    current: toTry()[0] ?? null,
    fallbacks: fallbacks.map(({ error, ...rest }) => ({ ...rest, error: toWire(error) })),
    servers: servers.map(({ name, url, models }) => ({ name, url, models: models.map((model) => model.name) })), // prettier-ignore
    ...(installRunId === undefined ? {} : { installRunId }),
  })

  return {
    set,
    llamaCpp,
    servers: () => servers,
    /** At the start: a choice that is made later would load a model twice. */
    probe: () => probeServer(AbortSignal.timeout(probeLimit)),
    service: {
      list,
      async look(signal: AbortSignal): Promise<void> {
        const own = new Set([config.port])
        const addresses = usualServers.filter(({ url }) => !own.has(Number(new URL(url).port)))
        servers = await findServers(addresses, signal)
        await probeServer(signal)
        changes.publish('models')
      },
      installing(runId: string): RunExecutor {
        if (installRunId !== undefined)
          throw new SiloError('conflict', { params: { detail: 'llama-server is being installed' } })
        if (config.offline)
          throw new SiloError('source_unreachable', { params: { source: 'pip: llama-server' } })
        return async (run) => {
          installRunId = runId
          changes.publish('status')
          try {
            run.emit({ type: 'progress', stage: 'downloading', done: 0, unit: 'bytes' })
            const announcement = { kind: 'download', host: 'pip: llama-server', purpose: 'llama-server' } as const // prettier-ignore
            egress.note(announcement)
            await installLlamaServer(directory, run.signal)
            await probeServer(run.signal)
            return {}
          } finally {
            installRunId = undefined
            changes.publish('status')
          }
        }
      },
    },
  }
}
