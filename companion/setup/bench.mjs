import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { node, run } from './process.mjs'
import { ensureWebBuilt } from './web-build.mjs'

/** `npm run bench -- NAME [--quick]`; the last line is JSON. */
await ensureInstalled()
await ensureWebBuilt()
const { code } = await run(node, [join('tests', 'bench', 'main.ts'), ...process.argv.slice(2)])
process.exit(code)
