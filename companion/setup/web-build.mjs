import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, node, root, run, say } from './process.mjs'

const stamp = join(root, 'build', 'web.sha256')
const inputs = [
  'web',
  'shared',
  'static',
  'package.json',
  'package-lock.json',
  'svelte.config.js',
  'vite.config.ts',
]

/** Builds the web app unless build/web is of these very sources. */
export async function ensureWebBuilt() {
  const wanted = fingerprint()
  if (
    existsSync(join(root, 'build', 'web', 'index.html')) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === wanted
  )
    return
  say('Building the web app …')
  const result = await run(
    node,
    [join('node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'error'],
    {
      capture: true,
      timeoutMs: 10 * 60_000,
    },
  )
  if (result.code !== 0) fail(`${result.output}\nThe web app could not be built.`)
  mkdirSync(join(root, 'build'), { recursive: true })
  writeFileSync(stamp, wanted)
}

function fingerprint() {
  const hash = createHash('sha256')
  const visit = (path) => {
    const absolute = join(root, path)
    const stats = statSync(absolute, { throwIfNoEntry: false })
    if (!stats) return
    if (stats.isDirectory()) {
      for (const name of readdirSync(absolute).sort())
        if (name !== '.svelte-kit' && name !== 'node_modules') visit(join(path, name))
    } else {
      hash.update(`${path}\0`).update(readFileSync(absolute))
    }
  }
  for (const input of inputs) visit(input)
  return hash.digest('hex')
}
