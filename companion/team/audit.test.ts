import { describe, expect, it } from 'vitest'
import { openDatabase } from '#companion/records/database.ts'
import { parseInput } from '#shared/errors/parse.ts'
import { auditQuerySchema } from '#shared/protocol/sharing.ts'
import { AuditLog, type AuditLine } from './audit.ts'

const all = (query: Record<string, string> = {}) => parseInput(auditQuerySchema, query)
const search: AuditLine = {
  device: 'phone',
  action: 'search',
  collectionIds: ['collection-1'],
  allowed: true,
}

function log(options: { maxLines?: number } = {}) {
  const clock = { now: 1_000_000 }
  const database = openDatabase(':memory:')
  const audit = new AuditLog({
    database,
    nameOf: (device) => (device === 'phone' ? 'Phone' : undefined),
    now: () => clock.now,
    ...options,
  })
  return { audit, clock, database }
}

describe('the audit log', () => {
  it('keeps who did what over whose data, and finds it again', () => {
    const { audit, clock } = log()
    audit.record({ ...search, count: 3, detail: 'When does the contract end?' })
    clock.now += 1000
    audit.record({ device: 'tablet', name: 'Tablet', action: 'open', collectionIds: ['collection-2'], allowed: false }) // prettier-ignore
    audit.record({
      action: 'grant',
      collectionIds: ['collection-1', 'collection-2'],
      allowed: true,
    })
    const { entries } = audit.list(all())
    expect(entries.map(({ action }) => action)).toEqual(['grant', 'open', 'search'])
    expect(entries[2]).toEqual({
      seq: 1,
      at: 1_000_000,
      deviceId: 'phone',
      deviceName: 'Phone',
      action: 'search',
      collectionIds: ['collection-1'],
      allowed: true,
      count: 3,
      detail: 'When does the contract end?',
    })
    expect(entries[0]).not.toHaveProperty('deviceId')
    const actions = (query: Record<string, string>) => audit.list(all(query)).entries.map(({ action }) => action) // prettier-ignore
    expect(actions({ device: 'phone' })).toEqual(['search'])
    expect(actions({ device: 'self' })).toEqual(['grant'])
    expect(actions({ collection: 'collection-2' })).toEqual(['grant', 'open'])
    expect(actions({ allowed: '0' })).toEqual(['open'])
    expect(actions({ action: 'search' })).toEqual(['search'])
    expect(actions({ until: '1001000' })).toEqual(['search'])
    expect(actions({ since: '1001000' })).toEqual(['grant', 'open'])
    expect(
      audit
        .devices()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['phone', 'self', 'tablet'])
  })

  it('gives pages that neither skip nor repeat, also while lines arrive', () => {
    const { audit } = log()
    for (let i = 0; i < 25; i++) audit.record({ ...search, device: `device-${i}` })
    const seen: number[] = []
    let before: number | undefined
    for (;;) {
      const page = audit.list(all({ limit: '10', ...(before === undefined ? {} : { before: String(before) }) })) // prettier-ignore
      seen.push(...page.entries.map(({ seq }) => seq))
      audit.record({ ...search, device: 'late' })
      if (page.next === undefined) break
      before = page.next
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => 25 - i))
  })

  it('only grows: a line cannot be changed', () => {
    const { audit, database } = log()
    audit.record(search)
    expect(() => database.exec("UPDATE audit SET device = 'somebody else'")).toThrow('only grows')
    expect(() => database.exec('UPDATE audit SET allowed = 0')).toThrow('only grows')
  })

  it('sums up what is refused in a row, and loses none of it', () => {
    const { audit, clock } = log()
    for (let i = 0; i < 1000; i++) audit.record({ ...search, allowed: false, detail: `try ${i}` })
    expect(audit.list(all()).entries).toHaveLength(5)
    clock.now += 61_000
    audit.record({ ...search, device: 'other' })
    const { entries } = audit.list(all({ device: 'phone' }))
    expect(entries).toHaveLength(6)
    expect(entries[0]).toMatchObject({ allowed: false, count: 995, detail: '× 995 · try 999' })
  })

  it('sums up blocks of a sync by the minute', () => {
    const { audit, clock } = log()
    const block: AuditLine = { ...search, action: 'sync', count: 1000 }
    for (let i = 0; i < 100; i++) audit.record(block)
    clock.now += 61_000
    for (let i = 0; i < 50; i++) audit.record(block)
    audit.close()
    expect(audit.list(all()).entries.map(({ count }) => count)).toEqual([
      49_000, 1000, 99_000, 1000,
    ])
  })

  it('stays within its size; who floods it pushes out its own lines only', () => {
    const { audit, clock } = log({ maxLines: 200 })
    for (let i = 0; i < 20; i++) audit.record({ ...search, device: 'quiet', allowed: false, collectionIds: [`c-${i}`] }) // prettier-ignore
    for (let i = 0; i < 3000; i++) {
      clock.now += 3000
      audit.record({ ...search, device: 'loud' })
    }
    const { entries } = audit.list(all({ limit: '500' }))
    expect(entries.length).toBeLessThanOrEqual(200)
    expect(entries.filter(({ deviceId }) => deviceId === 'quiet')).toHaveLength(20)
  })

  it('cuts what is long and takes what is odd', () => {
    const { audit } = log()
    audit.record({ ...search, detail: '字'.repeat(5000), name: 'n'.repeat(500), collectionIds: Array(500).fill('c') }) // prettier-ignore
    audit.record({ ...search, device: "'; DROP TABLE audit; --", detail: '\u0000\ud800' })
    const [odd, long] = audit.list(all()).entries
    expect(long?.detail).toHaveLength(200)
    expect(long?.deviceName).toHaveLength(60)
    expect(long?.collectionIds).toHaveLength(50)
    expect(odd?.deviceId).toContain('DROP TABLE')
  })
})
