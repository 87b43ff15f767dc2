import { createHash } from 'node:crypto'
import { copyFile, readFile, readdir, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { composeSandbox, type SandboxParts } from '#companion/compose/sandbox.ts'
import { findMachine } from '#companion/sandbox/machine.ts'
import type { FileAccess, LeaveRequest, ToolContext } from '#shared/contracts/tool.ts'
import { newId } from '#shared/domain/ids.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { silent, World, snapshots } from '#tests/sandbox/world.ts'

const { bwrap } = await findMachine()
let world: World
let parts: SandboxParts
beforeAll(async () => {
  world = await World.open()
  parts = composeSandbox({ home: world.home, log: silent, snapshots })
})
afterAll(async () => {
  await parts[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const entryOf: FileAccess['stat'] = async (path) => {
  const { size, mtimeMs, birthtimeMs } = await stat(path)
  const times = { modifiedAt: mtimeMs, createdAt: birthtimeMs }
  return { path, name: basename(path), kind: 'file', size, ...times }
}

/** Every path is allowed; what is asked and printed is written down. */
function createContext(
  answer?: SiloError,
): ToolContext & { asked: LeaveRequest[]; printed: string[]; shown: string[] } {
  const asked: LeaveRequest[] = []
  const printed: string[] = []
  const shown: string[] = []
  return {
    asked,
    printed,
    shown,
    taskId: newId(),
    caller: 'self',
    language: 'en',
    signal: new AbortController().signal,
    files: {
      resolve: (path) => realpath(path),
      place: async (path) => ({ path, folder: false }),
      stat: entryOf,
      hash: async (path) => hashOf(await readFile(path)),
      copyTo: (path, target) => copyFile(path, target),
      list: async () => [],
      async *walk() {},
      read: (path) => readFile(path),
    },
    leave: async (request) => {
      asked.push(request)
      if (answer) throw answer
    },
    keep: async (content) => {
      const chunks: Uint8Array[] = []
      if (content instanceof Uint8Array) chunks.push(content)
      else for await (const chunk of content) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      return { sha256: hashOf(bytes), size: bytes.length }
    },
    progress() {},
    output: (_, text) => void printed.push(text),
    show: ({ key, kind, content }) =>
      void shown.push(`${key} ${kind} ${Buffer.from(content).toString()}`),
  }
}

const run = (code: string) => parts.pythonTool.call({ code, files: [], why: '' }, createContext())

describe('the tool python', () => {
  it('asks, runs on copies, shows what came of it, and proposes to keep it', async () => {
    const context = createContext()
    const path = join(world.folder, 'a.txt')
    const code =
      'print(len(open("a.txt").read()))\nopen("a.txt", "w").write("gone")\nopen("t.csv", "w").write("a,b\\n1,2\\n")\nNone'
    const input = v.parse(parts.pythonTool.input, { code, files: [path], save_to: world.folder })
    const result = await parts.pythonTool.call(input, context)
    expect(context.asked).toEqual([{ kind: 'python', code, files: [path], why: '' }])
    expect(result.data).toMatchObject({ ok: true, stdout: '6\n' })
    expect(result.artifacts?.map(({ key, kind }) => `${key} ${kind}`).toSorted()).toEqual([
      'a.txt code',
      't.csv csv',
    ])
    expect(result.plan?.changes).toContainEqual({
      id: expect.any(String),
      type: 'create',
      path: join(world.folder, 't.csv'),
      content: hashOf(Buffer.from('a,b\n1,2\n')),
      size: 8,
    })
    expect(context.printed.join('')).toBe('6\n')
    expect(await readFile(path, 'utf8')).toBe('alpha\n')
    expect(await readdir(join(world.home, 'sandbox', 'in'))).toEqual([])
    expect(await readdir(join(world.home, 'sandbox', 'python', 'left'))).toEqual([])
  })

  it('shows what it writes while it goes on, as often as can be looked at', async () => {
    const context = createContext()
    const code = `
import os, time
for n in range(3):
    with open('page.html', 'w') as page: page.write(f'<h1>{n}</h1>')
    time.sleep(0.75)
for n in range(200):
    with open('often.txt', 'w') as file: file.write('x')
    with open('often.txt') as file: file.read()
with open('.hidden.txt', 'w') as file: file.write('x')
with open('/tmp/outside.txt', 'w') as file: file.write('x')
with open('large.txt', 'w') as file: file.write('x' * 1_100_000)
gone = open('gone.txt', 'w')
gone.write('x')
os.remove('gone.txt')
gone.close()
with open('page.html', 'w') as page: page.write('<h1>end</h1>')
print('done')
`
    const call = parts.pythonTool.call({ code, files: [], why: '' }, context)
    // Seen before the program has ended.
    await expect.poll(() => context.shown, { timeout: 20_000 }).toContain('page.html html <h1>1</h1>') // prettier-ignore
    expect(context.printed).toEqual([])
    const result = await call
    expect(result.data).toMatchObject({ ok: true, stdout: 'done\n' })
    const pages = context.shown.filter((each) => each.startsWith('page.html'))
    expect(pages.slice(0, 3)).toEqual([0, 1, 2].map((n) => `page.html html <h1>${n}</h1>`))
    const others = context.shown.filter((each) => !each.startsWith('page.html'))
    expect([...new Set(others)]).toEqual(['often.txt code x'])
    expect(others.length).toBeLessThan(20)
    const page = result.artifacts?.find(({ key }) => key === 'page.html')
    expect(Buffer.from(page!.content).toString()).toBe('<h1>end</h1>')
  })

  it('gives a traceback to learn from, and says which package is missing', async () => {
    expect((await run('1 / 0')).data).toMatchObject({
      ok: false,
      stderr: expect.stringContaining('ZeroDivisionError'),
    })
    expect((await run('import numpy')).data).toMatchObject({
      ok: false,
      hint: expect.stringContaining('numpy is not on this computer'),
    })
  })

  it('runs nothing without leave, and stops at its limits with a registered error', async () => {
    for (const code of ['approval_denied', 'switch_off'] as const) {
      const context = createContext(new SiloError(code))
      const call = parts.pythonTool.call({ code: 'print(1)', files: [], why: '' }, context)
      await expect(call).rejects.toMatchObject({ code })
      expect(context.printed).toEqual([])
    }
    const input = { code: 'print("x" * 2_000_000)', files: [], why: '' }
    await expect(parts.pythonTool.call(input, createContext())).rejects.toMatchObject({
      code: 'sandbox_limit',
    })
  })
})

describe.skipIf(!bwrap)('the tool shell', () => {
  it('asks, works on copies, and proposes what it did', async () => {
    const context = createContext()
    const script = 'echo new > c.txt; mkdir old; mv a.txt old/; echo more >> bills/b.txt; echo ok'
    const argv = ['sh', '-c', script]
    const input = { argv, read: [], write: [world.folder], why: '' }
    const result = await parts.shellTool.call(input, context)
    const folders = [{ path: world.folder, write: true }]
    expect(context.asked).toEqual([{ kind: 'command', argv, cwd: world.folder, folders, why: '' }])
    expect(result.data).toMatchObject({ ok: true, stdout: 'ok\n' })
    const rows = result.plan?.changes.map((change) =>
      change.type === 'move' ? `move ${change.from} ${change.to}` : `${change.type} ${change.path}`,
    )
    expect(rows?.toSorted()).toEqual([
      `create ${world.folder}/c.txt`,
      `make-folder ${world.folder}/old`,
      `move ${world.folder}/a.txt ${world.folder}/old/a.txt`,
      `replace ${world.folder}/bills/b.txt`,
    ])
    expect((await readdir(world.folder)).toSorted()).toEqual(['a.txt', 'bills'])
    expect(await readFile(join(world.folder, 'bills', 'b.txt'), 'utf8')).toBe('beta\n')
    expect(await readdir(join(world.home, 'sandbox', 'shell'))).toEqual([])
  })

  it.each([
    [['rm', '-rf', 'a.txt']],
    [['find', '.', '-name', 'a.txt', '-delete']],
    [['mv', 'a.txt', '/tmp/']],
    [['sh', '-c', 'unlink a.txt']],
  ])('makes every wording of a removal a row to be judged: %j', async (argv) => {
    const input = { argv, read: [], write: [world.folder], why: '' }
    const result = await parts.shellTool.call(input, createContext())
    expect(result.plan?.changes).toMatchObject([
      { type: 'trash', path: join(world.folder, 'a.txt') },
    ])
    expect(await readFile(join(world.folder, 'a.txt'), 'utf8')).toBe('alpha\n')
  })

  it('runs nothing without leave', async () => {
    const context = createContext(new SiloError('switch_off'))
    const input = { argv: ['echo', 'x'], read: [], write: [], why: '' }
    await expect(parts.shellTool.call(input, context)).rejects.toMatchObject({ code: 'switch_off' })
    expect(context.printed).toEqual([])
  })
})
