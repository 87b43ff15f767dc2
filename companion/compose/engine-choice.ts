import { join } from 'node:path'
import type { Config } from '#companion/config/config.ts'
import type { SettingsStore } from '#companion/config/settings-store.ts'
import { enginesToTry } from '#companion/engines/choice.ts'
import { EngineSet, type EngineFallback } from '#companion/engines/engine-set.ts'
import { findServers, usualServers, type FoundServer } from '#companion/engines/remote/discovery.ts'
import { RemoteEngine } from '#companion/engines/remote/engine.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { Log } from '#companion/observe/log.ts'
import type { RunExecutor } from '#companion/runs/run.ts'
import type { Hardware } from '#shared/domain/device.ts'
import type { EngineId } from '#shared/domain/engine-choice.ts'
import { SiloError, toWire } from '#shared/errors/silo-error.ts'
import type { Engines } from '#shared/protocol/engines.ts'
import { installedEngines, isInstallable } from './installed-engines.ts'

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
  const installed = installedEngines({
    directory,
    log,
    pages,
    hardware,
    ...(config.threads === undefined ? {} : { threads: config.threads }),
  })
  const { byId, installers, ranked, llamaCpp } = installed
  const remote = new RemoteEngine()
  let servers: readonly FoundServer[] = []
  let fallbacks: readonly EngineFallback[] = []
  let installing: { engine: EngineId; runId: string } | undefined

  const toTry = () => enginesToTry(ranked(), settings.get().engine)
  const set = new EngineSet({
    engines: () => {
      const engines = toTry().map((id) => byId[id])
      return engines.length > 0 ? engines : [llamaCpp]
    },
    all: Object.values(byId),
    remote,
    log,
    onFallback(fallback) {
      fallbacks = [fallback, ...fallbacks].slice(0, fallbacksKept)
      changes.publish('status')
    },
  })

  const probe = async (signal: AbortSignal): Promise<void> => {
    await installed.probe(signal)
    changes.publish('status')
  }

  const list = (): Engines => ({
    choices: ranked(),
    current: toTry()[0] ?? null,
    fallbacks: fallbacks.map(({ error, ...rest }) => ({ ...rest, error: toWire(error) })),
    servers: servers.map(({ name, url, models }) => ({ name, url, models: models.map((model) => model.name) })), // prettier-ignore
    ...(installing === undefined ? {} : { installing }),
  })

  return {
    set,
    llamaCpp,
    servers: () => servers,
    /** At the start: a choice that is made later would load a model twice. */
    probe: () => probe(AbortSignal.timeout(probeLimit)),
    service: {
      list,
      async look(signal: AbortSignal): Promise<void> {
        const own = new Set([config.port])
        const addresses = usualServers.filter(({ url }) => !own.has(Number(new URL(url).port)))
        servers = await findServers(addresses, signal)
        await probe(signal)
        changes.publish('models')
      },
      installing(engine: EngineId, runId: string): RunExecutor {
        if (installing !== undefined)
          throw new SiloError('conflict', { params: { detail: `${installing.engine} is being installed` } }) // prettier-ignore
        const installer = isInstallable(engine) ? installers[engine] : undefined
        if (!installer || installer.state() === 'no-build')
          throw new SiloError('engine_unavailable')
        if (config.offline)
          throw new SiloError('source_unreachable', { params: { source: `pip: ${engine}` } })
        return async (run) => {
          installing = { engine, runId }
          changes.publish('status')
          try {
            run.emit({ type: 'progress', stage: 'downloading', done: 0, unit: 'bytes' })
            egress.note({ kind: 'download', host: `pip: ${engine}`, purpose: engine })
            await installer.install(run)
            await probe(run.signal)
            return {}
          } finally {
            installing = undefined
            changes.publish('status')
          }
        }
      },
    },
  }
}
