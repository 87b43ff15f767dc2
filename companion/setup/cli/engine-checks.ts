import { join } from 'node:path'
import type { Config } from '#companion/config/config.ts'
import { rankEngines } from '#companion/engines/choice.ts'
import { probeHardware } from '#companion/engines/hardware.ts'
import { createLlamaCppEngine, libraryBackend } from '#companion/engines/llama-cpp/engine.ts'
import { canInstallLlamaServer, findLlamaServer } from '#companion/engines/llama-server/binary.ts'
import { LlamaServerEngine } from '#companion/engines/llama-server/engine.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { EngineReason } from '#shared/domain/engine-choice.ts'

const probeLimit = 15_000

const reasons: Record<EngineReason, { en: string; zh: string }> = {
  gpu: { en: 'computes on the GPU', zh: '使用显卡计算' },
  cpu: { en: 'computes on the processor', zh: '使用处理器计算' },
  'gpu-unused': { en: 'would leave the GPU unused', zh: '不会用到显卡' },
  second: { en: 'computes alike, in a process of its own', zh: '速度相当，在独立进程中运行' },
  'not-installed': {
    en: 'not installed; see Models in the app',
    zh: '未安装，可在应用的“模型”页安装',
  },
  'no-build': { en: 'there is no build for this machine', zh: '没有适用于本机的版本' },
  broken: { en: 'does not start here', zh: '在本机无法启动' },
}

/** What would run models here, best first, and why. */
export async function engineChecks(config: Config) {
  const directory = join(config.home, 'engines')
  const signal = AbortSignal.timeout(probeLimit)
  const installed = findLlamaServer(directory) !== undefined
  const server = new LlamaServerEngine({ binary: () => findLlamaServer(directory), log: silentLog })
  const works = installed && (await server.probe(signal)).available
  const library = libraryBackend(createLlamaCppEngine({ log: silentLog }))
  const ranked = rankEngines({
    hardware: await probeHardware(config.home, signal),
    server: installed ? (works ? 'works' : 'broken') : canInstallLlamaServer() ? 'not-installed' : 'no-build', // prettier-ignore
    ...(library ? { library } : {}),
  })
  const anything = ranked.some(({ usable }) => usable)
  return ranked.map(({ engine, usable, reason, backend }, index) => {
    const state = reason === 'broken' ? 'warn' : 'ok'
    const what = usable ? `${engine} · ${backend}` : engine
    const first = usable && index === 0
    return {
      id: `engine-${engine}`,
      state: anything ? state : 'fail',
      en: `Engine: ${what} · ${reasons[reason].en}${first ? ' · taken first' : ''}`,
      zh: `推理引擎：${what} · ${reasons[reason].zh}${first ? ' · 优先使用' : ''}`,
    } as const
  })
}
