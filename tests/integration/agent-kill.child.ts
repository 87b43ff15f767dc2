import { join } from 'node:path'
import { AgentWorld, sortSkill } from './agent-harness.ts'

/** A companion in a process of its own, which a test kills. The home folder and the port come by the arguments. */
const [home = '', files = ''] = process.argv.slice(2)
const world = new AgentWorld(home, files)
const slow = {
  ...sortSkill,
  async run(input: never, task: Parameters<typeof sortSkill.run>[1]) {
    await task.step('before', async () => {
      console.log(JSON.stringify({ type: 'before' }))
      return { value: 1 }
    })
    await task.step('slow', async () => {
      console.log(JSON.stringify({ type: 'slow', path: join(files) }))
      await new Promise((resolve) => setTimeout(resolve, process.env.SLOW === '1' ? 600_000 : 0))
      return { value: 2 }
    })
    await sortSkill.run(input, task)
  },
}
await world.start({ skills: [slow] })
console.log(JSON.stringify({ type: 'ready', url: world.companion.url, token: world.companion.token })) // prettier-ignore
process.once('disconnect', () => process.exit(0))
