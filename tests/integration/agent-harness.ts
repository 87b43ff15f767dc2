import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import type { AnySkill, AnyTool, OfferedTool } from '#companion/agent/ports.ts'
import type { TaskLimits } from '#companion/agent/usage.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import type { GenerateRequest } from '#shared/contracts/engine.ts'
import type { Approval } from '#shared/domain/approval.ts'
import type { Intent } from '#shared/domain/agent-task.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import type { RunEvent } from '#shared/protocol/run-event.ts'
import { createFakeEngine, type FakeReply } from '../fakes/engine.ts'
import { testModel } from '../models.ts'

/** A companion with an agent over the fake engine, and a folder of files for it to work on. */
export class AgentWorld {
  readonly home: string
  readonly files: string
  companion!: Companion
  #options: AgentWorldOptions = {}

  constructor(
    home = mkdtempSync(join(tmpdir(), 'silo-agent-')),
    files = mkdtempSync(join(tmpdir(), 'silo-files-')),
  ) {
    this.home = home
    this.files = files
  }

  async start(options: AgentWorldOptions = this.#options): Promise<this> {
    this.#options = options
    const models = join(this.home, 'models')
    mkdirSync(models, { recursive: true })
    const real = options.realModel
    const bytes = 'GGUF'
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (real) linkModel(testModel(real), join(models, `${real}.gguf`))
    else writeFileSync(join(models, 'qwen2.5-coder-0.5b.gguf'), bytes)
    this.companion = await startCompanion(
      loadConfig({ SILO_HOME: this.home, SILO_PORT: '0', SILO_OFFLINE: '1' }),
      {
        catalogue: real
          ? catalogue.filter(({ id }) => id === real).map((entry) => ({ ...entry, parameters: options.parameters ?? entry.parameters }))
          : catalogue.map((entry) => ({ ...entry, size: bytes.length, sha256, ...(options.parameters ? { parameters: options.parameters } : {}) })), // prettier-ignore
        ...(real
          ? {}
          : {
              engine: createFakeEngine({
                ...(options.reply ? { reply: options.reply } : {}),
                callsTools: options.callsTools ?? false,
              }),
            }),
        link: { mdns: false },
        agent: {
          tools: (options.tools ?? []).map((tool): OfferedTool => ({ tool, origin: 'silo' })),
          skills: options.skills ?? [],
          ...(options.limits ? { limits: options.limits } : {}),
        },
      },
    )
    return this
  }

  async restart(): Promise<void> {
    await this.companion.close()
    await this.start()
  }

  async close(): Promise<void> {
    await this.companion.close()
    rmSync(this.home, { recursive: true, force: true })
    rmSync(this.files, { recursive: true, force: true })
  }

  write(name: string, content = name): string {
    const path = join(this.files, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** All files, by their paths below the folder. */
  async listing(): Promise<string[]> {
    const found = await readdir(this.files, { recursive: true, withFileTypes: true })
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.files.length + 1))
      .sort()
  }

  async api<T = Record<string, never>>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const response = await fetch(`${this.companion.url}/api${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.companion.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: (text ? JSON.parse(text) : undefined) as T }
  } // prettier-ignore

  /** Starts a task and returns its id. */
  async task(goal: string, intent?: Intent): Promise<{ id: string; conversationId: string; messageId: string }> {
    const [id, conversationId, userId, messageId] = [newId(), newId(), newId(), newId()]
    await this.api('POST', '/conversations', { id: conversationId })
    const started = await this.api('POST', '/runs', {
      kind: 'agent',
      id,
      conversationId,
      userMessage: { id: userId, parentId: null, text: goal },
      parentId: userId,
      assistantMessageId: messageId,
      ...(intent ? { intent } : {}),
    })
    if (started.status !== 202) throw new Error(JSON.stringify(started.body))
    return { id, conversationId, messageId }
  } // prettier-ignore

  async events(id: string): Promise<RunEvent[]> {
    return (await this.api<{ events: RunEvent[] }>('GET', `/runs/${id}/events`)).body.events
  }

  /** Waits for an event of that type, at most ten seconds, with a real model two minutes. */
  async until<T extends RunEvent['body']['type']>(id: string, type: T, nth = 1): Promise<Extract<RunEvent['body'], { type: T }>> {
    for (let n = 0; n < (this.#options.realModel ? 4800 : 400); n++) {
      const found = (await this.events(id)).filter(({ body }) => body.type === type)
      const hit = found[nth - 1]?.body
      if (hit) return hit as Extract<RunEvent['body'], { type: T }>
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error(`no ${type} in ${JSON.stringify((await this.events(id)).map(({ body }) => body))}`)
  } // prettier-ignore

  async approval(id: string): Promise<Approval> {
    return (await this.api<{ approval: Approval }>('GET', `/approvals/${id}`)).body.approval
  }

  answer(id: string, answer: unknown) {
    return this.api<{ approval: Approval }>('POST', `/approvals/${id}/answer`, answer)
  }
}

function linkModel(path: string, at: string): void {
  if (!existsSync(at)) symlinkSync(path, at)
}

export interface AgentWorldOptions {
  /** In place of the fake engine. */
  readonly realModel?: 'qwen2.5-coder-0.5b' | 'qwen2.5-coder-1.5b'
  readonly reply?: (request: GenerateRequest) => FakeReply
  /** Of the fake engine's models: trained to call tools, and how large. */
  readonly callsTools?: boolean
  readonly parameters?: number
  readonly tools?: readonly AnyTool[]
  readonly skills?: readonly AnySkill[]
  readonly limits?: TaskLimits
}

/** A plan that moves every file of a folder into `sorted` below it. */
export async function movePlan(folder: string): Promise<FileChange[]> {
  const changes: FileChange[] = []
  for (const name of (await readdir(folder)).sort()) {
    const from = join(folder, name)
    const { size, mtimeMs } = await stat(from)
    changes.push({ type: 'move', id: `change-${name}`.padEnd(10, '_').replace(/[^\w-]/g, '_'), from, to: join(folder, 'sorted', name), stamp: { size, modifiedAt: Math.trunc(mtimeMs) }, facts: { company: { value: basename(name, '.txt'), confidence: 0.7 } } }) // prettier-ignore
  }
  return changes
}

const input = v.strictObject({ folder: v.string() })

/** A skill that proposes to move all files of a folder; target names are built from the fact `company`. */
export const sortSkill: AnySkill = {
  specVersion: 1,
  id: 'sort-files',
  title: { en: 'Sort files', zh: '整理文件' },
  description: 'Moves the files of a folder into a folder named sorted.',
  examples: ['sort the files in ~/Downloads into a folder', '把下载文件夹里的文件整理一下'],
  capabilities: ['files.read', 'files.write'],
  parameters: {
    type: 'object',
    properties: { folder: { type: 'string' } },
    required: ['folder'],
    additionalProperties: false,
  },
  input,
  async run({ folder }: v.InferOutput<typeof input>, task) {
    task.plan([
      { id: 'scan', title: 'Look' },
      { id: 'move', title: 'Move' },
    ])
    task.say('Looking. ')
    const changes = await task.step('scan', async () => {
      const value = await movePlan(folder)
      return { value, note: `${value.length} files` }
    })
    const results = await task.propose('move', { title: 'Sort', changes }, (change, edit) =>
      change.type === 'move' && edit.facts?.company
        ? { ...change, to: join(folder, 'sorted', `${edit.facts.company}.txt`) }
        : change,
    )
    task.say(`Moved ${results.filter(({ state }) => state === 'done').length}.`)
    task.artifact({ key: 'report', kind: 'markdown', title: 'Report', content: Buffer.from('# Done'), mediaType: 'text/markdown' }) // prettier-ignore
  },
}
