import { existsSync } from 'node:fs'
import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sandbox, SandboxEvent, SandboxJob, SandboxLimits } from '#shared/contracts/sandbox.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import { runJob } from '#tests/sandbox/world.ts'

type Limits = NonNullable<SandboxLimits['limits']>

/** The same jobs for every kind of jail. */
export interface SandboxTraits {
  /** Prints `one`, then `two` as an error. */
  readonly prints: SandboxJob
  /** Ends by itself with code 3. */
  readonly fails: SandboxJob
  /** Never ends. */
  readonly hangs: SandboxJob
  /** Prints without end. */
  readonly floods: SandboxJob
  /** Reads `a.txt`, which holds `alpha`, and leaves `out.txt` with `ALPHA`. */
  readonly writes: SandboxJob
  /** Leaves 30 files. */
  readonly hoards: SandboxJob
  readonly invalid: readonly SandboxJob[]
  /** The name of `out.txt` among the files. */
  readonly outName: string
}

export interface OpenSandbox {
  readonly sandbox: Sandbox
  readonly traits: SandboxTraits
  /** Where everything of the jail lies; holds nothing of a job afterwards. */
  readonly folder?: string
  close(): Promise<void>
}

const limited = (job: SandboxJob, limits: Limits): SandboxJob => ({ ...job, limits })

/** Every Sandbox has to pass. */
export function sandboxContract(name: string, open: () => Promise<OpenSandbox>): void {
  describe(`${name} as a sandbox`, () => {
    let opened: OpenSandbox
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(async () => {
      await opened.sandbox[Symbol.asyncDispose]()
      await opened.close()
    })
    const left = async (): Promise<string[]> => {
      if (!opened.folder || !existsSync(opened.folder)) return []
      const names = await readdir(opened.folder, { recursive: true })
      return names.filter((path) => /(?:left|copy)-/.test(path))
    }

    it('says that it can run, and behind which walls', async () => {
      const probe = await opened.sandbox.probe(new AbortController().signal)
      expect(probe.available).toBe(true)
      expect(probe.walls.length).toBeGreaterThan(0)
      expect(opened.sandbox.specVersion).toBe(1)
    })

    it('passes on what a program prints', async () => {
      const texts = { stdout: '', stderr: '' }
      let end: SandboxEvent | undefined
      for await (const event of opened.sandbox.run(
        opened.traits.prints,
        new AbortController().signal,
      )) {
        expect(end).toBeUndefined()
        if (event.type === 'output') texts[event.stream] += event.text
        else if (event.type === 'end') end = event
      }
      expect(texts).toEqual({ stdout: 'one\n', stderr: 'two\n' })
      expect(end).toMatchObject({ type: 'end', outcome: 'done', exitCode: 0, files: [] })
      if (end?.type === 'end') await rm(end.folder, { recursive: true, force: true })
    })

    it('tells a failure with its code', async () => {
      const ran = await runJob(opened.sandbox, opened.traits.fails)
      expect(ran).toMatchObject({ outcome: 'error', exitCode: 3 })
      await rm(ran.folder, { recursive: true, force: true })
    })

    it('gives files in and out', async () => {
      const ran = await runJob(opened.sandbox, opened.traits.writes)
      expect(ran).toMatchObject({
        outcome: 'done',
        files: [{ name: opened.traits.outName, size: 5 }],
      })
      expect(await readFile(join(ran.folder, opened.traits.outName), 'utf8')).toBe('ALPHA')
      await rm(ran.folder, { recursive: true, force: true })
      expect(await left()).toEqual([])
    })

    it('ends what takes too long', async () => {
      const ran = await runJob(opened.sandbox, limited(opened.traits.hangs, { wallMs: 700 }))
      expect(ran).toMatchObject({ outcome: 'time-limit', files: [] })
      await rm(ran.folder, { recursive: true, force: true })
    })

    it('ends what says too much', async () => {
      const ran = await runJob(
        opened.sandbox,
        limited(opened.traits.floods, { outputBytes: 20_000 }),
      )
      expect(ran.outcome).toBe('output-limit')
      expect(ran.output.length).toBeLessThanOrEqual(20_000)
      await rm(ran.folder, { recursive: true, force: true })
    })

    it('ends what leaves too much', async () => {
      const ran = await runJob(opened.sandbox, limited(opened.traits.hoards, { files: 10 }))
      expect(ran).toMatchObject({ outcome: 'file-limit', files: [] })
      await rm(ran.folder, { recursive: true, force: true })
    })

    it('ends what is cancelled', async () => {
      const abort = new AbortController()
      const running = runJob(opened.sandbox, opened.traits.hangs, abort.signal)
      setTimeout(() => abort.abort(), 300)
      const ran = await running
      expect(ran).toMatchObject({ outcome: 'cancelled', files: [] })
      await rm(ran.folder, { recursive: true, force: true })
      const before = AbortSignal.abort(new Error('early'))
      await expect(runJob(opened.sandbox, opened.traits.prints, before)).rejects.toThrow('early')
    })

    it('leaves nothing when nobody listens to the end', async () => {
      for await (const event of opened.sandbox.run(
        opened.traits.floods,
        new AbortController().signal,
      )) {
        expect(event.type).toBe('output')
        break
      }
      expect(await left()).toEqual([])
    })

    it('runs several jobs at once', async () => {
      const rounds = opened.traits.prints.kind === 'shell' ? 20 : 1
      // Beginnings overlap by chance; in some of many rounds they do.
      for (let round = 0; round < rounds; round++) {
        const all = await Promise.all(
          [opened.traits.prints, opened.traits.fails].map((job) => runJob(opened.sandbox, job)),
        )
        expect(all.map(({ outcome }) => outcome)).toEqual(['done', 'error'])
        for (const { folder } of all) await rm(folder, { recursive: true, force: true })
      }
    })

    it('refuses jobs that are none', async () => {
      for (const job of opened.traits.invalid) {
        const error = await runJob(opened.sandbox, job).catch((thrown: unknown) => thrown)
        expect(error, JSON.stringify(job)).toBeInstanceOf(SiloError)
        expect(error).toMatchObject({ code: 'sandbox_input_invalid' })
      }
      expect(await left()).toEqual([])
    })
  })
}

/** The contract's jobs for jails with Python. `source` is a file that holds `alpha`. */
export function pythonTraits(source: string): SandboxTraits {
  const python = (code: string, files = [{ name: 'a.txt', source }]): SandboxJob => ({
    kind: 'python',
    code,
    files,
  })
  return {
    prints: python('import sys\nprint("one")\nprint("two", file=sys.stderr)'),
    fails: python('raise SystemExit(3)'),
    hangs: python('while True: pass'),
    floods: python('while True: print("x" * 1000)'),
    writes: python('open("out.txt", "w").write(open("a.txt").read().strip().upper())\nNone'),
    hoards: python('for n in range(30): open(f"{n}.txt", "w").close()'),
    outName: 'out.txt',
    invalid: [
      python(''),
      ...['../a.txt', '/a.txt', 'a/../../b', 'a\\b', '', '.', 'con', 'a\0', 'a\n', 'x.'].map((name) => python('1', [{ name, source }])),
      python('1', [{ name: 'a', source: `${source}.missing` }]),
      python('1', [{ name: 'a', source: '/' }]),
      python('1', [{ name: 'a', source }, { name: 'A', source }]),
      { kind: 'shell', argv: ['true'], cwd: '/tmp', folders: [] },
      { ...python('1'), limits: { fileBytes: 2 } },
    ],
  } // prettier-ignore
}

/** The same for jails with commands. `folder` holds `a.txt`. */
export function shellTraits(folder: string): SandboxTraits {
  const shell = (command: string, folders = [{ path: folder, write: true }], cwd = folder): SandboxJob =>
    ({ kind: 'shell', argv: ['sh', '-c', command], cwd, folders }) // prettier-ignore
  return {
    prints: shell('echo one; echo two >&2'),
    fails: shell('exit 3'),
    hangs: shell('while :; do :; done'),
    floods: shell('yes'),
    writes: shell('printf %s "$(tr a-z A-Z < a.txt)" > out.txt'),
    hoards: shell('for i in $(seq 30); do : > $i; done'),
    outName: '0/out.txt',
    invalid: [
      { kind: 'shell', argv: [], cwd: folder, folders: [{ path: folder, write: false }] },
      { kind: 'shell', argv: [''], cwd: folder, folders: [{ path: folder, write: false }] },
      { kind: 'shell', argv: ['a\0b'], cwd: folder, folders: [{ path: folder, write: false }] },
      shell('true', [{ path: 'relative', write: false }]),
      shell('true', [{ path: `${folder}/`, write: false }]),
      shell('true', [{ path: `${folder}/../documents`, write: false }]),
      shell('true', [{ path: `${folder}/a.txt`, write: false }]),
      shell('true', [{ path: `${folder}/missing`, write: false }]),
      ...['/', '/usr', '/etc', '/proc', '/tmp', '/dev/shm'].map((path) => shell('true', [{ path, write: true }], path)),
      shell('true', [{ path: folder, write: true }, { path: folder, write: false }]),
      shell('true', [{ path: folder, write: true }, { path: `${folder}/bills`, write: false }]),
      shell('true', [{ path: folder, write: true }], '/usr'),
      { kind: 'python', code: '1', files: [] },
      { ...shell('true'), limits: { fileBytes: 2 } },
    ],
  } // prettier-ignore
}
