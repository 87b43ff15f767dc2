import { hostname } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Config } from '#companion/config/config.ts'
import type { SettingsStore } from '#companion/config/settings-store.ts'
import { probeHardware } from '#companion/engines/hardware.ts'
import { storedBytes } from '#companion/engines/kv-pages/page-store.ts'
import { ModelPool } from '#companion/engines/pool.ts'
import { quantizerOf } from '#companion/engines/quantize/quantizer.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import { FileRecords } from '#companion/models/file-records.ts'
import { ModelLibrary } from '#companion/models/library.ts'
import { PageFiles } from '#companion/models/page-files.ts'
import { recordedSource } from '#companion/models/recorded-source.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import type { Log } from '#companion/observe/log.ts'
import type { Engine } from '#shared/contracts/engine.ts'
import type { Hardware } from '#shared/domain/device.ts'
import type { CatalogueEntry } from '#shared/domain/model.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Status } from '#shared/protocol/api.ts'
import { composeEngineChoice } from './engine-choice.ts'
import { chatModels, composeModels, modelSources } from './models.ts'
import { composeSpeech } from './speech.ts'

interface EngineParts {
  readonly config: Config
  readonly database: DatabaseSync
  readonly settings: SettingsStore
  readonly changes: ChangeFeed
  readonly egress: EgressGate
  /** Files are encrypted at rest. */
  readonly isSealed: boolean
  readonly log: Log
  readonly overrides: {
    readonly engine?: Engine
    readonly catalogue?: readonly CatalogueEntry[]
  }
}

/** The engine, the models it runs and where they come from. The caller owns it. */
export function composeEngines(parts: EngineParts) {
  const { config, database, settings, changes, egress, log, overrides } = parts
  // Pages hold what was read, of sealed documents too, and the engine writes them as they are.
  const maxBytes = (): number => (parts.isSealed ? 0 : settings.get().kvPagesBytes)
  const pages = { directory: join(config.home, 'kv-pages'), maxBytes }
  const choice = composeEngineChoice({ config, settings, changes, egress, log, pages, hardware: () => hardware }) // prettier-ignore
  const engine: Engine = overrides.engine ?? choice.set
  const pool = new ModelPool(engine)
  pool.onStateChange(() => {
    changes.publish('status')
    changes.publish('models')
  })
  const directory = join(config.home, 'models')
  let hardware: Hardware | undefined
  const probe = async (signal: AbortSignal): Promise<Hardware> =>
    (hardware = await probeHardware(directory, signal))
  const library = new ModelLibrary({
    directory,
    catalogue: overrides.catalogue ?? catalogue,
    sources: modelSources(config).map((source) => recordedSource(source, egress)),
    records: new FileRecords(database),
    hardware: () => hardware,
    contextTokens: () => settings.get().contextTokens,
    isLoaded: (id) => pool.isLoaded(id),
    log,
    onChange: (id) => changes.publish('models', id),
  })
  const quantizer = quantizerOf({ log, ...(config.threads === undefined ? {} : { threads: config.threads }) }) // prettier-ignore
  const speech = composeSpeech({ directory, library, threads: config.threads, log })
  const models = composeModels(library, pool, settings, (id) => speech.forget(id), choice.servers)
  const warmUp = new AbortController()
  return {
    models,
    chat: chatModels(models, (loaded) => overrides.engine?.id ?? choice.set.engineIdOf(loaded)),
    speech: speech.service,
    engines: { ...choice.service, changed: () => void pool.refresh() },
    computedContext: {
      usage: async () => ({
        bytes: await storedBytes(pages.directory),
        maxBytes: maxBytes(),
        sealed: parts.isSealed,
      }),
      limit: () => choice.llamaCpp.limitPages(),
      forget: async (session?: string) => engine.forget?.(session),
    },
    pageModels: new PageFiles({ library, directory: join(config.home, 'page-models') }),
    download: (modelId: string) => library.download(modelId),
    quantize: (modelId: string) => library.quantize(modelId, quantizer),
    async status(): Promise<
      Pick<Status, 'deviceName' | 'hardware' | 'engine' | 'chatModelId' | 'embedModelId'>
    > {
      const signal = AbortSignal.timeout(10_000)
      const { build, backend, threads } = await engine.probe(signal)
      return {
        deviceName: hostname(),
        hardware: await probe(signal),
        engine: { id: engine.id, build, backend, threads, state: engine.state },
        chatModelId: models.defaultId('chat') ?? null,
        embedModelId: models.defaultId('embed') ?? null,
      }
    },
    /** The first question should not wait for the model; whoever asks sooner joins the same loading. */
    warmUp(): void {
      if (parts.isSealed) void choice.llamaCpp.limitPages()
      const probed = Promise.all([
        choice.probe().catch(() => {}),
        probe(AbortSignal.timeout(10_000)).catch(() => {}),
      ])
      void probed.then(async () => {
        // The data folder may be closed by now.
        if (warmUp.signal.aborted) return
        changes.publish('models')
        if (models.defaultId('chat') === undefined) return
        await models.acquire(undefined, 'chat', { signal: warmUp.signal }).then(
          (lease) => lease.release(),
          (error: unknown) => log.warn('the chat model could not be loaded ahead', { error }),
        )
      })
    },
    async [Symbol.asyncDispose](): Promise<void> {
      warmUp.abort(new SiloError('shutting_down'))
      await speech[Symbol.asyncDispose]()
      await pool[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
    },
  }
}
