import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMoveFilesTool } from '#companion/tools/files/move-files.ts'
import type { LeaveRequest } from '#shared/contracts/tool.ts'
import { newId } from '#shared/domain/ids.ts'
import { codeOf, PolicyWorld } from '#tests/tools/policy.ts'

const { signal } = new AbortController()
let world: PolicyWorld
let folder: string
beforeEach(() => {
  world = new PolicyWorld()
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'silo-leave-')))
  mkdirSync(join(folder, 'sub'))
  writeFileSync(join(folder, 'sub', 'a.txt'), 'alpha')
})
afterEach(() => {
  vi.useRealTimers()
  world.close()
  rmSync(folder, { recursive: true, force: true })
})

const path = () => join(folder, 'sub', 'a.txt')
const read = () => world.files().read(path(), { limit: 10 }, signal)
const deny = { decision: 'deny' } as const
const approve = (scope?: 'once' | 'task' | 'always') => ({ decision: 'approve', ...(scope ? { scope } : {}) }) as const // prettier-ignore
const command = (...argv: string[]): LeaveRequest => ({ kind: 'command', argv, cwd: folder, folders: [{ path: folder, write: true }], why: '' }) // prettier-ignore
const python = (code: string): LeaveRequest => ({ kind: 'python', code, files: [], why: '' })
const asked = (): number => world.asked.length

describe('grants', () => {
  it('of one task end with it', async () => {
    world.answers.push(approve('task'))
    await read()
    await read()
    expect(asked()).toBe(1)
    expect(world.policy.grants()).toEqual([])
    world.policy.endTask(world.taskId)
    world.answers.push(deny)
    expect(await codeOf(read())).toBe('approval_denied')
  })

  it('of another task are none', async () => {
    world.answers.push(approve('task'), deny)
    await read()
    world.taskId = newId()
    expect(await codeOf(read())).toBe('approval_denied')
    expect(asked()).toBe(2)
  })

  it('for always hold in every task, also after a restart, until they are taken back', async () => {
    world.answers.push(approve('always'))
    await read()
    world.policy.endTask(world.taskId)
    world.taskId = newId()
    await read()
    expect(asked()).toBe(1)
    const [grant] = world.restarted().grants()
    expect(grant).toMatchObject({ capability: 'files.read', resource: join(folder, 'sub'), givenBy: 'self' }) // prettier-ignore
    world.policy.removeGrant(grant!.id)
    world.answers.push(deny)
    expect(await codeOf(read())).toBe('approval_denied')
  })

  it('hold below their folder, not above and not beside it', async () => {
    await world.policy.grant({ id: newId(), capability: 'files.read', resource: join(folder, 'sub') }, 'self') // prettier-ignore
    await read()
    for (const place of [folder, `${folder}/subject`, `${folder}/su`]) {
      mkdirSync(place, { recursive: true })
      world.answers.push(deny)
      expect(await codeOf(world.files().list(place, signal)), place).toBe('approval_denied')
    }
  })

  it('to read are no grants to write', async () => {
    await world.policy.grant({ id: newId(), capability: 'files.read', resource: folder }, 'self')
    world.answers.push(deny)
    expect(await codeOf(world.files().resolve(path(), 'write', signal))).toBe('approval_denied')
  })

  it('cannot be given for what is refused', async () => {
    for (const resource of ['/etc', world.home, join(folder, '.env')])
      expect(await codeOf(world.policy.grant({ id: newId(), capability: 'files.read', resource }, 'self'))).toBe('path_refused') // prettier-ignore
    expect(world.policy.grants()).toEqual([])
  })
})

describe('the switches', () => {
  it.each([
    ['exec', command('ls')],
    ['web', { kind: 'send', host: 'example.org', content: 'x', why: '' }],
    ['web', { kind: 'grant', capability: 'net.search', resource: '', why: '' }],
  ] as const)('%s: off at first, on for its time, off at every start', async (name, request) => {
    expect(await codeOf(world.leave(request))).toBe('switch_off')
    expect(asked()).toBe(0)

    vi.useFakeTimers({ toFake: ['Date'] })
    world.policy.setSwitch(name, true, 10, 'self')
    world.answers.push(approve('once'))
    expect(await codeOf(world.leave(request))).toBeUndefined()
    vi.setSystemTime(Date.now() + 9 * 60_000)
    expect(world.policy.switches().find((each) => each.name === name)?.on).toBe(true)
    // The companion is another process after a restart: whoever was there may be gone.
    expect(world.restarted().switches().every(({ on }) => !on)).toBe(true) // prettier-ignore
    vi.setSystemTime(Date.now() + 60_001)
    expect(await codeOf(world.leave(request))).toBe('switch_off')
    expect(asked()).toBe(1)
  })

  it('each opens only itself, and neither stands in for leave', async () => {
    world.policy.setSwitch('web', true, 10, 'self')
    expect(await codeOf(world.leave(command('ls')))).toBe('switch_off')
    world.answers.push(deny)
    expect(await codeOf(world.leave({ kind: 'send', host: 'example.org', content: 'x', why: '' }))).toBe('approval_denied') // prettier-ignore
    world.policy.setSwitch('web', false, 0, 'self')
    expect(await codeOf(world.leave({ kind: 'send', host: 'example.org', content: 'x', why: '' }))).toBe('switch_off') // prettier-ignore
  })
})

describe('a refusal in other words', () => {
  const wordings: LeaveRequest[] = [
    command('rm', '-r', 'sub'),
    command('rmdir', 'sub'),
    command('sh', '-c', 'rm -r sub'),
    command('find', 'sub', '-delete'),
    command('mv', 'sub', '/dev/null'),
    command('env', 'rm', '-r', 'sub'),
    python('import shutil; shutil.rmtree("sub")'),
    python('import os; os.remove("sub/a.txt")'),
  ]

  it('is asked anew each time, and no answer speaks for another wording', async () => {
    world.policy.setSwitch('exec', true, 10, 'self')
    for (const [at, request] of wordings.entries()) {
      world.answers.push(deny)
      expect(await codeOf(world.leave(request))).toBe('approval_denied')
      expect(asked()).toBe(at + 1)
    }
  })

  it.each(['task', 'always'] as const)('is not covered by leave for another program (%s)', async (scope) => {
    world.policy.setSwitch('exec', true, 10, 'self')
    world.answers.push(approve(scope), approve(scope))
    await world.leave(command('ls', 'sub'))
    await world.leave(python('print(1)'))
    for (const request of wordings) {
      world.answers.push(deny)
      expect(await codeOf(world.leave(request))).toBe('approval_denied')
    }
    // The same program may run again in the task that it was allowed for; never for ever.
    if (scope === 'always') world.answers.push(deny)
    expect(await codeOf(world.leave(command('ls', 'sub')))).toBe(scope === 'task' ? undefined : 'approval_denied') // prettier-ignore
    expect(world.policy.grants()).toEqual([])
  }) // prettier-ignore

  it('as a move to nowhere is refused by the place', async () => {
    world.allow(folder)
    const { call, input } = createMoveFilesTool()
    void input
    for (const to of ['/dev/null', '/proc/1/fd', join(world.home, 'agent', 'trash')]) {
      const context = { files: world.files(), signal, language: 'en' } as never
      expect(await codeOf(call({ moves: [{ from: path(), to }] }, context)), to).toBe('path_refused') // prettier-ignore
    }
  })
})

describe('when the model has read what strangers wrote', () => {
  beforeEach(async () => {
    await world.policy.grant({ id: newId(), capability: 'files.read', resource: folder }, 'self')
    await world.policy.grant({ id: newId(), capability: 'net.fetch', resource: 'example.org' }, 'self') // prettier-ignore
    await world.policy.grant({ id: newId(), capability: 'mcp.call', resource: 'mail/send' }, 'self')
    world.policy.setSwitch('web', true, 10, 'self')
  })
  const requests: LeaveRequest[] = [
    { kind: 'send', host: 'example.org', content: 'x', why: '' },
    { kind: 'grant', capability: 'mcp.call', resource: 'mail/send', why: '' },
  ]

  it('what was granted for ever is asked anew, and says why', async () => {
    await read()
    for (const request of requests) await world.leave(request)
    expect(asked()).toBe(0)
    world.tainted = true
    world.answers.push(deny, deny, deny)
    expect(await codeOf(read())).toBe('approval_denied')
    for (const request of requests)
      expect(await codeOf(world.leave(request))).toBe('approval_denied')
    expect(world.asked.map((body) => 'tainted' in body && body.tainted)).toEqual([true, true, true])
  })

  it('what the person named goes on', async () => {
    world.tainted = true
    world.named.push(path())
    await read()
    expect(asked()).toBe(0)
  })

  it('leave given after that holds for the task', async () => {
    world.tainted = true
    world.answers.push(approve('task'))
    await read()
    await read()
    expect(asked()).toBe(1)
  })

  it('every program and every sending is asked for, however often', async () => {
    world.policy.setSwitch('exec', true, 10, 'self')
    world.tainted = true
    const again = [command('ls'), python('print(1)'), requests[0]!]
    for (const request of [...again, ...again]) {
      world.answers.push(approve('task'))
      await world.leave(request)
    }
    expect(asked()).toBe(6)
  })
})
