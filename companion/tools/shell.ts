import * as v from 'valibot'
import type { Sandbox } from '#shared/contracts/sandbox.ts'
import type { Tool, ToolContext, ToolResult } from '#shared/contracts/tool.ts'
import { runInJail } from './jail-run.ts'
import { shellPlan } from './shell-plan.ts'

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const inputSchema = v.strictObject({
  argv: v.pipe(v.array(v.pipe(v.string(), v.maxLength(20_000))), v.minLength(1), v.maxLength(200)),
  read: v.optional(v.pipe(v.array(path), v.maxLength(16)), []),
  write: v.optional(v.pipe(v.array(path), v.maxLength(16)), []),
  why: v.optional(v.pipe(v.string(), v.maxLength(300)), ''),
})
export type ShellInput = v.InferOutput<typeof inputSchema>

/**
 * Runs one command in bubblewrap, after the person allowed exactly these words and folders. It works on copies:
 * what it did to them is a plan like any other, to be approved, and undone.
 */
export function createShellTool({ sandbox }: { readonly sandbox: Sandbox }): Tool<ShellInput> {
  return {
    specVersion: 1,
    name: 'shell',
    title: { en: 'Run a command', zh: '运行命令' },
    description:
      'Runs one program with arguments (no shell syntax) without network. It sees only the folders named in read and write; ' +
      'it starts in the first of them. Changes in the write folders are proposed to the person, not made.',
    capability: 'exec.shell',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: {
        argv: { type: 'array', items: { type: 'string' }, description: 'program and arguments' },
        read: { type: 'array', items: { type: 'string' }, description: 'folders it may read' },
        write: { type: 'array', items: { type: 'string' }, description: 'folders it may change' },
        why: { type: 'string', description: 'one line for the person who allows it' },
      },
      required: ['argv'],
      additionalProperties: false,
    },
    input: inputSchema,
    call: (input, context) => call(sandbox, input, context),
  }
}

async function call(
  sandbox: Sandbox,
  input: ShellInput,
  context: ToolContext,
): Promise<ToolResult> {
  const { files, leave, signal } = context
  signal.throwIfAborted()
  const folders = new Map<string, boolean>()
  // A folder to be changed is copied: reading is what it needs now, and the plan is what a person judges.
  for (const name of input.read) folders.set(await files.resolve(name, 'read', signal), false)
  for (const name of input.write) folders.set(await files.resolve(name, 'read', signal), true)
  const named = [...folders].map(([folder, write]) => ({ path: folder, write }))
  const cwd = (named.find(({ write }) => write) ?? named[0])?.path ?? '/tmp'
  await leave({ kind: 'command', argv: input.argv, cwd, folders: named, why: input.why })
  const startedAt = Date.now()
  const job = { kind: 'shell', argv: input.argv, cwd, folders: named } as const
  return await runInJail(sandbox, job, context, 'shell', async ({ end, stdout, stderr }) => {
    const ok = end.outcome === 'done'
    const title = input.argv.join(' ').slice(0, 120)
    const plan = await shellPlan(end, named, { title, startedAt }, context)
    return {
      data: { ok, exitCode: end.exitCode, stdout, ...(stderr ? { stderr } : {}) },
      summary: ok ? stdout.trim().split('\n', 1)[0]?.slice(0, 80) || 'OK' : `exit ${end.exitCode}`,
      ...(plan ? { plan } : {}),
    }
  })
}
