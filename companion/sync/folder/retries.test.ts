import { expect, test } from 'vitest'
import { fileType } from '#companion/sync/bep-peer.ts'
import type { Need, Needs } from './needs.ts'
import { Retries } from './retries.ts'

function need(name: string, at: { device?: number; sequence?: number; devices?: number[] } = {}) {
  const { device = 1, sequence = 7, devices = [device] } = at
  const best = {
    name,
    device,
    sequence,
    deleted: false,
    invalid: false,
    ignored: false,
    changedHere: false,
    version: [{ id: 1n, value: 1n }],
    type: fileType.file,
    size: 1,
    modifiedS: 0,
    modifiedNs: 0,
    stat: '',
  }
  return { name, best, devices, since: 0 } satisfies Need
}

function needsOf(...all: Need[]): Needs {
  const byName = new Map(all.map((one) => [one.name, one]))
  return { get: (name: string) => byName.get(name) } as unknown as Needs
}

test('what became due while a round was going on is not forgotten', () => {
  const retries = new Retries()
  const one = need('a')
  const { delay } = retries.add(one, false)
  const due = Date.now() + delay
  // The round began before it was due, and ended long after.
  expect(retries.isWaiting(one, due - 100)).toBe(true)
  expect(retries.next(needsOf(one), due - 100, due + 5000)).toBe(0)
  // A round that began later tried it.
  expect(retries.next(needsOf(one), due + 100, due + 5000)).toBeUndefined()
})

test('what no connected device has waits for one that has it, and no longer', () => {
  const retries = new Retries()
  retries.add(need('a'), true)
  const later = Date.now() + 1e9
  expect(retries.isWaiting(need('a'), later)).toBe(true)
  // The same version, told by another device as well: the best row is still that of the first.
  expect(retries.isWaiting(need('a', { devices: [1, 2] }), later)).toBe(false)
  // Another device's numbers say nothing of the first's.
  expect(retries.isWaiting(need('a', { device: 2 }), later)).toBe(false)
  expect(retries.isWaiting(need('a', { sequence: 8 }), later)).toBe(false)
})

test('a wait for a device that was just asked is no attempt', () => {
  const retries = new Retries()
  expect(retries.add(need('a'), false).attempts).toBe(1)
  retries.postpone(need('a'), 2000)
  expect(retries.isWaiting(need('a'), Date.now() + 1900)).toBe(true)
  expect(retries.isWaiting(need('a'), Date.now() + 2100)).toBe(false)
  expect(retries.add(need('a'), false).attempts).toBe(2)
})

test('what changed lets go on what is in it, and the directory it is in', () => {
  const retries = new Retries()
  for (const name of ['d', 'd/e', 'd/e/f', 'other']) retries.add(need(name), true)
  retries.done(['d/e'])
  const waiting = (name: string) => retries.isWaiting(need(name), 0)
  expect(['d', 'd/e', 'd/e/f', 'other'].map(waiting)).toEqual([false, false, false, true])
})
