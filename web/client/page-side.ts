import { request, send } from './api.ts'
import { HandOff } from './hand-off.ts'
import { Outbox } from './outbox/outbox.ts'
import { pageModels } from './page-engine.svelte.ts'
import { deviceName } from './page-host/device-name.ts'
import { ModelTurn, type LoadingEngine } from './page-host/model-turn.ts'
import { PageHost } from './page-host/page-host.ts'
import type { TabChannel } from './page-host/ports.ts'
import { tabLocks } from './page-host/tabs.ts'

export interface PageSideOptions {
  readonly channel: TabChannel
  readonly companionId: () => string | undefined
}

/** Everything of this page that stands in for a companion, or waits for one. Loaded when it is first needed. */
export interface PageSide {
  readonly host: PageHost
  readonly outbox: Outbox
  readonly handOff: HandOff
}

const engine: LoadingEngine = {
  ability: () => pageModels.ability,
  load: (modelId, options) => pageModels.load(modelId, options),
  unload: () => pageModels.unload(),
  get engineId() {
    const { modelId, models } = pageModels
    return models.find(({ model }) => model.id === modelId)?.model.engine ?? 'wllama'
  },
}

/** Puts the parts together, and ends what a tab that is gone left unfinished. */
export async function openPageSide(options: PageSideOptions): Promise<PageSide> {
  const { channel, companionId } = options
  const locks = tabLocks()
  const models = new ModelTurn(engine, locks, channel)
  const host = new PageHost({
    models,
    locks,
    channel,
    deviceName: deviceName(),
    retrieve: async (request, signal) =>
      (await import('./vault-copies/page-retrieval.ts')).retrieveHere(request, signal),
  })
  const onChange = (id: string): void => host.changed(id)
  const handOff = new HandOff({ request, send, locks, companionId, onSynced: onChange })
  const outbox = new Outbox({
    request,
    locks,
    handOff,
    connected: () => companionId() !== undefined,
    onChange,
  })
  await host.start()
  return { host, outbox, handOff }
}
