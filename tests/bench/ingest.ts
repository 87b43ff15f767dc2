import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Embedder } from '#companion/vault/embedder.ts'
import { openE5 } from '#tests/e5.ts'
import { openVault, runOf } from '#tests/vault.ts'

/**
 * Files on disk to searchable chunks, against the bare embedding model on the very texts the ingest gave it,
 * in the same calls. Both are done by turns, so that a busy machine slows both.
 */
export async function run({ quick }: { quick: boolean }) {
  const home = await mkdtemp(join(tmpdir(), 'silo-bench-ingest-'))
  const signal = AbortSignal.timeout(600_000)
  const e5 = await openE5(signal)
  try {
    const calls: string[][] = []
    const recorded: Embedder = {
      modelId: e5.embedder.modelId,
      dimensions: e5.embedder.dimensions,
      embed(texts, kind, signal) {
        calls.push([...texts])
        return e5.embedder.embed(texts, kind, signal)
      },
    }
    await e5.embedder.embed(['warm up'], 'passage', signal)
    const rounds = quick ? 3 : 9
    let chunks = 0
    let ingestMs = 0
    let bareMs = 0
    const ratios: number[] = []
    const vault = openVault(home, recorded)
    // The first round opens what stays open afterwards: threads, tables, compiled code. It is not counted.
    for (let round = -1; round < rounds; round++) {
      const folder = join(home, `documents-${round + 1}`)
      await writeDocuments(folder, round < 0 ? subjects.slice(0, 2) : topics, round)
      const collectionId = `bench-ingest-${round + 1}`
      vault.vault.createCollection({ id: collectionId, name: 'Bench' })
      calls.length = 0
      let started = performance.now()
      await vault.vault.ingest({ collectionId, paths: [folder] })(runOf(signal).context)
      const ingested = performance.now() - started
      const texts = [...calls]
      started = performance.now()
      for (const batch of texts) await e5.embedder.embed(batch, 'passage', signal)
      const bare = performance.now() - started
      if (round < 0) continue
      chunks += texts.flat().length
      ingestMs += ingested
      bareMs += bare
      ratios.push(bare / ingested)
    }
    await vault.close()
    // The median: one burst of other work on the machine must not decide.
    const ratio = ratios.toSorted((a, b) => a - b)[ratios.length >> 1]!
    return {
      bench: 'ingest',
      ratio: round3(ratio),
      goal: 0.9,
      ok: ratio >= 0.9,
      chunks,
      chunksPerSecond: round3((chunks * 1000) / ingestMs),
      bareChunksPerSecond: round3((chunks * 1000) / bareMs),
      rounds: ratios.map(round3),
    }
  } finally {
    await e5[Symbol.asyncDispose]()
    await rm(home, { recursive: true, force: true })
  }
}

const subjects = ['calibration of flow meters', 'delivery of sealing rings', 'maintenance of the brewhouse', 'training of new colleagues', '差旅费用的报销', '仓库的安全检查', '供应商的质量索赔', '设备的定期保养'] // prettier-ignore

const topics = ['first', 'second'].flatMap((part) =>
  subjects.map((subject) => `${subject} ${part}`),
)

/** Notes of a few sections each, in both languages, different in every round. */
async function writeDocuments(
  folder: string,
  topics: readonly string[],
  round: number,
): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [index, topic] of topics.entries()) {
    const sections = Array.from({ length: 4 }, (_, section) => {
      const line = /^[a-z]/.test(topic)
        ? `Point ${section}: the ${topic} was discussed in week ${round + 10}, and item ${index * 7 + section} is due on day ${section + 3}. `
        : `第${section}点：第${round + 10}周讨论了${topic}，第${index * 7 + section}项须在${section + 3}日之前完成。`
      return `## Section ${section} ${topic}\n\n${line.repeat(7)}\n`
    })
    await writeFile(
      join(folder, `note-${index}.md`),
      `# ${topic} ${round}\n\n${sections.join('\n')}`,
    )
  }
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000
}
