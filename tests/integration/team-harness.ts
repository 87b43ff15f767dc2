import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { Overrides } from '#companion/compose.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import type { Grant } from '#shared/domain/sharing.ts'
import type { Loose } from './gateway-harness.ts'
import { startLinkHarness, type LinkHarness } from './link-harness.ts'

export interface TeamMember extends LinkHarness {
  readonly name: string
  readonly id: string
}

const bytes = 'GGUF'
const models = catalogue
  .filter(({ id }) => id === 'smollm2-135m' || id === 'multilingual-e5-small')
  .map((entry) => ({
    ...entry,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }))
const pace = { firstWaitMs: 50, longestWaitMs: 400, pingMs: 500 }
const limit = { timeout: 15_000, interval: 40 }

/** A whole companion with the fake engine and the models it stands for, known by this name. */
export async function startMember(
  name: string,
  options: { home?: string; linkPort?: number; overrides?: Overrides } = {},
): Promise<TeamMember> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'silo-team-'))
  mkdirSync(join(home, 'models'), { recursive: true })
  for (const { id } of models) writeFileSync(join(home, 'models', `${id}.gguf`), bytes)
  const harness = await startLinkHarness({
    ...options,
    home,
    overrides: {
      catalogue: models,
      ...options.overrides,
      link: { name, standing: pace, ...options.overrides?.link },
    },
  })
  const { companion } = (await harness.api('/api/link')).body
  return { ...harness, name, id: companion.id }
}

/** `joiner` joins `host`, which takes it as `asJoiner`; the joiner takes the host as `asHost`. */
export async function pairMembers(
  host: TeamMember,
  joiner: TeamMember,
  [asJoiner, asHost]: [Role, Role] = ['guest', 'guest'],
): Promise<void> {
  const { link } = await host.invite(asJoiner)
  const id = newId()
  const body = { id, role: asHost, target: { by: 'link', link } }
  await joiner.api('/api/joins', { method: 'POST', body })
  await vi.waitFor(async () => {
    expect((await joiner.api(`/api/joins/${id}`)).body.join).toMatchObject({ state: 'joined' })
  }, limit)
  await online(host, joiner)
  await online(joiner, host)
}

/** Waits until `at` sees `other`, or no longer. */
export async function online(at: TeamMember, other: TeamMember, there = true): Promise<void> {
  await vi.waitFor(async () => {
    const { companions } = (await at.api('/api/team')).body
    const found = companions.find(({ id }: Loose) => id === other.id)
    expect(found?.state === 'connected', `${at.name} sees ${other.name}`).toBe(there)
  }, limit)
}

export async function collectionsOf(at: TeamMember): Promise<Loose[]> {
  return (await at.api('/api/collections')).body.collections
}

/** Waits for a collection at a companion to be as expected. */
export function collectionAt(at: TeamMember, id: string, wanted: object = {}): Promise<Loose> {
  return vi.waitFor(async () => {
    const found = (await collectionsOf(at)).find((each) => each.id === id)
    expect(found, `${id} at ${at.name}`).toBeDefined()
    expect(found).toMatchObject(wanted)
    return found!
  }, limit)
}

export function noCollectionAt(at: TeamMember, id: string): Promise<void> {
  return vi.waitFor(async () => {
    expect((await collectionsOf(at)).map((each) => each.id)).not.toContain(id)
  }, limit)
}

/** A collection of `at`, shared by these grants and nobody else. */
export async function makeCollection(
  at: TeamMember,
  name: string,
  grants: readonly Grant[],
): Promise<string> {
  // prettier-ignore
  const id = newId()
  expect((await at.api('/api/collections', { method: 'POST', body: { id, name } })).status).toBe(
    200,
  )
  await share(at, id, grants)
  return id
}

export async function share(at: TeamMember, id: string, grants: readonly Grant[]): Promise<void> {
  const { sharing } = (await at.api(`/api/collections/${id}/sharing`)).body
  const body = { version: sharing.version, grants }
  const changed = await at.api(`/api/collections/${id}/sharing`, { method: 'PUT', body })
  expect(changed.status, JSON.stringify(changed.body)).toBe(200)
}

export async function search(at: TeamMember, query: string, more: object = {}): Promise<Loose> {
  const answer = await at.api('/api/search', { method: 'POST', body: { query, ...more } })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return answer.body
}

export async function auditOf(at: TeamMember, query = ''): Promise<Loose[]> {
  return (await at.api(`/api/audit${query}`)).body.entries
}

export const to = (
  { id }: { id: string },
  level: Grant['level'] = 'read',
  copy = false,
): Grant => ({ subject: { kind: 'device', id }, level, copy })

/** Reads a folder or file into a collection and waits for the end. */
export async function ingest(at: TeamMember, collectionId: string, path: string): Promise<void> {
  const id = newId()
  const started = await at.api('/api/runs', {
    method: 'POST',
    body: { kind: 'ingest', id, collectionId, paths: [path] },
  })
  expect(started.status, JSON.stringify(started.body)).toBe(202)
  await vi.waitFor(async () => {
    const { runs } = (await at.api('/api/runs')).body
    const run = runs.find((each: Loose) => each.id === id)
    expect(run).toMatchObject({ outcome: 'done' })
  }, 60_000)
}
