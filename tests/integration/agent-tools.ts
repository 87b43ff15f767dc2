import * as v from 'valibot'
import type { AnyTool } from '#companion/agent/ports.ts'
import { movePlan } from './agent-harness.ts'

// Small tools for tests of the loop.

const pathInput = v.strictObject({ path: v.string() })
const pathSchema = {
  type: 'object',
  properties: { path: { type: 'string' } },
  required: ['path'],
  additionalProperties: false,
}
const base = { specVersion: 1 as const, readsForeignText: false }

export const listTool: AnyTool = {
  ...base,
  name: 'list_files',
  title: { en: 'List', zh: '列出' },
  description: 'Lists a folder.',
  capability: 'files.read',
  parameters: pathSchema,
  input: pathInput,
  async call({ path }: v.InferOutput<typeof pathInput>, { files, signal }) {
    const names = (await files.list(path, signal)).map(({ name }) => name)
    return { data: { names }, summary: `${names.length} files` }
  },
}
export const readTool: AnyTool = {
  ...base,
  name: 'read_file',
  title: { en: 'Read', zh: '读取' },
  description: 'Reads a file.',
  capability: 'files.read',
  readsForeignText: true,
  parameters: pathSchema,
  input: pathInput,
  async call({ path }: v.InferOutput<typeof pathInput>, { files, signal }) {
    const bytes = await files.read(path, { limit: 10_000 }, signal)
    return { data: { text: Buffer.from(bytes).toString() }, summary: 'read' }
  },
}
export const sortTool: AnyTool = {
  ...base,
  name: 'sort_folder',
  title: { en: 'Sort', zh: '整理' },
  description: 'Moves all files of a folder into its subfolder sorted.',
  capability: 'files.write',
  parameters: pathSchema,
  input: pathInput,
  async call({ path }: v.InferOutput<typeof pathInput>, { files, signal }) {
    const folder = await files.resolve(path, 'read', signal)
    const changes = await movePlan(folder)
    return { data: { files: changes.length }, summary: 'plan', plan: { title: 'Sort', changes } }
  },
}
const state = (text: string) =>
  ({ key: 'page', kind: 'html', title: 'Page', mediaType: 'text/html', content: Buffer.from(text) }) as const // prettier-ignore
/** Shows one thing in three states, the last twice. */
export const drawTool: AnyTool = {
  ...base,
  name: 'draw',
  title: { en: 'Draw', zh: '绘制' },
  description: 'Draws.',
  parameters: { type: 'object', properties: {}, additionalProperties: false },
  input: v.strictObject({}),
  async call(_input, { show }) {
    for (const text of ['one', 'two', 'three']) show(state(text))
    return { data: {}, summary: 'drawn', artifacts: [state('three')] }
  },
}
const shellInput = v.strictObject({ argv: v.array(v.string()) })
/** Says what it ran; nothing is run. */
export const ran: string[][] = []
export const shellTool: AnyTool = {
  ...base,
  name: 'shell',
  title: { en: 'Shell', zh: '命令' },
  description: 'Runs a command.',
  capability: 'exec.shell',
  parameters: {
    type: 'object',
    properties: { argv: { type: 'array', items: { type: 'string' } } },
    required: ['argv'],
    additionalProperties: false,
  },
  input: shellInput,
  async call({ argv }: v.InferOutput<typeof shellInput>, { leave }) {
    await leave({ kind: 'command', argv, cwd: '/', folders: [], why: 'because' })
    ran.push(argv)
    return { data: {}, summary: 'ran' }
  },
}
