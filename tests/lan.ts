import { execFileSync } from 'node:child_process'

/** One of several machines on a LAN of their own. */
export interface LanMachine {
  readonly name: string
  /** What a command line begins with to run there. */
  readonly prefix: readonly string[]
  readonly address: string
  /** Pulls its cable, and plugs it in again. */
  cut(): void
  mend(): void
}

export interface Lan {
  readonly machines: readonly LanMachine[]
  close(): void
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })

/** Why there can be no machines; undefined where there can. */
export function lanMissing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root'
  const name = `silo-try${process.pid % 10_000}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return undefined
  } catch (error) {
    return String(error).split('\n')[0]
  }
}

/**
 * Machines that share one switch, each in a network namespace: they hear each other's multicast and nothing of the
 * rest. Needs Linux, root and iproute2. @throws where there are no namespaces to be had: see `lanMissing`
 */
export function createLan(names: readonly string[], subnet = '192.168.78'): Lan {
  const tag = `${process.pid % 10_000}`
  const hub = `silo-sw${tag}`
  const spaceOf = (name: string): string => `silo-${name}${tag}`
  const close = (): void => {
    for (const name of [hub, ...names.map(spaceOf)])
      try {
        ip('netns', 'del', name)
      } catch {
        // It was never made.
      }
  }
  try {
    ip('netns', 'add', hub)
    ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge')
    ip('-n', hub, 'link', 'set', 'br0', 'up')
    const machines = names.map((name, index): LanMachine => {
      const space = spaceOf(name)
      const [port, plug] = [`sw${index}n${tag}`, `eth${index}n${tag}`]
      const address = `${subnet}.${index + 1}`
      ip('netns', 'add', space)
      ip('link', 'add', port, 'type', 'veth', 'peer', 'name', plug)
      ip('link', 'set', port, 'netns', hub)
      ip('link', 'set', plug, 'netns', space)
      ip('-n', hub, 'link', 'set', port, 'master', 'br0')
      ip('-n', hub, 'link', 'set', port, 'up')
      ip('-n', space, 'link', 'set', 'lo', 'up')
      ip('-n', space, 'addr', 'add', `${address}/24`, 'dev', plug)
      ip('-n', space, 'link', 'set', plug, 'up')
      ip('-n', space, 'route', 'add', 'default', 'dev', plug)
      return {
        name,
        prefix: ['ip', 'netns', 'exec', space],
        address,
        cut: () => void ip('-n', hub, 'link', 'set', port, 'down'),
        mend: () => void ip('-n', hub, 'link', 'set', port, 'up'),
      }
    })
    return { machines, close }
  } catch (error) {
    close()
    throw error
  }
}
