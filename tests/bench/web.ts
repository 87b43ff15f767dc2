import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { chromium, type Page } from 'playwright'
import { makeHome, removeHome, startCompanionProcess } from '#tests/e2e/companion.ts'
import { launchOptions } from '#tests/e2e/browser.ts'

/** Gzipped JavaScript before the page settles, kB (1000 bytes). */
const goalKb = 90
const buildFolder = join(import.meta.dirname, '..', '..', 'build', 'web')

/** Chromium's own entry; the standard library does not describe it. */
interface LayoutShift {
  readonly value: number
  readonly hadRecentInput: boolean
  readonly sources: readonly { node: { nodeName: string; className?: string } | null }[]
}

/** What Chromium counted in one visit. */
interface Visit {
  /** Paths of the scripts that were requested. */
  readonly scripts: string[]
  /** Cumulative layout shift score; 0 is none. */
  readonly shift: number
  /** What moved, as tag and class. */
  readonly moved: string[]
  readonly firstPaintMs: number
}

/**
 * Opens the built app, served by the companion, in a fresh browser profile and adds up the gzip sizes of every
 * script requested until the page has been quiet for a second (later, lazily loaded parts do not count).
 */
export async function run({ quick }: { quick: boolean }) {
  const home = makeHome([])
  const companion = await startCompanionProcess(home)
  const browser = await chromium.launch(launchOptions)
  const visits: Visit[] = []
  const welcomes: Visit[] = []
  try {
    for (let visit = 0; visit < (quick ? 1 : 3); visit++) {
      // Blocked workers: the service worker fetches the same files a second time to store them.
      const context = await browser.newContext({
        serviceWorkers: 'block',
        viewport: { width: 1280, height: 800 },
      })
      const page = await context.newPage()
      // The first visit of all shows the welcome page; every later one the workbench.
      welcomes.push(await measure(page, companion.urlWithToken))
      const settings = { data: { onboarded: true }, headers: { origin: companion.url } }
      await page.request.patch(`${companion.url}/api/settings`, settings)
      const workbench = await context.newPage()
      visits.push(await measure(workbench, companion.url))
      await page.request.patch(`${companion.url}/api/settings`, {
        ...settings,
        data: { onboarded: false },
      })
      await context.close()
    }
  } finally {
    await browser.close()
    await companion.stop()
    removeHome(home)
  }
  const scripts = visits[0]!.scripts
  const bytes = scripts.reduce((sum, path) => sum + gzipSize(path), 0)
  const value = Math.round(bytes / 100) / 10
  const welcomeBytes = welcomes[0]!.scripts.reduce((sum, path) => sum + gzipSize(path), 0)
  const welcome = Math.round(welcomeBytes / 100) / 10
  const cls = Math.max(...[...visits, ...welcomes].map(({ shift }) => shift))
  console.log(`${scripts.length} scripts, ${value} kB gzipped, layout shift ${cls}`)
  for (const node of new Set([...visits, ...welcomes].flatMap(({ moved }) => moved)))
    console.log(`  moved: ${node}`)
  for (const path of scripts) console.log(`  ${(gzipSize(path) / 1000).toFixed(1)} kB  ${path}`)
  const moved = [...new Set(visits.flatMap((visit) => visit.moved))]
  if (moved.length > 0) console.log(`moved: ${moved.join(', ')}`)
  return {
    bench: 'web',
    value,
    goal: goalKb,
    ok: scripts.length > 0 && value <= goalKb && welcome <= goalKb && cls === 0,
    welcome,
    unit: 'kB gzipped JS for first paint',
    cls,
    firstPaintMs: Math.min(...visits.map(({ firstPaintMs }) => Math.round(firstPaintMs))),
    scripts: scripts.length,
  }
}

async function measure(page: Page, url: string): Promise<Visit> {
  const scripts = new Set<string>()
  page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    if (request.resourceType() === 'script' || pathname.endsWith('.js')) scripts.add(pathname)
  })
  await page.addInitScript(() => {
    const seen = { shift: 0, moved: [] as string[] }
    Object.assign(globalThis, { siloBench: seen })
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const shift = entry as PerformanceEntry & LayoutShift
        if (shift.hadRecentInput) continue
        seen.shift += shift.value
        for (const { node } of shift.sources)
          if (node) seen.moved.push(`${node.nodeName.toLowerCase()}.${node.className ?? ''}`)
      }
    }).observe({ type: 'layout-shift' as 'mark', buffered: true })
  })
  await page.goto(url, { waitUntil: 'load' })
  // The event stream stays open, so "no requests" never comes: quiet means no new script for a second.
  const limit = Date.now() + 20_000
  for (let before = -1; before !== scripts.size && Date.now() < limit;) {
    before = scripts.size
    await page.waitForTimeout(1000)
  }
  const counted = await page.evaluate(() => ({
    ...(globalThis as unknown as { siloBench: { shift: number; moved: string[] } }).siloBench,
    firstPaintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1,
  }))
  if (counted.firstPaintMs < 0) throw new Error('the page painted nothing')
  return { scripts: [...scripts].sort(), ...counted }
}

/** Level 9, as the build's own precompressed files. */
function gzipSize(path: string): number {
  return gzipSync(readFileSync(join(buildFolder, path)), { level: 9 }).length
}
