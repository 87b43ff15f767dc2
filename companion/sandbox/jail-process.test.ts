import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { JailProcess } from './jail-process.ts'

describe.skipIf(process.platform === 'win32')('the process of a jail', () => {
  it('is gone when it is killed, also where something it started holds its pipes', async () => {
    const program = 'sleep 3 & echo $!; wait'
    const jail = new JailProcess({ file: '/bin/sh', args: ['-c', program], walls: [], kept: false })
    for await (const chunk of jail.stdout) {
      expect(String(chunk)).toMatch(/^\d+\n$/)
      break
    }
    jail.kill()
    expect((await jail.exited).signal).toBe('SIGKILL')
    expect(jail.gone).toBe(true)
  })

  it('ends its frames when it is killed', async () => {
    const jail = new JailProcess({ file: '/bin/sh', args: ['-c', 'sleep 3 & wait'], walls: [], kept: false }) // prettier-ignore
    const frames = (async () => {
      for await (const frame of jail.frames()) expect(frame).toBeUndefined()
      return 'ended'
    })()
    await wait(50)
    jail.kill()
    expect(await Promise.race([frames, wait(2500, 'still open')])).toBe('ended')
  })
})
