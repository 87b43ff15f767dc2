/**
 * The program inside the jail: Python (Pyodide) in a process that has nothing but this file, Pyodide and a pipe.
 * It runs under Node and Deno alike, imports nothing of Silo, reads one job from its standard input, and answers on its
 * standard output. What it answers is believed by nobody: the jailed code can write there too.
 *
 * Arguments: folder of Pyodide · snapshot file, or `-` · folder of packages, or `-` · `run` or `snapshot` · bytes of memory
 */
import { constants, readFileSync, readSync, writeSync } from 'node:fs'
import process from 'node:process'

interface FileNode {
  contents?: Uint8Array | null
}
interface Streams {
  node: FileNode
  flags: number
}
interface MemoryFiles {
  createNode(...args: unknown[]): unknown
  resizeFileStorage(node: FileNode, size: number): void
  ops_table: {
    dir: { node: { unlink(parent: { contents: Record<string, FileNode> }, name: string): void } }
    file: { stream: { close?(stream: Streams): void; write(...args: [stream: Streams, bytes: Uint8Array, offset: number, length: number, position: number, own?: boolean]): number } } // prettier-ignore
  }
}
interface FileSystem {
  filesystems: { MEMFS: MemoryFiles }
  ErrnoError: new (errno: number) => Error
  mkdirTree(path: string): void
  readdir(path: string): string[]
  analyzePath(path: string): { exists: boolean }
  lstat(path: string): { mode: number; size: number; mtime: Date }
  isDir(mode: number): boolean
  isFile(mode: number): boolean
  getPath(node: FileNode): string
  open(path: string, flags: string): Streams
  read(stream: Streams, buffer: Uint8Array, offset: number, length: number): number
  write(stream: Streams, buffer: Uint8Array, offset: number, length: number): number
  close(stream: Streams): void
  utime(path: string, accessed: number, modified: number): void
}
interface Python {
  FS: FileSystem
  runPython(code: string): unknown
  runPythonAsync(code: string, options?: { filename?: string }): Promise<unknown>
  setStdout(options: { write(bytes: Uint8Array): number }): void
  setStderr(options: { write(bytes: Uint8Array): number }): void
  loadPackage(names: string[], options: object): Promise<unknown>
  unpackArchive(bytes: Uint8Array, format: string, options: { extractDir: string }): void
  makeMemorySnapshot(): Uint8Array
}
interface Job {
  code: string
  fileBytes: number
  files: number
  memoryBytes: number
  load: string[]
  unpack: string[]
}

const [home = '', snapshot = '-', packages = '-', mode = 'run'] = process.argv.slice(2)
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const { stringify, parse } = JSON
const none = new Uint8Array(0)
/** ENOSPC of Emscripten. */
const noSpace = 51
/** What is larger, or comes again sooner, is only sent in the end. Bytes, ms. */
const shownBytes = 2 ** 20
const shownEveryMs = 600
/** No file of the program is older than its start; those it was given are. */
const stagedAt = Date.UTC(2000, 0, 1)

// ── The pipe: frames of a header (JSON) and a body, each with its length before it

const pause = new Int32Array(new SharedArrayBuffer(4))
const wait = Atomics.wait.bind(Atomics)
const again = (error: unknown): boolean => (error as { code?: string }).code === 'EAGAIN'

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at, bytes.length - at)
    } catch (error) {
      if (!again(error)) throw error
      wait(pause, 0, 0, 2)
    }
  }
}

function send(header: object, body: Uint8Array = none): void {
  const head = encoder.encode(stringify(header))
  const frame = new Uint8Array(8 + head.length + body.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, head.length)
  view.setUint32(4, body.length)
  frame.set(head, 8)
  frame.set(body, 8 + head.length)
  writeAll(frame)
}

/** Undefined: the other side is gone. */
function readExactly(length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    try {
      const got = readSync(0, bytes, at, length - at, null)
      if (got === 0) return undefined
      at += got
    } catch (error) {
      if (!again(error)) return undefined
      wait(pause, 0, 0, 2)
    }
  }
  return bytes
}

function receive(): { header: Record<string, unknown>; body: Uint8Array } {
  const lengths = readExactly(8)
  if (!lengths) process.exit(0)
  const view = new DataView(lengths.buffer)
  const head = readExactly(view.getUint32(0))
  const body = readExactly(view.getUint32(4))
  if (!head || !body) process.exit(0)
  return { header: parse(decoder.decode(head)), body }
}

// ── Walls of the language: the outer ones do not depend on them

/** Python's memory grows by this call alone; over the limit Python gets a MemoryError. */
function limitMemory(): { limit: number; reached: boolean } {
  const state = { limit: Number(process.argv[6]) || 2 ** 31, reached: false }
  const { prototype } = WebAssembly.Memory
  const { grow } = prototype
  const bufferOf = Object.getOwnPropertyDescriptor(prototype, 'buffer')?.get as () => ArrayBuffer
  Object.defineProperty(prototype, 'grow', {
    writable: false,
    configurable: false,
    value(this: WebAssembly.Memory, pages: number) {
      const bytes = bufferOf.call(this).byteLength + pages * 65_536
      if (bytes > state.limit) {
        state.reached = true
        throw new RangeError('over the memory limit')
      }
      return grow.call(this, pages)
    },
  })
  return state
}

/** Not needed in here by anybody. */
function disarm(): void {
  const names = ['kill', '_kill', '_debugProcess', '_debugEnd', '_startProfilerIdleNotifier']
  names.push('dlopen', 'binding', '_linkedBinding', 'chdir', 'setuid', 'setgid', 'abort', 'umask')
  for (const name of names)
    try {
      Object.defineProperty(process, name, { value: undefined, writable: false, configurable: false }) // prettier-ignore
    } catch {
      // Deno's own `process` may refuse; its permissions hold.
    }
  process.argv.length = 2
}

const sizeOf = (node: FileNode): number => node.contents?.length ?? 0

/** Files live in memory; they are counted as they come, grow and go. */
function limitFiles(fs: FileSystem, job: Job): { reached: boolean } {
  const state = { reached: false, bytes: 0, nodes: 0 }
  const { MEMFS } = fs.filesystems
  const { stream } = MEMFS.ops_table.file
  const folder = MEMFS.ops_table.dir.node
  const { createNode, resizeFileStorage } = MEMFS
  const { write } = stream
  const { unlink } = folder
  const refuse = (): never => {
    state.reached = true
    throw new fs.ErrnoError(noSpace)
  }
  const count = <T>(node: FileNode, wanted: number, work: () => T): T => {
    const before = sizeOf(node)
    if (wanted > before && state.bytes + wanted - before > job.fileBytes) refuse()
    const result = work()
    state.bytes += sizeOf(node) - before
    return result
  }
  MEMFS.createNode = (...args) => {
    // Programs have caches and folders of their own.
    if (state.nodes >= job.files + 1000) refuse()
    state.nodes++
    return createNode.apply(MEMFS, args)
  }
  MEMFS.resizeFileStorage = (node, size) =>
    count(node, size, () => resizeFileStorage.call(MEMFS, node, size))
  stream.write = (...args) =>
    count(args[0].node, args[4] + args[3], () => write.apply(stream, args))
  folder.unlink = (parent, name) => {
    const node = parent.contents[name]
    unlink.call(folder, parent, name)
    state.nodes--
    if (node?.contents instanceof Uint8Array) state.bytes -= sizeOf(node)
  }
  return state
}

// ── One job

const prelude = `
import os, sys
os.environ.clear()
os.environ.update(HOME='/work', LANG='C.UTF-8', MPLBACKEND='agg', MPLCONFIGDIR='/tmp')
os.makedirs('/work', exist_ok=True)
os.chdir('/work')

def refuse(*_):
    raise PermissionError('there are no other programs in here')
os.system = refuse
`
/** Imported while the snapshot is made, so that they are there at once. */
const preloaded = `
import base64, collections, csv, datetime, decimal, functools, glob, hashlib, html, io, itertools, json, math
import pathlib, random, re, shutil, statistics, string, textwrap, traceback, unicodedata, urllib.parse, zipfile
`
/** Runs the program to its end, whatever that is, and says so in JSON. */
const driver = `
async def run(code):
    import json, sys, traceback
    from pyodide.code import eval_code_async
    try:
        value = await eval_code_async(code, {'__name__': '__main__'}, filename='program.py')
        # As in a notebook: the last expression's value is shown.
        if value is not None: print(value)
        ended = {'exit': 0}
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int): ended = {'exit': end.code or 0}
        else:
            print(end.code, file=sys.stderr)
            ended = {'exit': 1, 'error': str(end.code)}
    except BaseException as error:
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename != 'program.py': frames = frames.tb_next
        lines = traceback.format_exception(type(error), error, frames)
        print(''.join(lines)[-20000:], end='', file=sys.stderr)
        ended = {'exit': 1, 'error': traceback.format_exception_only(error)[-1].strip()}
    sys.stdout.flush()
    sys.stderr.flush()
    return json.dumps(ended)
run
`
const figures = `
def _keep_figures():
    import sys
    plot = sys.modules.get('matplotlib.pyplot')
    if plot:
        for n in plot.get_fignums():
            plot.figure(n).savefig(f'/work/chart-{n}.png', dpi=144, bbox_inches='tight')
_keep_figures()
del _keep_figures
`

function stage(fs: FileSystem): Job {
  for (;;) {
    const { header, body } = receive()
    if (header.type === 'job') return header as unknown as Job
    const path = `/work/${String(header.name)}`
    fs.mkdirTree(path.slice(0, path.lastIndexOf('/')))
    const stream = fs.open(path, header.first ? 'w' : 'a')
    fs.write(stream, body, 0, body.length)
    fs.close(stream)
    fs.utime(path, stagedAt, stagedAt)
  }
}

/** Sends what is new or changed below /work. */
function sendFiles(fs: FileSystem, job: Job): boolean {
  let left = job.files
  let bytes = job.fileBytes
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of fs.readdir(`/work/${folder}`)) {
      if (name === '.' || name === '..') continue
      const path = folder ? `${folder}/${name}` : name
      const stat = fs.lstat(`/work/${path}`)
      if (fs.isDir(stat.mode)) folders.push(path)
      if (!fs.isFile(stat.mode) || stat.mtime.getTime() === stagedAt) continue
      left--
      bytes -= stat.size
      if (left < 0 || bytes < 0) return false
      sendFile(fs, path)
    }
  }
  return true
}

function sendFile(fs: FileSystem, name: string): void {
  const stream = fs.open(`/work/${name}`, 'r')
  const buffer = new Uint8Array(512 * 1024)
  for (let first = true; ; first = false) {
    const got = fs.read(stream, buffer, 0, buffer.length)
    if (got === 0 && !first) break
    send({ type: 'file', name, first }, buffer.subarray(0, got))
  }
  fs.close(stream)
}

/** Shows a file as soon as the program has written and closed it, seldom enough to be looked at. */
function showFiles(fs: FileSystem): void {
  const at = new Map<string, number>()
  fs.filesystems.MEMFS.ops_table.file.stream.close = ({ node, flags }) => {
    if ((flags & 3) === 0) return
    const path = fs.getPath(node)
    const now = Date.now()
    if (!path.startsWith('/work/') || path.includes('/.') || path.includes('/__pycache__/')) return
    if (now - (at.get(path) ?? 0) < shownEveryMs) return
    // It may have been removed while it was open.
    const { size } = fs.analyzePath(path).exists ? fs.lstat(path) : { size: 0 }
    if (size === 0 || size > shownBytes) return
    at.set(path, now)
    const content = new Uint8Array(size)
    const stream = fs.open(path, 'r')
    const got = fs.read(stream, content, 0, size)
    fs.close(stream)
    send({ type: 'shown', name: path.slice('/work/'.length) }, content.subarray(0, got))
  }
}

async function loadPackages(python: Python, job: Job): Promise<void> {
  const quiet = { messageCallback() {}, errorCallback() {}, checkIntegrity: true }
  if (job.load.length > 0) await python.loadPackage(job.load, quiet)
  for (const name of job.unpack)
    python.unpackArchive(new Uint8Array(readFileSync(`${packages}/${name}`)), 'wheel', {
      extractDir: '/lib/python3.14/site-packages',
    })
}

async function run(python: Python, memory: { limit: number; reached: boolean }): Promise<void> {
  const job = stage(python.FS)
  memory.limit = job.memoryBytes
  const output = (stream: string) => ({
    write(bytes: Uint8Array): number {
      for (let at = 0; at < bytes.length; at += 65_536)
        send({ type: 'output', stream }, bytes.subarray(at, at + 65_536))
      return bytes.length
    },
  })
  python.setStdout(output('stdout'))
  python.setStderr(output('stderr'))
  let outcome = 'done'
  let exitCode = 0
  let error: string | undefined
  let files = { reached: false }
  try {
    await loadPackages(python, job)
    const execute = python.runPython(driver) as (code: string) => PromiseLike<string>
    files = limitFiles(python.FS, job)
    showFiles(python.FS)
    const ended = parse(await execute(job.code)) as { exit: number; error?: string }
    exitCode = ended.exit & 255
    error = ended.error?.slice(0, 500)
    if (exitCode !== 0) outcome = error?.startsWith('MemoryError') ? 'memory-limit' : 'error'
    else python.runPython(figures)
  } catch (thrown) {
    outcome = memory.reached ? 'memory-limit' : 'crashed'
    error = String(thrown).trimEnd().split('\n').at(-1)?.slice(0, 500)
  }
  if (files.reached) outcome = 'file-limit'
  else if (!sendFiles(python.FS, job)) outcome = 'file-limit'
  send({ type: 'end', outcome, exitCode, error })
}

// ── Start

const memory = limitMemory()
// Pyodide asks for the numbers of its file flags this way, which Node forbids here.
Object.assign(process, { binding: () => ({ fs: constants }) })
const { loadPyodide } = (await import(`${home}/pyodide.mjs`)) as {
  loadPyodide(options: object): Promise<Python>
}
/** What the program sees as JavaScript's global object: nothing to speak of. */
const bare = Object.create(null) as object
const common = {
  indexURL: `${home}/`,
  jsglobals: bare,
  ...(packages === '-' ? {} : { packageCacheDir: `${packages}/` }),
}
if (mode === 'snapshot') {
  const python = await loadPyodide({ ...common, _makeSnapshot: true, env: {} })
  python.runPython(preloaded + prelude)
  const bytes = python.makeMemorySnapshot()
  for (let at = 0; at < bytes.length; at += 2 ** 20)
    send({ type: 'snapshot' }, bytes.subarray(at, at + 2 ** 20))
  send({ type: 'end' })
} else {
  const python = await loadPyodide({
    ...common,
    ...(snapshot === '-' ? { env: {} } : { _loadSnapshot: readFileSync(snapshot) }),
  })
  python.runPython(prelude)
  disarm()
  send({ type: 'ready' })
  await run(python, memory)
}
process.exit(0)
