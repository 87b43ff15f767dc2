import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { DiskNoteFiles } from '#companion/notes/note-files.ts'
import { Notes } from '#companion/notes/notes.ts'
import { noteListSchema, noteSchema, trashedSchema, type Note } from '#shared/protocol/notes.ts'
import { createFakeEngine } from '#tests/fakes/engine.ts'
import type { Loose } from './gateway-harness.ts'
import { testModelState } from './openai-server.ts'

let home: string
let companion: Companion
const bytes = 'GGUF'

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'silo-notes-'))
  mkdirSync(join(home, 'models'))
  writeFileSync(join(home, 'models', 'embed-model.gguf'), bytes)
  const entry = {
    ...testModelState('embed-model', 'embed').state.entry,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    dimensions: 384,
  }
  companion = await startCompanion(
    loadConfig({ SILO_HOME: home, SILO_PORT: '0', SILO_OFFLINE: '1', SILO_LINK: '0' }),
    { engine: createFakeEngine(), catalogue: [entry], watch: { quietMs: 100, lookMs: 300 } },
  )
})
afterAll(async () => {
  await companion.close()
  rmSync(home, { recursive: true, force: true })
})

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Loose }> {
  // prettier-ignore
  const response = await fetch(`${companion.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${companion.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text ? JSON.parse(text) : undefined }
}
const at = (path: string): string => `/notes/note?path=${encodeURIComponent(path)}`
const file = (path: string): string => join(home, 'notes', path)
const create = async (title: string, text?: string, folder?: string): Promise<Note> =>
  v.parse(noteSchema, (await call('POST', '/notes', { title, text, folder })).body.note)
const read = async (path: string): Promise<Note> => (await call('GET', at(path))).body.note
const list = async (query = '') => v.parse(noteListSchema, (await call('GET', `/notes?${query}`)).body) // prettier-ignore
const paths = async (query = '') => (await list(query)).notes.map(({ path }) => path).sort()

const copy = (name: string) => `${name}.sync-conflict-20260312-091500-ABCDEFG.md`

describe('notes', () => {
  it('are Markdown files with safe names, and are found by title, tag and folder', async () => {
    const plan = await create(
      'Plan: "Q3" / costs?',
      '# The plan\n\nFor #work/planning, see [[会议]].\n',
    )
    expect(plan.path).toBe('Plan- -Q3- - costs-.md')
    expect(readFileSync(file(plan.path), 'utf8')).toBe(plan.text)
    expect(plan).toMatchObject({ title: 'The plan', tags: ['work/planning'], links: [{ target: '会议', path: null }] }) // prettier-ignore
    const meeting = await create('会议', undefined, 'work')
    expect(meeting).toMatchObject({ path: 'work/会议.md', text: '# 会议\n\n', title: '会议' })
    expect((await read('work/会议.md')).backlinks).toEqual([
      { path: plan.path, title: 'The plan', line: 'For #work/planning, see [[会议]].' },
    ])
    expect(await paths('query=plan')).toEqual([plan.path])
    expect(await paths('tag=work')).toEqual([plan.path])
    expect(await paths('folder=work')).toEqual(['work/会议.md'])
    expect(await list()).toMatchObject({ total: 2, folders: ['work'], tags: [{ tag: 'work/planning', notes: 1 }] }) // prettier-ignore
    // The same once more is the same note; another of that title gets a number.
    expect((await create('会议', undefined, 'work')).path).toBe('work/会议.md')
    expect((await create('会议', 'other', 'work')).path).toBe('work/会议 2.md')
    await call('DELETE', at('work/会议 2.md'))
  })

  it('are never written over by who has not seen the newest version', async () => {
    const note = await create('Shared', 'one')
    const second = await call('PUT', at(note.path), { text: 'two', version: note.version })
    expect(second.body.note).toMatchObject({ text: 'two' })
    // Another editor, or sync.
    writeFileSync(file(note.path), 'three')
    const refused = await call('PUT', at(note.path), { text: 'mine', version: second.body.note.version }) // prettier-ignore
    expect(refused.status).toBe(409)
    const { note: other, error } = refused.body
    expect(other.text).toBe('three')
    expect(error).toMatchObject({ code: 'note_conflict', params: { version: other.version } })
    expect((await call('PUT', at(note.path), { text: 'mine', version: other.version })).status).toBe(200) // prettier-ignore
    // Sent again after the answer was lost.
    expect((await call('PUT', at(note.path), { text: 'mine', version: other.version })).status).toBe(200) // prettier-ignore
    expect((await call('PUT', at(note.path), { text: 'new', version: null })).status).toBe(409)
    expect((await call('DELETE', `${at(note.path)}&version=${other.version}`)).status).toBe(409)
    await call('DELETE', at(note.path))
    const gone = await call('PUT', at(note.path), { text: 'x', version: other.version })
    expect(gone).toMatchObject({ status: 409, body: { note: null, error: { params: { version: '' } } } }) // prettier-ignore
  })

  it('take more at their end, once', async () => {
    const root = mkdtempSync(join(tmpdir(), 'silo-notes-'))
    const changed: string[] = []
    const notes = new Notes({
      files: new DiskNoteFiles(root),
      trash: undefined as never,
      collectionId: () => undefined,
      onChange: (which) => changed.push(...which),
    })
    writeFileSync(join(root, 'Besorgungen.md'), '# Besorgungen\n\n- Milch\n\n')
    mkdirSync(join(root, 'b'))
    writeFileSync(join(root, 'b', 'Empty.md'), '')
    const added = await notes.append('besorgungen', '- Brot\n')
    expect(added.text).toBe('# Besorgungen\n\n- Milch\n\n- Brot\n')
    // Asked again after the answer was lost.
    expect((await notes.append('Besorgungen', '- Brot')).version).toBe(added.version)
    expect((await notes.append('b/Empty.md', 'x')).text).toBe('x\n')
    expect(changed).toEqual(['Besorgungen.md', 'b/Empty.md'])
    await expect(notes.append('Other', 'x')).rejects.toMatchObject({ code: 'note_unknown' })
    await expect(notes.append('../Empty', 'x')).rejects.toMatchObject({ code: 'note_unknown' })
    rmSync(root, { recursive: true })
  })

  it('take their links along when they are renamed or moved', async () => {
    await create('Target', 'I am it, see [[Source]]')
    await create('Source', 'See [[Target]], [[target#Part|that]], [md](Target.md), `[[Target]]`.')
    const moved = await call('POST', '/notes/move', { from: 'Target.md', to: 'deep/er/Goal.md' })
    expect(moved.body).toMatchObject({ note: { path: 'deep/er/Goal.md' }, updated: ['Source.md'] })
    expect((await read('Source.md')).text).toBe('See [[Goal]], [[Goal#Part|that]], [md](deep/er/Goal.md), `[[Target]]`.') // prettier-ignore
    expect((await read('deep/er/Goal.md')).backlinks.map(({ path }) => path)).toEqual(['Source.md'])
    const folder = await call('POST', '/notes/folders/move', { from: 'deep', to: 'flat' })
    expect(folder.body).toEqual({ moved: 1, updated: ['Source.md'] })
    expect((await read('Source.md')).text).toContain('[md](flat/er/Goal.md)')
    await create('Taken')
    expect((await call('POST', '/notes/move', { from: 'Source.md', to: 'Taken.md' })).body.error.code).toBe('note_exists') // prettier-ignore
    expect((await call('POST', '/notes/move', { from: 'Source.md', to: 'a?.md' })).body.error).toMatchObject({ code: 'note_name_refused', params: { safe: 'a-.md' } }) // prettier-ignore
  })

  it('go to the trash and come back', async () => {
    await create('Doomed', 'last words', 'bin')
    const { trashed } = (await call('DELETE', at('bin/Doomed.md'))).body
    expect(v.parse(trashedSchema, trashed)).toMatchObject({ path: 'bin/Doomed.md', kind: 'note' })
    expect(existsSync(file('bin/Doomed.md'))).toBe(false)
    await create('Doomed', 'successor', 'bin')
    const restored = await call('POST', `/notes/trash/${trashed.id}/restore`)
    expect(restored.body).toEqual({ path: 'bin/Doomed 2.md' })
    expect((await read('bin/Doomed 2.md')).text).toBe('last words')
    const removed = (await call('DELETE', '/notes/folders?path=bin')).body.trashed
    expect(removed).toMatchObject({ kind: 'folder', notes: 2 })
    expect((await call('GET', '/notes/trash')).body.trashed[0].id).toBe(removed.id)
    expect((await call('POST', `/notes/trash/${removed.id}/restore`)).body.path).toBe('bin')
    expect(await paths('folder=bin')).toHaveLength(2)
    expect((await call('DELETE', '/notes/trash')).status).toBe(204)
    expect((await call('GET', '/notes/trash')).body.trashed).toEqual([])
    expect((await call('POST', `/notes/trash/${removed.id}/restore`)).status).toBe(404)
  })

  it('show conflict copies, and let each be decided', async () => {
    for (const name of ['A', 'B', 'C', 'D']) {
      await create(name, `${name} here`, 'both')
      writeFileSync(file(`both/${copy(name)}`), `${name} there`)
    }
    const { conflicts } = (await call('GET', '/notes/conflicts')).body
    expect(conflicts).toHaveLength(4)
    expect(conflicts.find(({ of }: Loose) => of === 'both/A.md')).toMatchObject({ device: 'ABCDEFG', path: `both/${copy('A')}` }) // prettier-ignore
    expect((await read('both/A.md')).conflicts).toBe(1)
    expect(await paths('folder=both')).toHaveLength(4)
    const resolve = async (name: string, keep: Loose) =>
      (await call('POST', '/notes/conflicts/resolve', { path: `both/${copy(name)}`, keep })).body
    expect((await resolve('A', { kind: 'note' })).note.text).toBe('A here')
    expect((await resolve('B', { kind: 'copy' })).note).toMatchObject({ path: 'both/B.md', text: 'B there' }) // prettier-ignore
    expect((await resolve('C', { kind: 'both' })).note).toMatchObject({ path: 'both/C 2.md', text: 'C there' }) // prettier-ignore
    const { version } = await read('both/D.md')
    expect((await resolve('D', { kind: 'text', text: 'x', version: '0'.repeat(64) })).error.code).toBe('note_conflict') // prettier-ignore
    expect((await resolve('D', { kind: 'text', text: 'D both', version })).note.text).toBe('D both')
    expect((await call('GET', '/notes/conflicts')).body.conflicts).toEqual([])
    // What was given up is in the trash: three copies, and the note that a copy replaced.
    expect((await call('GET', '/notes/trash')).body.trashed).toHaveLength(4)
  })

  it('stay in their folder', async () => {
    writeFileSync(join(home, 'outside.md'), 'secret')
    symlinkSync(join(home, 'outside.md'), file('link.md'))
    symlinkSync(home, file('linked'))
    for (const path of [
      '../outside.md',
      'link.md',
      'linked/outside.md',
      '/etc/hosts.md',
      'a/../../outside.md',
      '.hidden.md',
      `${'x'.repeat(8000)}.md`,
      `${'y'.repeat(300)}.md`,
      'nul\0.md',
    ]) {
      // prettier-ignore
      const got = await call('GET', at(path))
      expect([400, 404], path.slice(0, 40)).toContain(got.status)
      const put = await call('PUT', at(path), { text: 'owned', version: null })
      expect([400, 404], path.slice(0, 40)).toContain(put.status)
    }
    const long = `${'x'.repeat(32_000)}.md`
    expect((await call('POST', '/notes/move', { from: 'Source.md', to: long })).status).toBe(400)
    expect((await create('y'.repeat(200), 'long')).path.length).toBeLessThan(190)
    expect(readFileSync(join(home, 'outside.md'), 'utf8')).toBe('secret')
    expect(await paths('query=outside')).toEqual([])
    expect((await call('PUT', at('big.md'), { text: 'x'.repeat(1_100_000), version: null })).status).toBe(400) // prettier-ignore
    expect(readdirSync(join(home, 'notes')).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('are made of pages that a browser sends, with where they are from', async () => {
    const html = `<html><head><title>Dew point</title></head><body><article><h1>Dew point</h1>${'<p>The dew point, as every brewer knows, is the temperature at which water leaves the air.</p>'.repeat(6)}<script>document.title = 'owned'</script></article></body></html>`
    const clip = { url: 'https://weather.example/dew?x=1', html }
    const { status, body } = await call('POST', '/clips', clip)
    expect(status).toBe(201)
    expect(body.note).toMatchObject({
      path: 'Clips/Dew point.md',
      title: 'Dew point',
      source: clip.url,
    })
    expect(body.note.text).toMatch(/^---\ntitle: Dew point\nsource: https:\/\/weather.example\/dew\?x=1\ndate: \d{4}-\d\d-\d\d\nclipped: /) // prettier-ignore
    expect(body.note.text).not.toContain('owned')
    // Sent twice, it is there once.
    expect((await call('POST', '/clips', clip)).body.note.path).toBe('Clips/Dew point.md')
    expect((await call('POST', '/clips', { url: clip.url, title: 'Kept: this', text: 'A line that was shared.' })).body.note.text).toContain('A line that was shared.') // prettier-ignore
    expect((await call('POST', '/clips', { url: 'file:///etc/passwd', html })).status).toBe(400)
    expect((await call('POST', '/clips', { url: clip.url, html: '<p></p>' })).body.error.code).toBe('clip_empty') // prettier-ignore
    const large = `<article>${'<p>Much text, again and again.</p>'.repeat(40_000)}</article>`
    const cut = (await call('POST', '/clips', { url: clip.url, title: 'Large', html: large })).body // prettier-ignore
    expect(cut).toMatchObject({ note: { size: expect.any(Number) } })
    expect(cut.note.size).toBeLessThanOrEqual(1024 * 1024)
    const { collectionId } = await list()
    await expect
      .poll(
        async () =>
          (await call('GET', `/collections/${collectionId}/documents?query=Dew`)).body
            .documents?.[0],
        { timeout: 20_000 },
      ) // prettier-ignore
      .toMatchObject({ kind: 'web', title: 'Dew point' })
  })

  it('are found by what is in them, soon after they are written, and not when they are gone', async () => {
    const found = async (query: string): Promise<string[]> =>
      (await call('POST', '/search', { query })).body.hits.map(({ title }: Loose) => title)
    await create('Greenhouse', 'The zeppelin is parked behind the greenhouse.')
    await expect.poll(() => found('zeppelin'), { timeout: 20_000 }).toContain('Greenhouse')
    const { collectionId } = await list()
    expect((await call('GET', `/collections/${collectionId}/sharing`)).body.sharing.grants).toEqual([]) // prettier-ignore
    const { documents } = (await call('GET', `/collections/${collectionId}/documents?query=Greenhouse`)).body // prettier-ignore
    expect(documents).toMatchObject([{ kind: 'note', path: file('Greenhouse.md') }])
    const { id } = documents[0]
    await call('POST', '/notes/move', { from: 'Greenhouse.md', to: 'garden/Glass.md' })
    await expect
      .poll(
        async () =>
          (await call('GET', `/collections/${collectionId}/documents?query=garden`)).body
            .documents[0]?.id,
        { timeout: 20_000 },
      ) // prettier-ignore
      .toBe(id)
    // As another program would.
    writeFileSync(file('garden/Glass.md'), 'The submarine is parked behind it.')
    await expect.poll(() => found('submarine'), { timeout: 20_000 }).toContain('Glass')
    await call('DELETE', at('garden/Glass.md'))
    await expect.poll(() => found('submarine'), { timeout: 20_000 }).not.toContain('Glass')
  })
})
