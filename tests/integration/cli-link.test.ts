import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { decodeInvitation } from '#shared/protocol/pairing.ts'
import { LinkDevice } from './link-device.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'

const launcher = fileURLToPath(new URL('../../companion/setup/silo.mjs', import.meta.url))
let harness: LinkHarness
let devices: LinkDevice[] = []
let children: ChildProcess[] = []
beforeEach(async () => {
  harness = await startLinkHarness()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const device of devices.splice(0)) await device.close()
  await harness.close()
})

async function device(): Promise<LinkDevice> {
  const made = await LinkDevice.create()
  devices.push(made)
  return made
}

interface Running {
  readonly child: ChildProcess
  readonly done: Promise<number | null>
  stdout(): string
  stderr(): string
}

function silo(args: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, SILO_HOME: harness.home, SILO_PORT: '1', LC_ALL: 'C.UTF-8', TZ: 'UTC', ...env }, // prettier-ignore
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  children.push(child)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const done = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, done, stdout: () => stdout, stderr: () => stderr }
}

const linkIn = (running: Running): Promise<string> =>
  vi.waitFor(
    () => {
      const link = /^http\S+\/pair#\S+$/m.exec(running.stdout())?.[0]
      expect(link).toBeDefined()
      return link!
    },
    { timeout: 20_000 },
  )

test('`silo pair` lets a device in by its link', async () => {
  const running = silo(['pair', '--role', 'member'], { LC_ALL: 'zh_CN.UTF-8' })
  const phone = await device()
  expect(await phone.pair(await linkIn(running), { name: '手机' })).toMatchObject({ type: 'paired' }) // prettier-ignore
  expect(await running.done).toBe(0)
  expect(running.stdout()).toContain('silo lan on')
  expect(running.stdout()).toContain('已与“手机”配对（成员）。')

  const list = silo(['devices'])
  expect(await list.done).toBe(0)
  expect(list.stdout()).toMatch(new RegExp(`^手机 +…${phone.id.slice(-8)}  member  `))
})

test('asks a person to compare the codes', async () => {
  for (const [answer, code, end] of [
    ['y', 0, 'paired'],
    ['n', null, 'refused'],
  ] as const) {
    const running = silo(['pair'])
    const { addresses } = decodeInvitation(await linkIn(running))
    const laptop = await device()
    const shown = Promise.withResolvers<string>()
    const reply = laptop.pairByCode(addresses, shown.resolve)
    const six = await shown.promise
    await vi.waitFor(
      () => expect(running.stderr()).toContain(`Does it show ${six.slice(0, 3)} ${six.slice(3)}?`),
      { timeout: 10_000 },
    )
    running.child.stdin!.write(`${answer}\n`)
    expect(await reply).toMatchObject({ type: end })
    if (code === 0) expect(await running.done).toBe(0)
    else running.child.kill('SIGKILL')
  }
})

test('Ctrl-C withdraws the invitation', async () => {
  const running = silo(['pair'])
  const link = await linkIn(running)
  running.child.kill('SIGINT')
  expect(await running.done).toBe(130)
  const late = await device()
  expect(await late.pair(link)).toMatchObject({ type: 'refused' })
})

test('lists, renames, changes and revokes devices', async () => {
  const none = silo(['devices'])
  expect(await none.done).toBe(0)
  expect(none.stdout()).toContain('silo pair')
  const phone = await device()
  await phone.pair((await harness.invite('guest')).link, { name: 'Phone' })
  const end = phone.id.slice(-8)

  const rename = silo(['devices', 'rename', end, 'Pixel'])
  expect(await rename.done).toBe(0)
  const role = silo(['devices', 'role', 'Pixel', 'owner', '--json'])
  expect(await role.done).toBe(0)
  expect(JSON.parse(role.stdout())).toMatchObject({ device: { name: 'Pixel', role: 'owner' } })
  const king = silo(['devices', 'role', 'Pixel', 'king'])
  expect(await king.done).toBe(1)
  expect(king.stderr()).toContain('owner, member or guest')
  const revoke = silo(['devices', 'revoke', 'Pixel'])
  expect(await revoke.done).toBe(0)
  const again = silo(['devices', 'revoke', 'Pixel'], { LC_ALL: 'zh_CN.UTF-8' })
  expect(await again.done).toBe(1)
  expect(again.stderr()).toContain('没有这台设备')
})
