import { afterEach, expect, test } from 'vitest'
import { ScanQueue } from './scan-queue.ts'
import type { ScanReport } from './scanner.ts'

const nothing: ScanReport = { changed: 0, again: [], folders: [], temporaries: [] }
let queue: ScanQueue
let scanned: (readonly string[] | undefined)[] = []
let isBusy = false

function open(): void {
  scanned = []
  isBusy = false
  const scanner = { scan: async (paths?: readonly string[]) => (scanned.push(paths), nothing) }
  queue = new ScanQueue({
    scanner: scanner as never,
    prepare: async () => {},
    done: async () => {},
    failed: () => {},
    isBusy: () => isBusy,
  })
  queue.open()
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
afterEach(() => queue.close(new Error('over')))

test('what was seen is looked at at once, and together when sync has written', async () => {
  open()
  queue.soon(['a'])
  await pause(20)
  expect(scanned).toEqual([['a']])
  isBusy = true
  queue.soon(['b'])
  queue.soon(['c', 'b'])
  await pause(250)
  expect(scanned).toHaveLength(1)
  expect(queue.idle).toBe(false)
  isBusy = false
  await expect.poll(() => scanned).toEqual([['a'], ['b', 'c']])
  await expect.poll(() => queue.idle).toBe(true)
})

test('it waits no longer than for what a person asks, and not without end', async () => {
  open()
  isBusy = true
  queue.soon(['seen'])
  await queue.scan(['asked'])
  expect(scanned).toEqual([['seen', 'asked']])
  queue.soon(['later'])
  await expect.poll(() => scanned.at(-1), { timeout: 5000 }).toEqual(['later'])
})

test('whoever waits is let go when it is closed', async () => {
  open()
  isBusy = true
  queue.soon(['seen'])
  await queue.close(new Error('paused'))
  await pause(250)
  expect(scanned).toEqual([])
  expect(queue.idle).toBe(true)
})
