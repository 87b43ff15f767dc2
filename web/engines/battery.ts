import type { PageAbility } from '#shared/router/placement.ts'

interface BatteryManager extends EventTarget {
  readonly level: number
  readonly charging: boolean
}

/** Tells the battery's level where the browser does; returns the way to stop. */
export function watchBattery(
  listener: (battery: NonNullable<PageAbility['battery']>) => void,
): () => void {
  const stop = new AbortController()
  const ask: unknown = Reflect.get(navigator, 'getBattery')
  if (typeof ask === 'function')
    Promise.resolve(ask.call(navigator) as Promise<BatteryManager>)
      .then((battery) => {
        const tell = (): void => listener({ level: battery.level, charging: battery.charging })
        if (stop.signal.aborted) return
        for (const type of ['levelchange', 'chargingchange'])
          battery.addEventListener(type, tell, { signal: stop.signal })
        tell()
      })
      .catch(() => {})
  return () => stop.abort()
}
