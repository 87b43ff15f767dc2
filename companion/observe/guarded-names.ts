import dns from 'node:dns'
import { isIP } from 'node:net'
import { syncBuiltinESMExports } from 'node:module'

type Check = (host: string) => void
type Resolve = (this: unknown, ...args: unknown[]) => unknown

/** Questions for a name leave the house too: they are asked only for hosts that may be asked themselves. */
export function guardNames(require: Check, active: () => boolean): void {
  const byCallback = (original: Resolve): Resolve =>
    function (...args) {
      const error = active() ? refusal(args[0], require) : undefined
      if (!error) return original.apply(this, args)
      const done = args.at(-1)
      if (typeof done !== 'function') throw error
      process.nextTick(() => void done(error))
      return undefined
    }
  const byPromise = (original: Resolve): Resolve =>
    function (...args) {
      const error = active() ? refusal(args[0], require) : undefined
      return error ? Promise.reject(error) : original.apply(this, args)
    }
  for (const target of [dns, dns.Resolver.prototype]) wrap(target, byCallback)
  for (const target of [dns.promises, dns.promises.Resolver.prototype]) wrap(target, byPromise)
  syncBuiltinESMExports()
}

function refusal(host: unknown, require: Check): Error | undefined {
  if (typeof host !== 'string' || isIP(host)) return undefined
  try {
    require(host)
    return undefined
  } catch (error) {
    return error as Error
  }
}

function wrap(target: object, make: (original: Resolve) => Resolve): void {
  const methods = target as Record<string, unknown>
  for (const name of Object.getOwnPropertyNames(methods))
    if (/^(lookup$|resolve|reverse$)/.test(name) && typeof methods[name] === 'function')
      methods[name] = Object.assign(make(methods[name] as Resolve), methods[name])
}
