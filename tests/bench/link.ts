import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright'
import { build, type Rolldown } from 'vite'
import { WebSocketServer } from 'ws'
import { launchOptions } from '#tests/e2e/browser.ts'
import { makeHome, removeHome, startCompanionProcess, type RunningCompanion } from '#tests/e2e/companion.ts' // prettier-ignore
import { startRelay } from '#tests/e2e/relay.ts'
import { newId } from '#shared/domain/ids.ts'
import type { LinkPage, RoadName } from './link-page.ts'

/** Tokens per second over a road of the link, as a part of those over loopback HTTP. */
const goal = 0.97
const reconnectGoalMs = 1000
const root = join(import.meta.dirname, '..', '..')
const roads = ['loopback', 'webrtc', 'websocket'] as const
const megabyte = 1024 * 1024

type Page$ = { linkPage: LinkPage }

/**
 * The app's own transports in Chromium against a real companion whose engine says words at a fixed high rate (the fake
 * engine, everything else is real: run log on disk, event stream, gateway). Roads take turns, so that what else the
 * machine does falls on all of them alike.
 */
export async function run({ quick }: { quick: boolean }) {
  const rounds = quick ? 5 : 7
  const bytes = (quick ? 16 : 64) * megabyte
  const script = await bundle()
  const home = mkdtempSync(join(tmpdir(), 'silo-link-bench-'))
  const fileHome = makeHome(['smollm2-135m'])
  const browser = await chromium.launch(launchOptions)
  const wire = await startWire()
  const companions: RunningCompanion[] = []
  try {
    const talker = await companionWith(home, 'tests/fakes/companion.ts', {
      SILO_FAKE_REPLY: Array.from({ length: quick ? 200 : 600 }, (_, index) => `word${index}`).join(' '), // prettier-ignore
      SILO_FAKE_DELAY: '4',
    })
    companions.push(talker.companion)
    const page = await openPage(browser, talker.companion, script)

    const rates: Record<RoadName, number[]> = { loopback: [], webrtc: [], websocket: [] }
    for (let round = 0; round < rounds; round++)
      for (const road of rotated(roads, round)) {
        const { perSecond } = await page.evaluate((road) => (globalThis as unknown as Page$).linkPage.tokens(road), road) // prettier-ignore
        rates[road].push(perSecond)
        console.log(`${road}: ${perSecond.toFixed(1)} words/s`)
      }
    // Each round is compared with its own neighbour, and the median of these is what counts.
    const ratio = (road: RoadName) => round3(median(rates[road].map((rate, index) => rate / rates.loopback[index]!))) // prettier-ignore

    const times: Record<RoadName, number[]> = { loopback: [], webrtc: [], websocket: [] }
    for (let round = 0; round < (quick ? 2 : 5); round++)
      for (const road of rotated(roads, round))
        times[road].push(
          ...(await page.evaluate((road) => (globalThis as unknown as Page$).linkPage.small(road, 60), road)), // prettier-ignore
        )

    type Reconnect = Awaited<ReturnType<typeof reconnect>>
    const reconnects: Record<'webrtc' | 'websocket', Reconnect[]> = { webrtc: [], websocket: [] }
    for (const road of ['websocket', 'webrtc'] as const)
      for (let round = 0; round < (quick ? 1 : 3); round++)
        reconnects[road].push(await reconnect(page, talker.linkPort, road))

    const files = await companionWith(fileHome, 'companion/main.ts', {})
    companions.push(files.companion)
    const filePage = await openPage(browser, files.companion, script)
    const transfer = await transfers(filePage, wire.url, bytes, quick ? 1 : 3)

    const value = Math.min(ratio('webrtc'), ratio('websocket'))
    const reconnectOf = (road: 'webrtc' | 'websocket') => ({
      ms: Math.round(median(reconnects[road].map(({ ms }) => ms))),
      // What the browser takes to see a cable that was pulled; a network change or waking up is seen at once.
      noticedMs: Math.round(median(reconnects[road].map(({ noticedMs }) => noticedMs))),
    })
    const reconnectMs = Math.max(reconnectOf('webrtc').ms, reconnectOf('websocket').ms)
    const small = (road: RoadName) => ({ p50: round1(percentile(times[road], 0.5)), p95: round1(percentile(times[road], 0.95)) }) // prettier-ignore
    return {
      bench: 'link',
      value,
      goal,
      ok: value >= goal && reconnectMs <= reconnectGoalMs,
      unit: 'tok/s seen in the browser against loopback HTTP (fake engine)',
      webrtc: ratio('webrtc'),
      websocket: ratio('websocket'),
      wordsPerSecond: Object.fromEntries(roads.map((road) => [road, round1(median(rates[road]))])),
      smallRequestMs: Object.fromEntries(roads.map((road) => [road, small(road)])),
      transfer,
      reconnectMs,
      reconnectGoalMs,
      reconnects: { webrtc: reconnectOf('webrtc'), websocket: reconnectOf('websocket') },
    }
  } finally {
    await browser.close()
    for (const companion of companions) await companion.stop()
    await wire.close()
    rmSync(home, { recursive: true, force: true })
    removeHome(fileHome)
  }
}

async function companionWith(home: string, entry: string, env: Record<string, string>) {
  const linkPort = await freePort()
  const companion = await startCompanionProcess(home, { SILO_LINK_PORT: String(linkPort), ...env }, entry) // prettier-ignore
  return { companion, linkPort }
}

/** A page of the companion, signed in, paired with it too, with every road open. */
async function openPage(
  browser: Awaited<ReturnType<typeof chromium.launch>>,
  companion: RunningCompanion,
  script: string,
): Promise<Page> {
  const context = await browser.newContext({ bypassCSP: true, serviceWorkers: 'block' })
  const page = await context.newPage()
  await page.goto(companion.urlWithToken)
  // A page of the origin without the app: only what is measured runs.
  await page.goto(`${companion.url}/healthz`)
  await page.addScriptTag({ content: script, type: 'module' })
  await page.waitForFunction(() => 'linkPage' in globalThis)
  const token = new URL(companion.urlWithToken).searchParams.get('token')
  const response = await fetch(`${companion.url}/api/pairings`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id: newId(), role: 'owner' }),
  })
  const { link } = (await response.json()) as { link: string }
  await page.evaluate((link) => (globalThis as unknown as Page$).linkPage.open(link), link)
  return page
}

/** Cuts the road in the middle of an answer; the companion itself stays where it is. */
async function reconnect(
  page: Page,
  linkPort: number,
  road: 'webrtc' | 'websocket',
): Promise<{ noticedMs: number; ms: number }> {
  const relay = await startRelay(linkPort)
  try {
    await page.evaluate(() => (document.title = ''))
    const resumed = page.evaluate(
      ([road, port]) => (globalThis as unknown as Page$).linkPage.resume(road, port),
      [road, relay.port] as const,
    )
    await page.waitForFunction(() => document.title === 'cut')
    const cutAt = Date.now()
    relay.cut()
    const { lostAt, ms } = await resumed
    const noticedMs = lostAt - cutAt
    console.log(`${road}: lost after ${noticedMs} ms, resumed ${ms.toFixed(0)} ms later`)
    return { noticedMs, ms }
  } finally {
    await relay.close()
  }
}

/** MB/s each way, by turns. */
async function transfers(page: Page, wireUrl: string, bytes: number, rounds: number) {
  const collection = newId()
  await page.evaluate((id) => (globalThis as unknown as Page$).linkPage.json('loopback', 'POST', '/api/collections', { id, name: 'Bench' }), collection) // prettier-ignore
  const path = await page.evaluate(async () => {
    const { models } = (await (globalThis as unknown as Page$).linkPage.json('loopback', 'GET', '/api/page-models')) as { models: { id: string; files: { name: string; size: number }[] }[] } // prettier-ignore
    const model = models.find(({ id }) => id === 'smollm2-135m') ?? models[0]!
    return `/api/page-models/${model.id}/files/${model.files[0]!.name}`
  })
  const found: Record<string, { down: number[]; up: number[] }> = {}
  for (let round = 0; round < rounds; round++)
    for (const name of rotated(['ws', ...roads] as const, round)) {
      const of = (found[name] ??= { down: [], up: [] })
      for (const direction of ['down', 'up'] as const) {
        const rate = await page.evaluate(
          ([name, direction, path, collection, url, bytes]) => {
            const page = (globalThis as unknown as Page$).linkPage
            if (name === 'ws') return page.socket(url, direction, bytes)
            return direction === 'down'
              ? page.download(name, path, bytes)
              : page.upload(name, collection, bytes)
          },
          [name, direction, path, collection, wireUrl, bytes] as const,
        )
        of[direction].push(rate)
        console.log(`${name} ${direction}: ${rate.toFixed(0)} MB/s`)
      }
    }
  return {
    megabytes: bytes / megabyte,
    unit: 'MB/s',
    ...Object.fromEntries(
      Object.entries(found).map(([name, { down, up }]) => [
        name,
        { down: round1(median(down)), up: round1(median(up)) },
      ]),
    ),
  }
}

/** A bare WebSocket server: `/down` sends as many bytes as are asked for, `/up` answers when they have come. */
async function startWire(): Promise<{ url: string; close(): Promise<void> }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  server.on('connection', (socket, request) => {
    const url = new URL(request.url ?? '/', 'ws://wire')
    const bytes = Number(url.searchParams.get('bytes'))
    let got = 0
    socket.on('message', (data: Buffer) => {
      if (url.pathname === '/up') {
        got += data.length
        if (got >= bytes) socket.send('done')
        return
      }
      const piece = Buffer.alloc(64 * 1024)
      const send = (left: number): void => {
        if (left > 0) socket.send(piece, () => send(left - piece.length))
      }
      send(bytes)
    })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** The page's part as one script, built as the app is. */
async function bundle(): Promise<string> {
  const result = (await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2024',
      rollupOptions: {
        input: join(import.meta.dirname, 'link-page.ts'),
        output: { codeSplitting: false, format: 'es' },
      },
    },
  })) as Rolldown.RolldownOutput | Rolldown.RolldownOutput[]
  const [output] = [result].flat()
  return output!.output.find((part) => part.type === 'chunk')!.code
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
}

const median = (values: readonly number[]): number => percentile(values, 0.5)
const round1 = (value: number): number => Math.round(value * 10) / 10
const round3 = (value: number): number => Math.round(value * 1000) / 1000
