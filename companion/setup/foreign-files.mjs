import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What a package holds beside what the recognisers load here: paths below node_modules, and which entries stay. */
const kept = [
  ['onnxruntime-node/bin/napi-v3', ({ platform }) => new RegExp(`^${platform}$`)],
  [`onnxruntime-node/bin/napi-v3/PLATFORM`, ({ arch }) => new RegExp(`^${arch}$`)],
  // Forms wrapped in text, for browsers.
  ['tesseract.js-core', () => /^(?!.*\.wasm\.js$)/],
  ['@tesseract.js-data/eng', () => /^(?!4\.0\.0$)./],
  ['@tesseract.js-data/chi_sim', () => /^(?!4\.0\.0$)./],
]

/**
 * Removes what packages bring for other platforms, browsers and models: 130 MB of 175. Nothing here is asked for
 * again by npm, and all of it comes back with a fresh installation.
 * @param {string} modules the folder node_modules
 * @param {{ platform: string, arch: string }} machine
 */
export function removeForeignFiles(modules, machine = process) {
  for (const [path, rule] of kept) {
    const folder = join(modules, path.replace('PLATFORM', machine.platform))
    if (!existsSync(folder)) continue
    const names = readdirSync(folder)
    const stays = rule(machine)
    // A package that has become another is left as it is.
    if (!names.some((name) => stays.test(name))) continue
    for (const name of names)
      if (!stays.test(name)) rmSync(join(folder, name), { recursive: true, force: true })
  }
}
