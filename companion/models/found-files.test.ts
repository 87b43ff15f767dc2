import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findModelFiles, programFolders } from './found-files.ts'

const forever = new AbortController().signal
const digest = 'a'.repeat(64)

const manifest = (layers: unknown): string => JSON.stringify({ schemaVersion: 2, layers })

describe('model files of other programs', () => {
  let home: string
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'silo-found-'))
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  const put = (path: string, content = 'GGUF and more'): string => {
    const file = join(home, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    return file
  }
  const find = (env = {}) => findModelFiles(programFolders(home, env), forever)

  it('finds what Ollama, LM Studio and the Hugging Face cache have', async () => {
    const blob = put(`.ollama/models/blobs/sha256-${digest}`)
    put('.ollama/models/manifests/registry.example/library/llama3.1/8b', manifest([
      { mediaType: 'application/vnd.ollama.image.license', digest: `sha256:${'b'.repeat(64)}` },
      { mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}` },
    ])) // prettier-ignore
    const studio = put('.lmstudio/models/maker/Some-7B-GGUF/Some-7B-Q4_K_M.gguf')
    const kept = put('.cache/huggingface/hub/models--a--b/blobs/1234')
    const snapshot = join(home, '.cache/huggingface/hub/models--a--b/snapshots/main/b-Q8_0.gguf')
    mkdirSync(dirname(snapshot), { recursive: true })
    symlinkSync(kept, snapshot)
    expect(await find()).toEqual([
      { program: 'Hugging Face', path: kept, name: 'b-Q8_0', size: 13 },
      { program: 'Ollama', path: blob, name: 'llama3.1:8b', size: 13 },
      { program: 'LM Studio', path: studio, name: 'Some-7B-Q4_K_M', size: 13 },
    ])
  })

  it('names one file once, however many names it has', async () => {
    put(`.ollama/models/blobs/sha256-${digest}`)
    for (const tag of ['latest', '1b'])
      put(`.ollama/models/manifests/registry.example/me/own/${tag}`, manifest([{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}` }])) // prettier-ignore
    expect((await find()).map(({ name }) => name)).toHaveLength(1)
  })

  it('leaves out what is no model, is in parts, only sees, or points out of its folder', async () => {
    put('.lmstudio/models/x/notes.gguf', 'hello')
    put('.lmstudio/models/x/big-00001-of-00003.gguf')
    put('.lmstudio/models/x/mmproj-model.gguf')
    put('.ollama/models/manifests/r/library/broken/latest', '{')
    put('.ollama/models/manifests/r/library/away/latest', manifest([{ mediaType: 'application/vnd.ollama.image.model', digest: 'sha256:../../etc/passwd' }])) // prettier-ignore
    put('.ollama/models/manifests/r/library/gone/latest', manifest([{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}` }])) // prettier-ignore
    expect(await find()).toEqual([])
  })

  it('looks where the programs were told to keep them', async () => {
    const elsewhere = put('elsewhere/models--c--d/snapshots/1/d.gguf')
    expect(await find({ HF_HUB_CACHE: join(home, 'elsewhere') })).toMatchObject([
      { path: elsewhere },
    ])
    expect(programFolders(home, { OLLAMA_MODELS: '/big/disk' }).ollama).toEqual(['/big/disk'])
  })
})
