import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { loadConfig } from '#companion/config/config.ts'

const answerWithinMs = 2000
const addressSchema = v.object({
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
})
const statusSchema = v.object({ ok: v.literal(true) })

/**
 * Prints the address, with the start token, of the companion that serves this data folder now; prints nothing
 * when there is none. `npm start` asks before it starts another one.
 */
async function runningUrl(): Promise<string | undefined> {
  const { home, host } = loadConfig()
  try {
    const address = JSON.parse(readFileSync(join(home, 'companion.json'), 'utf8')) as unknown
    const { port } = v.parse(addressSchema, address)
    const name = ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host
    const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}`
    const token = readFileSync(join(home, 'token'), 'utf8').trim()
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(answerWithinMs) })
    v.parse(statusSchema, await response.json())
    return `${url}/?token=${token}`
  } catch {
    return undefined
  }
}

const url = await runningUrl()
if (url) console.log(url)
