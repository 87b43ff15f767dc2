import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { startCompanion, type Companion } from '#companion/compose.ts'
import { loadConfig } from '#companion/config/config.ts'
import { RemoteEngine, remotePath } from '#companion/engines/remote/engine.ts'
import { testModel } from '#tests/models.ts'
import { engineContract } from './engine.ts'

/** The server is a companion with real models: its API is OpenAI's. */
const home = mkdtempSync(join(tmpdir(), 'silo-remote-'))
mkdirSync(join(home, 'models'))
for (const id of ['smollm2-135m', 'multilingual-e5-small'] as const)
  symlinkSync(testModel(id), join(home, 'models', `${id}.gguf`))
const port = 20_000 + (process.pid % 10_000)
const url = `http://127.0.0.1:${port}`
let companion: Companion

beforeAll(async () => {
  companion = await startCompanion(loadConfig({ SILO_HOME: home, SILO_PORT: String(port), SILO_OFFLINE: '1', SILO_LOG: 'error', SILO_LAN: '0', SILO_LINK: '0' })) // prettier-ignore
  await fetch(`${url}/api/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${companion.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ contextTokens: 1024 }),
  })
})
afterAll(async () => {
  await companion.close()
  rmSync(home, { recursive: true, force: true })
})

engineContract('remote', () => new RemoteEngine({ keyOf: () => companion.token }), {
  chatModel: remotePath(url, 'smollm2-135m'),
  embedModel: remotePath(url, 'multilingual-e5-small'),
  junkModel: 'no address',
  cutModel: url,
})
