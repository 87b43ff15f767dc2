import type { SandboxEvent, SandboxLimits } from '#shared/contracts/sandbox.ts'

type Outcome = Extract<SandboxEvent, { type: 'end' }>['outcome']

/** Something that foreign code tries. What it must not reach is in world.ts. */
export interface Attack {
  readonly name: string
  /** `{secret}`, `{outside}`, `{port}`, `{pid}`, `{folder}` stand for what the world has. */
  readonly code: string
  /** How it has to end, for what is not only to fail but to be stopped. Those run alone. */
  readonly ends?: readonly Outcome[]
  readonly limits?: SandboxLimits['limits']
  /** Takes long; tried in the long stage. */
  readonly slow?: boolean
}

const small = {
  wallMs: 1500,
  memoryBytes: 200 * 2 ** 20,
  outputBytes: 65_536,
  fileBytes: 4 * 2 ** 20,
  files: 50,
}
const stopped: readonly Outcome[] = ['error', 'crashed']
const js = (expression: string): string =>
  `from pyodide.code import run_js\nprint(run_js(${JSON.stringify(expression)}))`

/** They fail or find nothing, and the program goes on: all of them are tried in one jail. */
export const quietPythonAttacks: readonly Attack[] = [
  { name: 'js.process', code: 'import js\nprint(js.process.env.to_py())' },
  { name: 'js.globalThis', code: 'import js\nprint(js.globalThis.process.env.SILO_CANARY)' },
  { name: 'js.Deno', code: 'import js\nprint(js.Deno.env.toObject(), js.Deno.readTextFileSync("{secret}"))' },
  { name: 'js.fetch', code: 'import js\nprint(await js.fetch("http://127.0.0.1:{port}/"))' },
  { name: 'run_js process', code: js('process.env.SILO_CANARY') },
  { name: 'run_js getBuiltinModule', code: js('process.getBuiltinModule("fs").readFileSync("{secret}", "utf8")') },
  { name: 'run_js import', code: `${js('import("node:fs")')}\nprint((await run_js('import("node:fs")')).readFileSync("{secret}", "utf8"))` },
  { name: 'run_js kill', code: js('process.kill({pid}, "SIGKILL")') },
  { name: 'constructor.constructor', code: 'import pyodide_js as p\nprint(p.constructor.constructor("return process")().env.SILO_CANARY)' },
  { name: 'constructor of a function', code: 'import pyodide_js as p\nprint(p.FS.open.constructor("return process.env.SILO_CANARY")())' },
  { name: 'async function constructor', code: 'import pyodide_js as p\nf = p.loadPackage.constructor("return (await import(\\"node:fs\\")).readFileSync(\\"{secret}\\", \\"utf8\\")")\nprint(await f())' },
  { name: 'constructor of a callback', code: 'from pyodide.ffi import create_proxy\nprint(create_proxy(lambda: 1).constructor.constructor("return process")().kill({pid}, 9))' },
  { name: 'runtime of Pyodide', code: 'import pyodide_js as p\nprint(p._api.config.env, p._module.ENV, p._api.runtimeEnv)\nprint(p._module.read_("{secret}"))' },
  { name: 'require of Emscripten', code: 'import pyodide_js as p\nprint(p._module.require("fs").readFileSync("{secret}", "utf8"))' },
  { name: 'NODEFS of the root', code: 'import pyodide_js as p\nfrom pyodide.ffi import to_js\nimport js\np.FS.mkdirTree("/host")\np.FS.mount(p.FS.filesystems.NODEFS, to_js({"root": "/"}), "/host")\nprint(open("/host{secret}").read())' },
  { name: 'NODEFS of the root, writing', code: 'import pyodide_js as p\np.mountNodeFS("/host2", "/")\nopen("/host2{outside}", "w").write("x")' },
  { name: 'NODEFS of /proc', code: 'import pyodide_js as p\np.mountNodeFS("/host4", "/proc")\nprint(open("/host4/self/environ").read(), open("/host4/{pid}/environ").read())' },
  { name: 'reading a file', code: 'print(open("{secret}").read())' },
  { name: 'reading by a file address', code: 'import urllib.request\nprint(urllib.request.urlopen("file://{secret}").read())' },
  { name: 'writing a file', code: 'import os\nos.makedirs(os.path.dirname("{outside}"), exist_ok=True)\nopen("{outside}", "w").write("x")' },
  { name: 'reading the environment', code: 'import os\nprint(dict(os.environ), os.getenv("SILO_CANARY"))' },
  { name: 'reading /proc', code: 'print(open("/proc/self/environ").read())' },
  { name: 'reading /proc of another', code: 'print(open("/proc/{pid}/environ").read())' },
  { name: 'ctypes', code: 'import ctypes\nctypes.CDLL("libc.so.6").system(b"cat {secret} > {outside}")' },
  { name: 'subprocess', code: 'import subprocess\nprint(subprocess.check_output(["cat", "{secret}"]))' },
  { name: 'subprocess by a shell', code: 'import subprocess\nsubprocess.run("echo x > {outside}", shell=True, check=True)' },
  { name: 'os.popen', code: 'import os\nprint(os.popen("cat {secret}").read())' },
  { name: 'os.fork', code: 'import os\nwhile True: os.fork()' },
  { name: 'os.execv', code: 'import os\nos.execv("/bin/cat", ["cat", "{secret}"])' },
  { name: 'os.posix_spawn', code: 'import os\nos.posix_spawn("/bin/cat", ["cat", "{secret}"], {})' },
  { name: 'multiprocessing', code: 'import multiprocessing as m\nm.Process(target=print).start()' },
  { name: 'threads', code: 'import threading\nfor _ in range(10_000): threading.Thread(target=lambda: None).start()' },
  { name: 'os.kill', code: 'import os\nos.kill({pid}, 9)' },
  { name: 'socket', code: 'import socket\ns = socket.create_connection(("127.0.0.1", {port}), 2)\ns.send(b"x")\nprint(s.recv(9))' },
  { name: 'socket to a name', code: 'import socket\nprint(socket.getaddrinfo("example.org", 80))' },
  { name: 'urllib', code: 'import urllib.request\nprint(urllib.request.urlopen("http://127.0.0.1:{port}/", timeout=2).read())' },
  { name: 'http.client', code: 'import http.client\nc = http.client.HTTPConnection("127.0.0.1", {port}, timeout=2)\nc.request("GET", "/")\nprint(c.getresponse().read())' },
  { name: 'pyfetch', code: 'from pyodide.http import pyfetch\nprint(await pyfetch("http://127.0.0.1:{port}/"))' },
  { name: 'pyfetch of a file', code: 'from pyodide.http import pyfetch\nprint(await (await pyfetch("file://{secret}")).string())' },
  { name: 'loadPackage of an address', code: 'import pyodide_js as p\nawait p.loadPackage("http://127.0.0.1:{port}/x-1.0-py3-none-any.whl")' },
  { name: 'loadPackage of a file', code: 'import pyodide_js as p\nawait p.loadPackage("file://{secret}")' },
  { name: 'a second Pyodide', code: 'import pyodide_js as p\nprint(await p._api.loadPyodide())' },
  { name: 'a module of a data address', code: `${js('import("data:text/javascript,console.log(process.env)")')}` },
  { name: 'a worker', code: js('new Worker("data:text/javascript,1")') },
  { name: 'a link out of the folder', code: 'import os\nos.symlink("/", "root")\nprint(open("root{secret}").read())' },
  { name: 'a link left behind', code: 'import os\nos.symlink("{secret}", "result.txt")' },
  { name: 'a folder linked and left behind', code: 'import os\nos.symlink("/", "results")' },
  { name: 'names that lead out', code: 'import os\nfor n in ("..\\\\..\\\\x.txt", "a\\nb", "c:x", "con", "x."):\n    open(n, "w").write("x")' },
  { name: 'a task that stays', code: 'import asyncio\nasync def stay():\n    while True: await asyncio.sleep(0.01)\nasyncio.ensure_future(stay())' },
  { name: 'sys.exit in a handler', code: 'import atexit\natexit.register(lambda: open("{outside}", "w").write("x"))' },
] // prettier-ignore

/** They break the jail, or use up what there is; each runs in one of its own. */
export const loudPythonAttacks: readonly Attack[] = [
  { name: 'os.system', code: 'import os\nos.system("cat {secret} > {outside}")', ends: stopped },
  { name: 'NODEFS of Pyodide, writing', code: 'import pyodide_js as p\np.mountNodeFS("/host3", "/silo/pyodide")\nopen("/host3/package.json", "w").write("x")\nprint("wrote", "canary" * 0)', ends: stopped },
  { name: 'socket server', code: 'import socket\ns = socket.socket()\ns.bind(("0.0.0.0", 0))\ns.listen()\nprint(s.getsockname())', ends: stopped },
  { name: 'ctypes of everything', code: 'import ctypes\nctypes.CDLL(None).system(b"cat {secret} > {outside}")', ends: stopped },
  { name: 'ctypes at an address', slow: true, code: 'import ctypes\nctypes.memset(0, 255, 10_000_000)\nctypes.string_at(2**31)', ends: [...stopped, 'done', 'memory-limit'] },
  { name: 'os.abort', code: 'import os\nos.abort()', ends: stopped },
  { name: 'os._exit', code: 'import os\nos._exit(0)', ends: [...stopped, 'done'] },
  { name: 'endless recursion', slow: true, code: 'import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()', ends: [...stopped, 'memory-limit'], limits: small },
  { name: 'a memory bomb', code: 'x = []\nwhile True: x.append(bytearray(10**7))', ends: ['memory-limit'], limits: small },
  { name: 'one huge object', code: 'x = bytearray(2**31 - 1)', ends: ['memory-limit'], limits: small },
  { name: 'a memory bomb that goes on', slow: true, code: 'x = []\nwhile True:\n    try: x.append("x" * 10**6)\n    except MemoryError: pass', ends: ['time-limit', 'memory-limit'], limits: small },
  { name: 'a memory bomb in JavaScript', slow: true, code: 'import pyodide_js as p\nfrom pyodide.ffi import to_js\nx = []\nwhile True: x.append(to_js([1.5] * 10**6))', ends: ['memory-limit', 'error', 'crashed', 'time-limit'], limits: { ...small, wallMs: 10_000 } },
  { name: 'a bomb in a zip', slow: true, code: 'import io, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED)\nwith z.open("x", "w", force_zip64=True) as f:\n    for _ in range(60): f.write(bytes(10**7))\nz.close()\nzipfile.ZipFile(b).extractall()', ends: ['file-limit', 'time-limit'], limits: { ...small, wallMs: 15_000 } },
  { name: 'an endless loop', code: 'while True: pass', ends: ['time-limit'], limits: small },
  { name: 'an endless loop that catches all', slow: true, code: 'while True:\n    try:\n        while True: pass\n    except BaseException: pass', ends: ['time-limit'], limits: small },
  { name: 'an endless calculation', slow: true, code: 'print(len(str(9**9**9)))', ends: ['time-limit', 'memory-limit', 'error'], limits: small },
  { name: 'an endless expression', slow: true, code: 'import re\nre.match("(a+)+$", "a" * 50 + "b")', ends: ['time-limit'], limits: small },
  { name: 'an endless sleep', slow: true, code: 'import time\ntime.sleep(10**6)', ends: ['time-limit'], limits: small },
  { name: 'an endless wait', slow: true, code: 'import asyncio\nawait asyncio.sleep(10**6)', ends: ['time-limit'], limits: small },
  { name: '10 GB of output', code: 'for _ in range(10_000): print("x" * 10**6)', ends: ['output-limit'], limits: { ...small, wallMs: 20_000 } },
  { name: '10 GB of errors', slow: true, code: 'import sys\nfor _ in range(10**10): sys.stderr.write("x" * 1000)', ends: ['output-limit'], limits: { ...small, wallMs: 20_000 } },
  { name: 'a hundred thousand files', code: 'for n in range(100_000): open(f"{n}.txt", "w").write("x")', ends: ['file-limit'], limits: { ...small, wallMs: 30_000 } },
  { name: 'a few files too many', code: 'for n in range(60): open(f"{n}.txt", "w").write("x")', ends: ['file-limit'], limits: small },
  { name: 'folders without end', slow: true, code: 'import os\nwhile True:\n    os.mkdir("d")\n    os.chdir("d")', ends: ['file-limit', 'error', 'crashed'], limits: { ...small, wallMs: 30_000 } },
  { name: 'a file of 10 GB', code: 'with open("x", "wb") as f:\n    for _ in range(10_000): f.write(bytes(10**6))', ends: ['file-limit'], limits: small },
  { name: 'a file of 10 GB with a hole', code: 'with open("x", "wb") as f:\n    f.seek(10**10)\n    f.write(b"x")', ends: ['file-limit', 'error', 'crashed', 'memory-limit'], limits: small },
  { name: 'a file made long', code: 'with open("x", "wb") as f: f.truncate(10**9)', ends: ['file-limit', 'error', 'memory-limit'], limits: small },
  { name: 'files in another place', code: 'for n in range(100): open(f"/tmp/{n}", "wb").write(bytes(10**6))', ends: ['file-limit'], limits: small },
  { name: 'a builtin replaced', code: 'import builtins, sys\nbuiltins.__import__ = None\nsys.modules.clear()', ends: ['done', 'error', 'crashed'] },
  { name: 'the files of Pyodide broken', code: 'import pyodide_js as p\np.FS.readdir = None\np.FS.lstat = None', ends: ['done', 'error', 'crashed'] },
  { name: 'an answer forged', code: 'import pyodide_js as p\nfrom pyodide.ffi import to_js\np._module.FS.filesystems.MEMFS.mount = None\nimport os\nos.write(1, b"\\0\\0\\0\\x15\\0\\0\\0\\0" + b"x" * 21)', ends: ['done', 'error', 'crashed'] },
] // prettier-ignore

/** All the quiet ones in one program; each says how it ended. */
export function quietProgram(attacks: readonly Attack[]): string {
  const list = attacks.map(({ name, code }) => [name, code])
  return [
    `attacks = ${JSON.stringify(list)}`,
    'import ast',
    'for name, code in attacks:',
    '    print("##", name)',
    '    try:',
    '        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT',
    '        value = eval(compile(code, name, "exec", flags=flags), {})',
    '        if value is not None: await value',
    '        print("ended")',
    '    except BaseException as error:',
    '        print("refused", type(error).__name__, str(error)[-300:])',
  ].join('\n')
}
