import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import * as v from 'valibot'
import type { Sandbox } from '#shared/contracts/sandbox.ts'
import type { Tool, ToolContext, ToolResult } from '#shared/contracts/tool.ts'
import type { ChangePlan } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import { runInJail, type JailRun } from './jail-run.ts'
import { artifactsOf } from './left-artifacts.ts'

const inputSchema = v.strictObject({
  code: v.pipe(v.string(), v.minLength(1), v.maxLength(200_000)),
  files: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))), v.maxLength(1000)), []),
  save_to: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))),
  why: v.optional(v.pipe(v.string(), v.maxLength(300)), ''),
}) // prettier-ignore
export type PythonInput = v.InferOutput<typeof inputSchema>

export interface PythonToolDeps {
  readonly sandbox: Sandbox
  /** Folder for copies of files on their way in; made when needed. */
  readonly folder: string
}

const words: Record<Language, { files: (count: number) => string; failed: string; save: string }> =
  {
    en: {
      files: (count) => (count === 1 ? '1 file' : `${count} files`),
      failed: 'The program failed',
      save: 'Save what Python made',
    },
    zh: {
      files: (count) => `${count} 个文件`,
      failed: '程序出错',
      save: '保存 Python 生成的文件',
    },
  }

/** Runs Python in the jail on copies of files, after the person allowed this code. What it makes becomes artifacts, and a plan where it is to be kept. */
export function createPythonTool({ sandbox, folder }: PythonToolDeps): Tool<PythonInput> {
  return {
    specVersion: 1,
    name: 'python',
    title: { en: 'Run Python', zh: '运行 Python' },
    description:
      'Runs a Python 3 program without network. Named files are copied to its working folder by their base name. ' +
      'It prints its results; files it writes (csv, png, svg, html, md, xlsx) are shown, and proposed for save_to when given.',
    capability: 'exec.python',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: {
        code: { type: 'string', description: 'the program' },
        files: { type: 'array', items: { type: 'string' }, description: 'paths of files to read' },
        save_to: { type: 'string', description: 'folder in which to keep what it makes' },
        why: { type: 'string', description: 'one line for the person who allows it' },
      },
      required: ['code'],
      additionalProperties: false,
    },
    input: inputSchema,
    call: (input, context) => call(sandbox, folder, input, context),
  }
}

async function call(
  sandbox: Sandbox,
  folder: string,
  input: PythonInput,
  context: ToolContext,
): Promise<ToolResult> {
  const { files, leave, signal } = context
  signal.throwIfAborted()
  const paths: string[] = []
  for (const path of input.files) paths.push(await files.resolve(path, 'read', signal))
  const target = input.save_to && (await files.resolve(input.save_to, 'write', signal))
  await leave({ kind: 'python', code: input.code, files: paths, why: input.why })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const staged = await mkdtemp(join(folder, 'in-'))
  try {
    const copies: { name: string; source: string }[] = []
    for (const [number, path] of paths.entries()) {
      const source = join(staged, String(number))
      await files.copyTo(path, source, signal)
      copies.push({ name: freeName(basename(path), copies), source })
      context.progress(number + 1, paths.length)
    }
    const job = { kind: 'python', code: input.code, files: copies } as const
    return await runInJail(sandbox, job, context, 'python', (run) => resultOf(run, target, context))
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

/** Two folders may hold files of one name; names that only some systems know are made plain. */
function freeName(name: string, taken: readonly { name: string }[]): string {
  // oxlint-disable-next-line no-control-regex
  const plain = name.replace(/[\\:*?"<>|\u0000-\u001f\u007f]/g, '_').replace(/[. ]+$/, '_')
  const extension = extname(plain)
  const stem = plain.slice(0, plain.length - extension.length)
  const used = new Set(taken.map((file) => file.name.toLowerCase()))
  let free = plain
  for (let number = 2; used.has(free.toLowerCase()); number++)
    free = `${stem}-${number}${extension}`
  return free
}

async function resultOf(
  { end, stdout, stderr }: JailRun,
  target: string | undefined,
  context: ToolContext,
): Promise<ToolResult> {
  const word = words[context.language]
  const ok = end.outcome === 'done'
  const plan = ok && target ? await planOf(end.folder, end.files, target, context) : undefined
  const hint = ok ? undefined : missingPackage(stderr)
  return {
    data: {
      ok,
      stdout,
      ...(stderr ? { stderr } : {}),
      ...(hint ? { hint } : {}),
      files: end.files.slice(0, 100),
    },
    summary: ok
      ? [firstLine(stdout), end.files.length > 0 ? word.files(end.files.length) : ''].filter(Boolean).join(' · ') || 'OK' // prettier-ignore
      : `${word.failed}: ${end.error ?? ''}`.slice(0, 200),
    ...(plan ? { plan } : {}),
    artifacts: await artifactsOf(end.folder, end.files),
  }
}

async function planOf(
  folder: string,
  files: readonly { name: string }[],
  target: string,
  context: ToolContext,
): Promise<ChangePlan | undefined> {
  if (files.length === 0) return undefined
  const changes: ChangePlan['changes'] = []
  for (const { name } of files) {
    const { sha256, size } = await context.keep(createReadStream(join(folder, name)))
    changes.push({ id: newId(), type: 'create', path: join(target, name), content: sha256, size })
  }
  return { title: words[context.language].save, changes }
}

function missingPackage(stderr: string): string | undefined {
  const name = /No module named '([\w-]+)|The module '([\w-]+)'/.exec(stderr)
  const found = name?.[1] ?? name?.[2]
  if (!found) return undefined
  return `${found} is not on this computer. Use the standard library instead.`
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0]?.slice(0, 80) ?? ''
}
