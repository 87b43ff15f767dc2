import { formatBytes } from '#shared/domain/byte-size.ts'
import { newId } from '#shared/domain/ids.ts'
import { CompanionClient } from './client.ts'
import { required, type Invocation } from './command.ts'
import { watchRun } from './watch.ts'

/** `silo quantize MODEL`: makes a version of about 3.5 bits per weight and says what that costs. */
export async function quantize(invocation: Invocation): Promise<void> {
  const { terminal } = invocation
  const modelId = required(invocation, 0, 'model_id')
  const client = CompanionClient.find(invocation.config)
  const id = newId()
  await client.startRun({ kind: 'quantize', id, modelId })
  const { outcome, counts = {} } = await watchRun(client, terminal, id, () => {})
  if (outcome !== 'done' || terminal.json) return
  const row = (label: string, prefix: string, [bytes, bits]: [number?, number?]): string => {
    const measured = (key: string, unit: string): string => {
      const value = counts[prefix === '' ? key : prefix + key[0]!.toUpperCase() + key.slice(1)]
      return value === undefined ? '—' : `${value.toFixed(unit ? 1 : 3)}${unit}`
    }
    return [
      label.padEnd(10),
      (bytes === undefined ? '—' : formatBytes(bytes)).padStart(9),
      (bits === undefined ? '—' : `${bits.toFixed(2)} bpw`).padStart(9),
      `${terminal.text('perplexity')} ${measured('perplexity', '')}`.padStart(18),
      measured('tokensPerSecond', ' tok/s').padStart(12),
    ].join('  ')
  }
  terminal.line(row(modelId, 'source', [counts.sourceBytes, counts.sourceBitsPerWeight]))
  if (counts.plainPerplexity !== undefined) terminal.line(row('Q4_K_M', 'plain', []))
  terminal.line(row('3.5-bit', '', [counts.bytes, counts.bitsPerWeight]))
}
