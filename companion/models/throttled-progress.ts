import type { RunContext } from '#companion/runs/run.ts'

/** Milliseconds between two progress events. */
const progressMs = 250

/** Tells a run how far it is, in bytes and with their rate, not too often; `force` tells it in any case. */
export function throttledProgress(run: RunContext, detail: string) {
  let last = 0
  let lastStage = ''
  let started = Date.now()
  let from = 0
  return (stage: string, done: number, total: number, force = false): void => {
    const now = Date.now()
    if (stage !== lastStage) {
      started = now
      from = done
    } else if (!force && now - last < progressMs) return
    last = now
    lastStage = stage
    const seconds = (now - started) / 1000
    run.emit({
      type: 'progress',
      stage,
      done,
      total,
      unit: 'bytes',
      detail,
      ...(seconds > 0.5 && done > from ? { rate: (done - from) / seconds } : {}),
    })
  }
}
