import { join } from 'node:path'
import type { Config } from '#companion/config/config.ts'
import { installedEngines } from '#companion/compose/installed-engines.ts'
import { probeHardware } from '#companion/engines/hardware.ts'
import { silentLog } from '#companion/observe/log.ts'
import type { EngineReason } from '#shared/domain/engine-choice.ts'

const probeLimit = 15_000

const reasons: Record<EngineReason, { en: string; zh: string }> = {
  gpu: { en: 'computes on the GPU', zh: '使用显卡计算' },
  cpu: { en: 'computes on the processor', zh: '使用处理器计算' },
  'gpu-unused': { en: 'would leave the GPU unused', zh: '不会用到显卡' },
  npu: { en: 'computes on the NPU', zh: '使用 NPU 计算' },
  slower: { en: 'works here, but more slowly', zh: '可在本机运行，但较慢' },
  second: { en: 'computes alike', zh: '速度相当' },
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
  const hardware = await probeHardware(config.home, signal)
  const engines = installedEngines({ directory, log: silentLog, hardware: () => hardware })
  await engines.probe(signal)
  const ranked = engines.ranked()
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
