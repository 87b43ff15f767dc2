import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder } from '#companion/vault/embedder.ts'
import { OwnDocuments } from '#companion/vault/own-documents.ts'
import { bagOfWords } from '#tests/fakes/engine.ts'
import { openVault, runOf } from '#tests/vault.ts'

/**
 * Changes files at random and ingests them, again and again, until it is killed. Says on stdout, a line of JSON each,
 * what the records call done: that may not be lost.
 */
const [home = '', collectionId = '', seed = '1'] = process.argv.slice(2)
const folder = join(home, 'documents')
let state = Number(seed)
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const embedder: Embedder = {
  modelId: 'words',
  dimensions: 32,
  async embed(texts) {
    // Long enough that reading, embedding and writing overlap as they do with a model.
    await new Promise((resolve) => setTimeout(resolve, texts.length / 4))
    return texts.map((text) => bagOfWords(text, 32))
  },
}

let written = 0
function text(): string {
  written += 1
  const words = `word${random(1e9)} number${written} of${seed}`
  return `# Part ${words}\n\n${Array.from({ length: 1 + random(40) }, (_, n) => `Line ${n} says ${words} again.`).join('\n\n')}\n`
}

function change(): void {
  const names = readdirSync(folder)
  const some = (): string | undefined => names[random(names.length)]
  for (let n = 0; n < 12 + random(30); n++) {
    const name = some()
    const kind = names.length < 40 ? 0 : random(6)
    if (kind <= 1 || !name)
      writeFileSync(join(folder, `n-${seed}-${written}-${random(1e6)}.md`), text())
    else if (!readdirSync(folder).includes(name)) continue
    else if (kind === 2) writeFileSync(join(folder, name), text())
    else if (kind === 3) renameSync(join(folder, name), join(folder, `r-${seed}-${random(1e9)}.md`))
    else if (kind === 4)
      writeFileSync(join(folder, `c-${random(1e9)}.md`), readFileSync(join(folder, name))) // prettier-ignore
    else rmSync(join(folder, name))
  }
}

const { vault, records } = openVault(home, embedder)
await vault.recover(AbortSignal.timeout(60_000))
const own = new OwnDocuments(records)
const told = new Set<string>()
const tell = (): void => {
  const lines: string[] = []
  for (const { path, sha256 } of own.files(collectionId).values()) {
    const line = JSON.stringify({ path, sha256 })
    if (told.has(line)) continue
    told.add(line)
    lines.push(line)
  }
  if (lines.length > 0) writeSync(1, `${lines.join('\n')}\n`)
}
setInterval(tell, 3)
writeSync(1, `${JSON.stringify({ ready: createHash('sha256').update(seed).digest('hex') })}\n`)
for (;;) {
  change()
  await vault.ingest({ collectionId, paths: [] })(runOf(AbortSignal.timeout(60_000)).context)
}
