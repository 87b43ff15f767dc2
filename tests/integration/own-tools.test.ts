import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { createAddToNoteTool } from '#companion/tools/own/add-to-note.ts'
import { createClockTool } from '#companion/tools/own/clock.ts'
import { createSaveArtifactTool } from '#companion/tools/own/save-artifact.ts'
import { createVaultSearchTool } from '#companion/tools/own/vault-search.ts'
import { createWriteNoteTool } from '#companion/tools/own/write-note.ts'
import type { LeaveRequest, ToolContext } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { searchResponseSchema } from '#shared/protocol/search.ts'

const context = (over: Partial<ToolContext> = {}) =>
  ({
    taskId: 'task-0001',
    caller: 'self',
    language: 'zh',
    signal: new AbortController().signal,
    leave: async () => {},
    ...over,
  }) as unknown as ToolContext

const deny = () => Promise.reject(new SiloError('approval_denied'))

describe('the clock', () => {
  it('tells date, weekday and time as a person here reads them', async () => {
    const tool = createClockTool(() => new Date(2026, 10, 3, 7, 5))
    expect((await tool.call({}, context())).data).toMatchObject({
      date: '2026-11-03',
      time: '07:05',
      weekday: '星期二',
    })
  })
})

describe('searching the vault', () => {
  const hit = { title: 'Contract B', text: 'Clause 4', page: 3, documentId: 'document-1' }
  it('gives passages with title and page, and says whom it could not ask', async () => {
    const asked: unknown[] = []
    const tool = createVaultSearchTool({
      async search(request) {
        asked.push(request)
        return {
          hits: [{ ...hit, ownerName: 'Bernd' }],
          found: true,
          understood: [],
          unreachable: [{ deviceId: 'd', name: 'Clara', code: 'home_away' }],
        } as never
      },
    })
    const { data } = await tool.call(v.parse(tool.input, { query: ' clause ' }), context())
    expect(asked).toEqual([{ query: 'clause', collectionIds: [], limit: 6, caller: 'self' }])
    expect(data).toEqual({
      found: true,
      passages: [{ title: 'Contract B', text: 'Clause 4', page: 3, owner: 'Bernd' }],
      notAsked: ['Clara'],
    })
  })
  it('gives nothing where nothing answers, though something is nearest', async () => {
    const nearest = v.parse(searchResponseSchema, { hits: [], found: false })
    const tool = createVaultSearchTool({ search: async () => ({ ...nearest, hits: [hit as never] }) }) // prettier-ignore
    const { data } = await tool.call(v.parse(tool.input, { query: 'x' }), context())
    expect(data).toEqual({ found: false, passages: [] })
  })
})

describe('writing a note', () => {
  const written: unknown[] = []
  const tool = createWriteNoteTool({
    async create(note) {
      written.push(note)
      return { path: 'Plan.md' }
    },
  })
  it('asks leave first, and writes nothing without', async () => {
    const asked: LeaveRequest[] = []
    const leave = async (request: LeaveRequest): Promise<void> => void asked.push(request)
    await tool.call({ title: 'Plan', text: 'one' }, context({ leave }))
    expect(asked).toMatchObject([{ kind: 'grant', capability: 'notes.write', why: 'Plan' }])
    expect(written).toEqual([{ title: 'Plan', folder: '', text: '# Plan\n\none' }])
    await expect(tool.call({ title: 'Plan', text: 'two' }, context({ leave: deny }))).rejects.toMatchObject({ code: 'approval_denied' }) // prettier-ignore
    expect(written).toHaveLength(1)
  })
})

describe('adding to a note', () => {
  it('asks leave first, and writes nothing without', async () => {
    const added: unknown[] = []
    const tool = createAddToNoteTool({
      async append(...what) {
        added.push(what)
        return { path: 'Plan.md' }
      },
    })
    const input = v.parse(tool.input, { note: 'Plan', text: ' two\n' })
    await expect(tool.call(input, context({ leave: deny }))).rejects.toMatchObject({ code: 'approval_denied' }) // prettier-ignore
    expect(added).toEqual([])
    expect((await tool.call(input, context())).summary).toBe('Plan.md')
    expect(added).toEqual([['Plan', 'two']])
  })
})

describe('showing a result', () => {
  it('makes an artifact; the same title is its next version', async () => {
    const tool = createSaveArtifactTool()
    const input = v.parse(tool.input, { kind: 'csv', title: 'Sums', content: 'a,b' })
    const [first] = (await tool.call(input, context())).artifacts ?? []
    const [second] = (await tool.call({ ...input, content: 'c' }, context())).artifacts ?? []
    expect(first).toMatchObject({ kind: 'csv', title: 'Sums', mediaType: 'text/csv' })
    expect(second?.key).toBe(first?.key)
    expect(() => v.parse(tool.input, { ...input, kind: 'exe' })).toThrow()
  })
})
