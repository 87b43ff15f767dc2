import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, mkdir, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { Config } from '#companion/config/config.ts'
import { catalogue } from '#companion/models/catalogue.ts'
import { formatBytes } from '#shared/domain/byte-size.ts'
import type { CatalogueEntry } from '#shared/domain/model.ts'
import { errorText, SiloError, type Language } from '#shared/errors/silo-error.ts'
import { statusSchema } from '#shared/protocol/api.ts'
import { CompanionClient } from './client.ts'
import type { Invocation } from './command.ts'
import { engineChecks } from './engine-checks.ts'

interface Check {
  readonly id: string
  /** `warn`: Silo runs, something is missing. */
  readonly state: 'ok' | 'warn' | 'fail'
  readonly en: string
  readonly zh: string
}

const run = promisify(execFile)
const minimumMemory = 2e9
const minimumDisk = 2e9
const signs = { ok: '✓', warn: '!', fail: '✗' }

/** `silo doctor`: works with and without a running companion; fails when a check fails. */
export async function doctor({ terminal, config }: Invocation): Promise<void> {
  const reachable = await companionCheck(config, terminal.language)
  const results: Check[] = []
  const engines = await engineChecks(config)
  const checks: Iterable<() => Promise<Check> | Check> = [
    runtimeCheck,
    hardwareCheck,
    ...engines.map((check) => () => check),
    () => homeCheck(config.home),
    () => diskCheck(config.home),
    ...catalogue.map((entry) => () => modelCheck(entry, config.home)),
    () => portCheck(config, reachable.state === 'ok'),
    pipCheck,
    () => reachable,
  ]
  for (const check of checks) {
    const result = await check()
    results.push(result)
    if (!terminal.json) terminal.line(`${signs[result.state]} ${result[terminal.language]}`)
  }
  const ok = results.every((result) => result.state !== 'fail')
  if (terminal.json) {
    terminal.document({
      ok,
      checks: results.map((result) => ({
        id: result.id,
        state: result.state,
        detail: result[terminal.language],
      })),
    })
  }
  if (!ok) process.exitCode = 1
}

function runtimeCheck(): Check {
  const version = process.versions.node
  const enough = Number(version.split('.')[0]) >= 26
  return {
    id: 'runtime',
    state: enough ? 'ok' : 'fail',
    en: `Runtime: Node ${version}${enough ? '' : '; run `npm start` to get 26'}`,
    zh: `运行环境：Node ${version}${enough ? '' : '；请运行 `npm start` 安装 26 版'}`,
  }
}

function hardwareCheck(): Check {
  const memory = totalmem()
  const what = `${platform()} ${arch()} · ${cpus()[0]?.model.trim() ?? '?'}`
  return {
    id: 'hardware',
    state: memory < minimumMemory ? 'warn' : 'ok',
    en: `Hardware: ${what} · ${availableParallelism()} cores · ${formatBytes(memory)} of memory`,
    zh: `硬件：${what} · ${availableParallelism()} 核 · 内存 ${formatBytes(memory)}`,
  }
}

async function homeCheck(home: string): Promise<Check> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
    await access(home, constants.R_OK | constants.W_OK)
    return { id: 'home', state: 'ok', en: `Data folder: ${home}`, zh: `数据目录：${home}` }
  } catch {
    return {
      id: 'home',
      state: 'fail',
      en: `Data folder: ${home} cannot be written`,
      zh: `数据目录：${home} 无法写入`,
    }
  }
}

async function diskCheck(home: string): Promise<Check> {
  let free = 0
  try {
    const disk = await statfs(await existing(home))
    free = disk.bavail * disk.bsize
  } catch {
    return { id: 'disk', state: 'warn', en: 'Disk: unknown', zh: '磁盘：未知' }
  }
  return {
    id: 'disk',
    state: free < minimumDisk ? 'warn' : 'ok',
    en: `Disk: ${formatBytes(free)} free`,
    zh: `磁盘：剩余 ${formatBytes(free)}`,
  }
}

/** The nearest folder above that exists. */
async function existing(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (await stat(folder).catch(() => undefined)) return folder
    if (dirname(folder) === folder) return folder
  }
}

async function modelCheck(entry: CatalogueEntry, home: string): Promise<Check> {
  const id = `model:${entry.id}`
  const path = join(home, 'models', `${entry.id}.gguf`)
  const found = await stat(path).catch(() => undefined)
  if (!found) {
    return {
      id,
      // Only the starter models are missed where they are not.
      state: entry.starter ? 'warn' : 'ok',
      en: `Model ${entry.id}: not here${entry.starter ? `; \`silo models pull ${entry.id}\` fetches it` : ' (optional)'}`,
      zh: `模型 ${entry.id}：未下载${entry.starter ? `；可用 \`silo models pull ${entry.id}\` 下载` : '（可选）'}`,
    }
  }
  const intact = found.size === entry.size && (await sha256Of(path)) === entry.sha256
  return {
    id,
    state: intact ? 'ok' : 'fail',
    en: `Model ${entry.id}: ${formatBytes(found.size)}, ${intact ? 'verified' : 'damaged; remove it and fetch it again'}`,
    zh: `模型 ${entry.id}：${formatBytes(found.size)}，${intact ? '校验通过' : '已损坏，请删除后重新下载'}`,
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

async function portCheck(config: Config, companionRuns: boolean): Promise<Check> {
  if (companionRuns) {
    return {
      id: 'port',
      state: 'ok',
      en: 'Port: in use by the companion',
      zh: '端口：由伴侣程序使用',
    }
  }
  const free = await new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(config.port, config.host, () => server.close(() => resolve(true)))
  })
  const taken = new SiloError('port_in_use', { params: { port: config.port } })
  return {
    id: 'port',
    state: free ? 'ok' : 'fail',
    en: free ? `Port: ${config.port} is free` : errorText(taken, 'en'),
    zh: free ? `端口：${config.port} 可用` : errorText(taken, 'zh'),
  }
}

async function pipCheck(): Promise<Check> {
  const python = platform() === 'win32' ? 'python' : 'python3'
  try {
    const { stdout } = await run(python, ['-m', 'pip', '--version'], { timeout: 20_000 })
    const version = /^pip (\S+)/.exec(stdout)?.[1] ?? '?'
    return { id: 'pip', state: 'ok', en: `pip: ${version}`, zh: `pip：${version}` }
  } catch {
    return {
      id: 'pip',
      state: 'warn',
      en: 'pip: not found; models can still come from their hubs',
      zh: 'pip：未找到；仍可从模型站点下载模型',
    }
  }
}

async function companionCheck(config: Config, language: Language): Promise<Check> {
  try {
    const client = CompanionClient.find(config)
    const status = await client.request(statusSchema, '/api/status', { limitMs: 5000 })
    const { engine } = status
    return {
      id: 'companion',
      state: engine.state === 'failed' ? 'fail' : 'ok',
      en: `Companion: ${client.url}, Silo ${status.version}, engine ${engine.id} (${engine.backend}, ${engine.state})`,
      zh: `伴侣程序：${client.url}，Silo ${status.version}，引擎 ${engine.id}（${engine.backend}，${engine.state}）`,
    }
  } catch (error) {
    if (!(error instanceof SiloError)) throw error
    if (error.code === 'companion_unreachable') {
      return {
        id: 'companion',
        state: 'warn',
        en: 'Companion: not running; `silo start` starts it',
        zh: '伴侣程序：未运行；可用 `silo start` 启动',
      }
    }
    const why = errorText(error, language)
    return { id: 'companion', state: 'fail', en: `Companion: ${why}`, zh: `伴侣程序：${why}` }
  }
}
