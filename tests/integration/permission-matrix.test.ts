import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '#shared/domain/device.ts'
import { newId } from '#shared/domain/ids.ts'
import { accessLevels, type AccessLevel, type Grant, type Subject } from '#shared/domain/sharing.ts'
import type { Loose } from './gateway-harness.ts'
import { roads, startPermissionWorld, type MatrixRoad, type PermissionWorld, type WorldDevice } from './permission-world.ts' // prettier-ignore

/**
 * Every role × every grant × every operation × every road. The combinations are generated; what each is to answer is
 * read from two tables written by hand: what a device has, and what each operation says to it.
 */

/** What a device is given in a case. */
interface Given {
  readonly name: string
  readonly subject?: Subject['kind']
  readonly level?: AccessLevel
  readonly copy?: boolean
}
const givens: readonly Given[] = [
  { name: 'nothing' },
  ...(['device', 'group', 'members'] as const).flatMap((subject) =>
    accessLevels.flatMap((level) =>
      [false, true].map((copy) => ({
        name: `${level}${copy ? ' with a copy' : ''} by ${subject}`,
        subject,
        level,
        copy,
      })),
    ),
  ),
]

type Column = 'nothing' | AccessLevel
/** By hand: which grants count for which role. Owners have all; `members` is no guest. */
function columnOf(role: Role, { subject, level }: Given): Column {
  switch (`${role} ${subject ?? 'nothing'}`) {
    case 'member device':
    case 'member group':
    case 'member members':
    case 'guest device':
    case 'guest group':
      return level!
    case 'owner nothing':
    case 'owner device':
    case 'owner group':
    case 'owner members':
      return 'admin'
    default:
      return 'nothing'
  }
}
const hasCopy = (role: Role, given: Given): boolean =>
  role === 'owner' || (given.copy === true && columnOf(role, given) !== 'nothing')

/** By hand: what is answered to who has nothing, read, write, share, admin. */
// prettier-ignore
const answers: Record<string, readonly [nothing: unknown, read: unknown, write: unknown, share: unknown, admin: unknown]> = {
  'is listed':               [false, true, true, true, true],
  'list its documents':      [404, 200, 200, 200, 200],
  'list its problems':       [404, 200, 200, 200, 200],
  'open a document':         [404, 200, 200, 200, 200],
  'search it':               [404, 200, 200, 200, 200],
  'search all finds it':     [false, true, true, true, true],
  'search it and another':   [404, 404, 404, 404, 404],
  'see it being read':       [false, true, true, true, true],
  'follow its reading':      [404, 200, 200, 200, 200],
  'bind a conversation':     [404, 200, 200, 200, 200],
  'rebind a conversation':   [404, 200, 200, 200, 200],
  'see where it lies':       [false, false, true, true, true],
  'announce a file':         [404, 403, 201, 201, 201],
  'read it again':           [404, 403, 202, 202, 202],
  'see who has it':          [404, 403, 403, 200, 200],
  'give another reading':    [404, 403, 403, 200, 200],
  'make another its administrator': [404, 403, 403, 403, 200],
  'take from another':       [404, 403, 403, 403, 200],
  'rename it':               [404, 403, 403, 403, 200],
  'delete it':               [404, 403, 403, 403, 204],
}
const columns: readonly Column[] = ['nothing', 'read', 'write', 'share', 'admin']

/** By hand: what only roles decide. */
const byRole: Record<string, Record<Role, number>> = {
  'GET /api/audit': { owner: 200, member: 403, guest: 403 },
  'GET /api/groups': { owner: 200, member: 403, guest: 403 },
  'GET /api/folders': { owner: 200, member: 403, guest: 403 },
  'GET /api/devices': { owner: 200, member: 403, guest: 403 },
}

const other: Grant = {
  subject: { kind: 'device', id: `12D3KooW${'Z'.repeat(44)}` },
  level: 'read',
  copy: false,
}
const contract = 'The contract with Borealis ends on the last day of March.'

let world: PermissionWorld
let subjectId: string
let hiddenId: string
let documentId: string
let readingRun: string
const groupId = newId()

beforeAll(async () => {
  world = await startPermissionWorld()
  hiddenId = await world.collection('Hidden')
  await world.addDocument(hiddenId, 'hidden.md', 'Nobody is told of the contract of Hidden.')
  subjectId = await world.collection('Contracts')
  documentId = await world.addDocument(subjectId, 'borealis.md', contract)
  const { runs } = (await world.api('/api/runs')).body
  readingRun = runs.find((run: Loose) => run.kind === 'ingest' && run.subject === subjectId).id
  await world.api('/api/groups', { method: 'POST', body: { id: groupId, name: 'Team' } })
}, 60_000)
afterAll(() => world.close())

function grantsOf(device: WorldDevice, { subject, level, copy }: Given): Grant[] {
  if (!subject || !level) return []
  const named: Record<Subject['kind'], Subject> = {
    device: { kind: 'device', id: device.id },
    group: { kind: 'group', id: groupId },
    members: { kind: 'members' },
  }
  return [{ subject: named[subject], level, copy: copy === true }]
}

type Ask = (path: string, init?: Parameters<WorldDevice['send']>[2]) => ReturnType<WorldDevice['send']> // prettier-ignore
interface Case {
  readonly ask: Ask
  readonly device: WorldDevice
  readonly grants: readonly Grant[]
}
const post = (body: unknown) => ({ method: 'POST', body })

/** How each operation is tried. What it changes, it changes back. */
const operations: Record<string, (each: Case) => Promise<unknown>> = {
  async 'is listed'({ ask }) {
    return (await ask('/api/collections')).body.collections.some(
      ({ id }: Loose) => id === subjectId,
    )
  },
  'list its documents': async ({ ask }) => (await ask(`/api/collections/${subjectId}/documents`)).status, // prettier-ignore
  'list its problems': async ({ ask }) => (await ask(`/api/collections/${subjectId}/problems`)).status, // prettier-ignore
  async 'open a document'({ ask }) {
    const { status, body } = await ask(`/api/documents/${documentId}/text`)
    expect(JSON.stringify(body).includes('Borealis')).toBe(status === 200)
    return status
  },
  async 'search it'({ ask }) {
    const query = { query: 'When does the Borealis contract end?', collectionIds: [subjectId] }
    const { status, body } = await ask('/api/search', post(query))
    expect(JSON.stringify(body).includes('Borealis')).toBe(status === 200)
    return status
  },
  async 'search all finds it'({ ask, device }) {
    const { status, body } = await ask('/api/search', post({ query: 'Borealis contract' }))
    expect(status).toBe(200)
    const found = new Set(body.hits.map((hit: Loose) => hit.collectionId))
    expect(found.has(hiddenId)).toBe(device.role === 'owner')
    return found.has(subjectId)
  },
  async 'search it and another'({ ask, device }) {
    const body = { query: 'Borealis contract', collectionIds: [subjectId, hiddenId] }
    const { status } = await ask('/api/search', post(body))
    // To owners nothing is hidden.
    return device.role === 'owner' && status === 200 ? 404 : status
  },
  async 'see it being read'({ ask }) {
    return (await ask('/api/runs')).body.runs.some(({ id }: Loose) => id === readingRun)
  },
  'follow its reading': async ({ ask }) => (await ask(`/api/runs/${readingRun}/events`)).status,
  async 'bind a conversation'({ ask, device }) {
    const { status } = await ask('/api/conversations', post({ id: newId(), collectionIds: [subjectId] })) // prettier-ignore
    // Owners may name what is not there, so this says nothing of them.
    return device.role === 'owner' ? 200 : status
  },
  async 'rebind a conversation'({ ask }) {
    const id = newId()
    await ask('/api/conversations', post({ id }))
    const body = { collectionIds: [subjectId] }
    return (await ask(`/api/conversations/${id}`, { method: 'PATCH', body })).status
  },
  async 'see where it lies'({ ask }) {
    const { collections } = (await ask('/api/collections')).body
    const found = collections.find(({ id }: Loose) => id === subjectId)
    return (found?.roots.length ?? 0) > 0
  },
  async 'announce a file'({ ask }) {
    const id = newId()
    const { status } = await ask('/api/uploads', post({ id, collectionId: subjectId, name: 'a.txt', size: 5 })) // prettier-ignore
    if (status === 201) await ask(`/api/uploads/${id}`, { method: 'DELETE' })
    return status
  },
  async 'read it again'({ ask }) {
    const id = newId()
    const body = { kind: 'ingest', id, collectionId: subjectId, paths: [] }
    const { status } = await ask('/api/runs', post(body))
    if (status === 202) await ended(id)
    return status
  },
  'see who has it': async ({ ask }) => (await ask(`/api/collections/${subjectId}/sharing`)).status,
  'give another reading': (each) => change(each, [...each.grants, other]),
  'make another its administrator': (each) => change(each, [...each.grants, { ...other, level: 'admin' }]), // prettier-ignore
  async 'take from another'(each) {
    await world.share(subjectId, [...each.grants, other])
    return change(each, each.grants)
  },
  async 'rename it'({ ask }) {
    const body = { name: 'Contracts anew' }
    const { status } = await ask(`/api/collections/${subjectId}`, { method: 'PATCH', body })
    if (status === 200) await world.api(`/api/collections/${subjectId}`, { method: 'PATCH', body: { name: 'Contracts' } }) // prettier-ignore
    return status
  },
  async 'delete it'({ ask, grants }) {
    const id = await world.collection('Short-lived', grants)
    const { status } = await ask(`/api/collections/${id}`, { method: 'DELETE' })
    if (status !== 204) await world.api(`/api/collections/${id}`, { method: 'DELETE' })
    return status
  },
}

async function ended(runId: string): Promise<void> {
  await expect.poll(async () => (await world.api(`/api/runs/${runId}/events`)).body.run.outcome, { timeout: 20_000, interval: 5 }).toBe('done') // prettier-ignore
}

async function change({ ask, grants }: Case, wanted: readonly Grant[]): Promise<number> {
  const path = `/api/collections/${subjectId}/sharing`
  const { version } = (await world.api(path)).body.sharing
  const { status } = await ask(path, { method: 'PUT', body: { version, grants: wanted } })
  await world.share(subjectId, grants)
  return status
}

/** The phone's feed asks for a copy, not for a level. */
async function copies({ ask }: Case): Promise<unknown> {
  const listed = (await ask('/api/replica')).body.collections.some(({ id }: Loose) => id === subjectId) // prettier-ignore
  const { status } = await ask(`/api/replica/${subjectId}/feed?since=0`)
  const unknown = await ask(`/api/replica/${newId()}/feed?since=0`)
  return { listed, status, unknown: unknown.status }
}

const roles = ['owner', 'member', 'guest'] as const

describe('the matrix', () => {
  it('knows an answer for every operation it tries, and tries every one it knows', () => {
    expect(Object.keys(operations).sort()).toEqual(Object.keys(answers).sort())
    expect(givens).toHaveLength(25)
  })

  it.each(roads.flatMap((road) => roles.map((role) => [role, road] as const)))(
    'answers the %s by %s what the tables say',
    async (role: Role, road: MatrixRoad) => {
      const device = world.devices[role]
      const ask: Ask = (path, init) => device.send(road, path, init)
      await world.api(`/api/groups/${groupId}`, { method: 'PATCH', body: { members: [device.id] } })
      let cases = 0
      for (const given of givens) {
        const grants = grantsOf(device, given)
        await world.share(subjectId, grants)
        const column = columns.indexOf(columnOf(role, given))
        for (const [name, tryIt] of Object.entries(operations)) {
          const label = `${role} with ${given.name}: ${name}`
          expect(await tryIt({ ask, device, grants }), label).toBe(answers[name]![column])
          cases++
        }
        const copy = hasCopy(role, given)
        // Without the right, and for a collection that is not there, the answer is the same.
        const status = copy ? 200 : 403
        expect(await copies({ ask, device, grants }), `${role} with ${given.name}: copy`).toEqual({
          listed: copy,
          status,
          unknown: 403,
        })
      }
      expect(cases).toBe(givens.length * Object.keys(answers).length)
      for (const [request, expected] of Object.entries(byRole)) {
        const [method = '', path = ''] = request.split(' ')
        expect((await ask(path, { method })).status, `${role} ${request}`).toBe(expected[role])
      }
    },
    120_000,
  )
})
