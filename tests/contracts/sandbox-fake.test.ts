import { createFakeSandbox } from '#tests/fakes/sandbox.ts'
import { pythonTraits, sandboxContract } from './sandbox.ts'

sandboxContract('fake', async () => {
  const traits = pythonTraits('a.txt')
  const sandbox = createFakeSandbox((job) => {
    const { code } = job
    if (code.includes('file=sys.stderr')) return { stdout: 'one\n', stderr: 'two\n' }
    if (code.includes('SystemExit')) return { exitCode: 3 }
    if (code.includes('pass')) return { hangs: true }
    if (code.includes('while True: print')) return { stdout: 'x'.repeat(100_000) }
    if (code.includes('upper')) return { files: { 'out.txt': 'ALPHA' } }
    return { files: Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`${n}.txt`, ''])) }
  })
  // Whether a source exists is for real jails to see.
  const invalid = traits.invalid.filter((job) => job.kind === 'shell' || job.code === '')
  return { sandbox, traits: { ...traits, invalid }, close: async () => {} }
})
