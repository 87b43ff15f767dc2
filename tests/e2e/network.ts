import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Two machines on one LAN: the desk with the companion, and the phone. */
export interface Network {
  /** False where this system has no network namespaces to give: then both are this machine, and `cut` does nothing. */
  readonly isolated: boolean
  /** The desk's address as the phone sees it. */
  readonly deskAddress: string
  readonly desk: Machine
  readonly phone: Machine
  /** Pulls the cable, and plugs it in again. */
  cut(): void
  mend(): void
  close(): void
}

export interface Machine {
  /** What a command line begins with to run on this machine. */
  readonly prefix: readonly string[]
  /** A program that runs `executable` on this machine, for those who want a path. */
  wrap(executable: string): string
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })

/** Needs Linux, root and iproute2 for real namespaces. */
export function createNetwork(): Network {
  const tag = `${process.pid % 10_000}`
  const folder = mkdtempSync(join(tmpdir(), 'silo-net-'))
  const names = { desk: `silo-d${tag}`, phone: `silo-p${tag}` }
  const close = (): void => {
    for (const name of Object.values(names))
      try {
        ip('netns', 'del', name)
      } catch {
        // It was never made.
      }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const name of Object.values(names)) ip('netns', 'add', name)
    ip('link', 'add', `sd${tag}`, 'type', 'veth', 'peer', 'name', `sp${tag}`)
    ip('link', 'set', `sd${tag}`, 'netns', names.desk)
    ip('link', 'set', `sp${tag}`, 'netns', names.phone)
    for (const [name, device, address] of [
      [names.desk, `sd${tag}`, '192.168.77.1'],
      [names.phone, `sp${tag}`, '192.168.77.2'],
    ] as const) {
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', device)
      ip('-n', name, 'link', 'set', device, 'up')
      ip('-n', name, 'route', 'add', 'default', 'dev', device)
    }
  } catch (error) {
    close()
    console.warn('No network namespaces here; the desk and the phone share this machine.', String(error).split('\n')[0]) // prettier-ignore
    const here: Machine = { prefix: [], wrap: (executable) => executable }
    return {
      isolated: false,
      deskAddress: '127.0.0.1',
      desk: here,
      phone: here,
      cut() {},
      mend() {},
      close() {},
    }
  }
  const machine = (name: string): Machine => ({
    prefix: ['ip', 'netns', 'exec', name],
    wrap(executable) {
      const path = join(folder, `${name}-${executable.split('/').at(-1)}`)
      writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${name} '${executable}' "$@"\n`)
      chmodSync(path, 0o755)
      return path
    },
  })
  return {
    isolated: true,
    deskAddress: '192.168.77.1',
    desk: machine(names.desk),
    phone: machine(names.phone),
    cut: () => void ip('-n', names.phone, 'link', 'set', `sp${tag}`, 'down'),
    mend() {
      ip('-n', names.phone, 'link', 'set', `sp${tag}`, 'up')
      // The address stays; the route went with the link.
      ip('-n', names.phone, 'route', 'replace', 'default', 'dev', `sp${tag}`)
    },
    close,
  }
}
