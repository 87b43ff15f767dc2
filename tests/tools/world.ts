import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Clips } from '#companion/clip/clips.ts'
import { composeAgentTools, type AgentTools } from '#companion/compose/agent-tools.ts'
import { composeEgress } from '#companion/compose/egress.ts'
import { composePolicy } from '#companion/compose/policy.ts'
import { ChangeFeed } from '#companion/observe/change-feed.ts'
import { silentLog } from '#companion/observe/log.ts'
import { openDatabase } from '#companion/records/database.ts'
import { SecretFiles } from '#companion/seal/secret-files.ts'
import { Seal } from '#companion/seal/seal.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import type { ToolContext } from '#shared/contracts/tool.ts'
import type { ApprovalBody } from '#shared/domain/approval.ts'
import type { Capability } from '#shared/domain/capability.ts'
import { newId } from '#shared/domain/ids.ts'
import type { ToolWorld } from '#tests/contracts/tool.ts'

const canaries = ['words-of-a-stranger', 'name-of-a-stranger', 'passage-of-a-stranger']

/** The tools as the companion has them, over a real policy, for a person who answers all questions alike. */
export async function openToolWorld(): Promise<
  ToolWorld & AsyncDisposable & { readonly tools: AgentTools }
> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'silo-tools-')))
  const home = join(root, 'silo')
  const folder = join(root, 'papers')
  mkdirSync(home)
  mkdirSync(join(folder, 'crowd'), { recursive: true })
  writeFileSync(join(folder, 'note.txt'), `Invoice 1\n${canaries[0]}\n${'more text\n'.repeat(100_000)}`) // prettier-ignore
  writeFileSync(join(folder, `${canaries[1]}.txt`), 'x')
  for (let n = 0; n < 1500; n++) writeFileSync(join(folder, 'crowd', `file ${n}.txt`), '')

  const asked: Capability[] = []
  const effects: string[] = []
  const log = silentLog
  const changes = new ChangeFeed()
  const database = openDatabase(join(home, 'silo.db'))
  const { policy } = await composePolicy(home, database, log, () => {})
  policy.setSwitch('exec', true, 10, 'self')
  const { gate } = composeEgress({ database, changes, log, requireWeb: () => policy.requireSwitch('web') }) // prettier-ignore
  const extractor = new Extractor()
  const created = async ({ title }: { title: string }) => {
    effects.push(`note ${title}`)
    return { path: `${title}.md` }
  }
  const tools = composeAgentTools({
    home,
    log,
    policy,
    extractor,
    gate,
    clips: new Clips({ create: created as never }),
    notes: { create: created, append: async (path) => ({ path }) },
    search: async () => ({ hits: [hit], understood: [], found: true, unreachable: [] }),
    secrets: new SecretFiles(new Seal()),
    changes,
  })

  const words: Record<string, string> = {
    folder,
    read: folder,
    write: folder,
    save_to: folder,
    path: join(folder, 'note.txt'),
    paths: join(folder, 'note.txt'),
    files: join(folder, 'note.txt'),
    from: join(folder, 'note.txt'),
    to: join(folder, 'filed', 'other.txt'),
    code: 'print(open("note.txt").read())\nopen("note.txt", "w").write("gone")\nopen("t.csv", "w").write("a,b\\n1,2\\n")',
    argv: 'ls',
    url: 'http://example.org/',
    extension: 'txt',
  }

  return {
    tools,
    canaries,
    asked,
    effects,
    text: (property) => words[property] ?? 'note',
    reset() {
      asked.length = 0
      effects.length = 0
    },
    async files() {
      const found: Record<string, string> = {}
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
        if (entry.isFile()) {
          const path = join(entry.parentPath, entry.name)
          found[relative(folder, path)] = hashOf(readFileSync(path))
        }
      return found
    },
    context({ answer, signal }): ToolContext {
      const task = {
        taskId: newId(),
        tainted: () => false,
        named: () => false,
        async ask(body: ApprovalBody) {
          asked.push(capabilityOf(body))
          return {
            answer: answer === 'allow' ? { decision: 'approve' as const, scope: 'task' as const } : { decision: 'deny' as const }, // prettier-ignore
            by: 'self',
          }
        },
      }
      return {
        taskId: task.taskId,
        caller: 'self',
        language: 'en',
        signal,
        files: policy.files(task),
        leave: policy.leave(task),
        async keep(content) {
          const bytes: Uint8Array[] = []
          if (content instanceof Uint8Array) bytes.push(content)
          else for await (const piece of content) bytes.push(piece)
          const all = Buffer.concat(bytes)
          effects.push(`kept ${all.length}`)
          return { sha256: hashOf(all), size: all.length }
        },
        progress() {},
        output: (_, text) => void effects.push(text),
        show: ({ title }) => void effects.push(title),
      }
    },
    async [Symbol.asyncDispose]() {
      await tools[Symbol.asyncDispose]()
      await extractor[Symbol.asyncDispose]()
      gate[Symbol.dispose]()
      database.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

const hit = {
  documentId: 'document-0001',
  collectionId: 'collection-1',
  title: 'A letter',
  text: canaries[2]!,
  score: 1,
} as never

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function capabilityOf(body: ApprovalBody): Capability {
  switch (body.kind) {
    case 'grant':
      return body.capability
    case 'command':
      return 'exec.shell'
    case 'python':
      return 'exec.python'
    case 'send':
      return 'net.fetch'
    default:
      throw new Error(`a tool asked for ${body.kind}`)
  }
}
