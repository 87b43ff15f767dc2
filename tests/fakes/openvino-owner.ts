import { setTimeout as sleep } from 'node:timers/promises'
import { OpenVinoEngine } from '#companion/engines/openvino/engine.ts'
import { silentLog } from '#companion/observe/log.ts'

/** A process that loads a model in OpenVINO, says the server's process id, and waits to be killed. */
const [directory = '', path = ''] = process.argv.slice(2)
const engine = new OpenVinoEngine({ directory, log: silentLog })
const file = { id: 'smol', path, sha256: '0'.repeat(64), task: 'chat' } as const
await engine.load(
  file,
  { contextTokens: 512, parallel: 1 },
  { signal: new AbortController().signal },
)
process.stdout.write(`${engine.pids[0]}\n`)
await sleep(600_000)
