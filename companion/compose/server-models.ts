import { remotePath } from '#companion/engines/remote/engine.ts'
import type { FoundServer } from '#companion/engines/remote/discovery.ts'
import type { ModelFile } from '#shared/contracts/engine.ts'
import type { ModelState } from '#shared/domain/model.ts'

/** Ids of models in servers: `remote/HOST:PORT/NAME`. The place is in the id, so that it is known before it is looked for. */
const form = /^remote\/([^/]+)\/(.+)$/
const noSum = '0'.repeat(64)
/** Tokens, where the server does not say. */
const usualContext = 8192

export function serverModelId(url: string, name: string): string {
  return `remote/${new URL(url).host}/${name}`
}

/** The file, as engines take it, of a model in a server; undefined where the id is another's. */
export function serverModelFile(id: string): (ModelFile & { parameters: number }) | undefined {
  const [, host, name] = form.exec(id) ?? []
  if (host === undefined || name === undefined) return undefined
  const path = remotePath(`http://${host}`, name)
  return { id, path, sha256: noSum, task: 'chat', parameters: parametersOf(name) }
}

/** Chat models of the servers that were found, and of those that are chosen though nothing was found of them yet. */
export function serverModels(
  servers: readonly FoundServer[],
  chosen: readonly (string | undefined)[],
  isLoaded: (id: string) => boolean,
): ModelState[] {
  const states = new Map<string, ModelState>()
  for (const { url, name: server, models } of servers)
    for (const { name, task, contextTokens } of models) {
      const id = serverModelId(url, name)
      if (task === 'chat') states.set(id, stateOf(id, name, server, contextTokens, isLoaded(id)))
    }
  for (const id of chosen) {
    const [, host, name] = form.exec(id ?? '') ?? []
    if (id === undefined || host === undefined || name === undefined || states.has(id)) continue
    states.set(id, stateOf(id, name, host, undefined, isLoaded(id)))
  }
  return [...states.values()]
}

function stateOf(
  id: string,
  name: string,
  server: string,
  contextTokens: number | undefined,
  loaded: boolean,
): ModelState {
  const contextLength = contextTokens ?? usualContext
  return {
    entry: {
      id,
      name,
      task: 'chat',
      languages: [],
      licence: '',
      sha256: noSum,
      size: 0,
      parameters: parametersOf(name),
      quantization: '',
      contextLength,
      kvBytesPerToken: 0,
      sources: [],
      starter: false,
    },
    installed: true,
    imported: false,
    loaded,
    partial: 0,
    server,
    fit: { verdict: 'fits', needed: 0, available: 0, contextTokens: contextLength },
  }
}

/** `llama3.1:8b` has eight billions; 0 where the name does not tell. */
function parametersOf(name: string): number {
  const [, billions] = /(?:^|[^a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])/i.exec(name) ?? []
  return billions === undefined ? 0 : Math.round(Number(billions) * 1e9)
}
