import * as v from 'valibot'
import type { SecretText } from '#companion/config/secret-text.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { mcpServerSchema } from '#shared/protocol/agent.ts'

const keptSchema = v.pick(mcpServerSchema, ['id', 'name', 'enabled', 'road'])
export type KeptServer = v.InferOutput<typeof keptSchema>
const most = 50

/** The MCP servers that the person set up. Their keys stand among them, so the list is kept with the secrets. */
export class McpStore {
  readonly #file: SecretText

  constructor(file: SecretText) {
    this.#file = file
  }

  /** A damaged entry is left out; the others stay. */
  list(): KeptServer[] {
    const text = this.#file.read()
    if (text === undefined) return []
    try {
      const all = v.parse(v.array(v.unknown()), JSON.parse(text))
      return all.flatMap((each) => {
        const { success, output } = v.safeParse(keptSchema, each)
        return success ? [output] : []
      })
    } catch {
      return []
    }
  }

  /** @throws SiloError conflict where another server has the name, bad_request where there are too many */
  put(server: KeptServer): void {
    const others = this.list().filter(({ id }) => id !== server.id)
    if (others.some(({ name }) => name === server.name)) throw new SiloError('conflict', { field: 'name' }) // prettier-ignore
    if (others.length >= most) throw new SiloError('bad_request', { params: { detail: 'servers' } })
    this.#file.write(JSON.stringify([...others, server]))
  }

  remove(id: string): void {
    this.#file.write(JSON.stringify(this.list().filter((server) => server.id !== id)))
  }
}
