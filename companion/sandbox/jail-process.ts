import { spawn, type ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { encodeFrame, FrameReader, type Frame } from './frames.ts'

/** A command that starts a jail, its walls included. */
export interface JailCommand {
  readonly file: string
  readonly args: readonly string[]
  /** Outermost first. */
  readonly walls: readonly string[]
  /** A keeper stands between, which wants to be told on a third pipe that its parent lives. */
  readonly kept: boolean
}

export interface JailExit {
  /** Undefined: it could not be started. */
  readonly code?: number | undefined
  readonly signal?: string | undefined
  /** The end of what it wrote beside its frames. */
  readonly stderr: string
}

const stderrKept = 8000
/** How long the pipes of a killed jail may stay open, ms. */
const pipesMs = 1000

/** A process behind walls. It ends with this one: by bubblewrap, or by its keeper. */
export class JailProcess {
  readonly exited: Promise<JailExit>
  readonly #process: ChildProcess
  #gone = false
  #killed = false

  constructor(command: JailCommand) {
    this.#process = spawn(command.file, [...command.args], {
      stdio: ['pipe', 'pipe', 'pipe', command.kept ? 'pipe' : 'ignore'],
      env: {},
      cwd: process.platform === 'win32' ? process.cwd() : '/',
      windowsHide: true,
    })
    let stderr = ''
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-stderrKept)
    })
    for (const stream of this.#process.stdio) stream?.on('error', () => {})
    this.exited = new Promise((resolve) => {
      this.#process.once('error', (error) => {
        this.#gone = true
        resolve({ stderr: error.message })
      })
      this.#process.once('exit', () => {
        // Bubblewrap, killed while it starts, may leave behind a program that holds the pipes.
        if (this.#killed) setTimeout(() => this.#closePipes(), pipesMs).unref()
      })
      this.#process.once('close', (code, signal) => {
        this.#gone = true
        resolve({ code: code ?? undefined, signal: signal ?? undefined, stderr })
      })
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get gone(): boolean {
    return this.#gone
  }

  /** What it says; a jail that is slow to be listened to waits. @throws Error for what is no frame */
  async *frames(): AsyncGenerator<Frame> {
    const reader = new FrameReader()
    const stdout = this.#process.stdout as Readable
    try {
      for await (const chunk of stdout) yield* reader.push(chunk as Buffer)
    } catch (error) {
      if (!this.#killed || (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE')
        throw error
    }
  }

  get stdout(): Readable {
    return this.#process.stdout as Readable
  }

  get stderr(): Readable {
    return this.#process.stderr as Readable
  }

  /** Resolves once the pipe takes more; also when the jail is gone. */
  async send(header: object, body?: Uint8Array): Promise<void> {
    const stdin = this.#process.stdin as Writable
    if (this.#gone || stdin.destroyed) return
    if (stdin.write(encodeFrame(header, body))) return
    const drained = new Promise<void>((resolve) => {
      stdin.once('drain', resolve).once('close', resolve)
    })
    await Promise.race([drained, this.exited])
  }

  /** Ends what is written to it. */
  closeInput(): void {
    this.#process.stdin?.end()
  }

  kill(): void {
    this.#killed = true
    // Whatever survives its walls ends when there is nothing more to read.
    this.#process.stdin?.destroy()
    // The keeper ends its jail when this pipe does; killed itself, it could not.
    const life = this.#process.stdio[3] as Writable | null | undefined
    if (life) life.destroy()
    else this.#process.kill('SIGKILL')
  }

  #closePipes(): void {
    for (const stream of this.#process.stdio) stream?.destroy()
  }
}
