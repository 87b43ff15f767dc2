import { basename } from 'node:path'
import { makeZip } from 'client-zip'
import * as v from 'valibot'
import type { FileAccess, Tool } from '#shared/contracts/tool.ts'
import type { FileChange } from '#shared/domain/file-change.ts'
import { newId } from '#shared/domain/ids.ts'
import { filesText } from './entry-data.ts'

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const pieceBytes = 4 << 20
const inputSchema = v.strictObject({
  paths: v.pipe(v.array(path), v.minLength(1), v.maxLength(5000)),
  to: path,
})
export type ZipFilesInput = v.InferOutput<typeof inputSchema>

/** Proposes one zip archive of files, which stay where they are. */
export function createZipFilesTool(): Tool<ZipFilesInput> {
  return {
    specVersion: 1,
    name: 'zip_files',
    title: { en: 'Zip files', zh: '打包文件' },
    description: 'Packs files into a new zip archive. The person approves it first.',
    capability: 'files.write',
    readsForeignText: false,
    parameters: {
      type: 'object',
      properties: { paths: { type: 'array', items: { type: 'string' } }, to: { type: 'string' } },
      required: ['paths', 'to'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ paths, to }, { files, keep, signal, language, progress }) {
      const target = await files.place(/\.zip$/i.test(to) ? to : `${to}.zip`, signal)
      const names = new Set<string>()
      const entries = async function* () {
        for (const [index, each] of paths.entries()) {
          const entry = await files.stat(each, signal)
          progress(index, paths.length, entry.name)
          const { path, size, modifiedAt } = entry
          yield { name: freeName(basename(path), names), lastModified: new Date(modifiedAt), input: contentOf(files, path, size, signal) } // prettier-ignore
        }
      }
      const { sha256, size } = await keep(makeZip(entries()))
      const change: FileChange = { id: newId(), type: 'create', path: target.path, content: sha256, size } // prettier-ignore
      const count = filesText(paths.length, language)
      return {
        data: { proposed: target.path, files: paths.length, size },
        summary: count,
        plan: { title: language === 'zh' ? `打包${count}` : `Zip ${count}`, changes: [change] },
      }
    },
  }
}

async function* contentOf(files: FileAccess, path: string, size: number, signal: AbortSignal) {
  for (let offset = 0; offset < size; offset += pieceBytes)
    yield await files.read(path, { offset, limit: pieceBytes }, signal)
}

/** Two files of one name from different folders both get in. */
function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let number = 2; taken.has(name.toLowerCase()); number++)
    name = wanted.replace(/(\.[^.]*)?$/, ` (${number})$1`)
  taken.add(name.toLowerCase())
  return name
}
