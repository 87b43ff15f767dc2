import { connectDevices } from '#tests/fakes/bep-pair.ts'
import { replica } from './sync-folder-harness.ts'

/**
 * Two replicas in a process that is to be killed: A scans and announces, B pulls and says what it has.
 * node sync-folder-child.ts ROOT_A DATABASE_A ID_A ROOT_B DATABASE_B ID_B
 */
const [rootA, databaseA, idA, rootB, databaseB, idB] = process.argv.slice(2) as string[]

const open = (name: string, root: string, databasePath: string, id: string) =>
  replica(name, {
    root,
    databasePath,
    device: { bepId: Buffer.from(id, 'hex'), name, folders: new Map() },
    onOpened: (engine) =>
      engine.onPulled((names) => process.stdout.write(`${JSON.stringify({ name, names })}\n`)),
  })
process.stdout.write('"started"\n')
const [a, b] = await Promise.all([
  open('a', rootA!, databaseA!, idA!),
  open('b', rootB!, databaseB!, idB!),
])
connectDevices(a.device, b.device)
// Ends with its parent, and in any case.
process.stdin.on('end', () => process.exit()).resume()
setTimeout(() => process.exit(), 30_000)
