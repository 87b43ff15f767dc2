import type { FileEntry } from '#shared/contracts/tool.ts'
import type { FileStamp } from '#shared/domain/file-change.ts'
import type { Language } from '#shared/errors/silo-error.ts'

/** What a model is told of a file: short, in the order it is read. */
export function entryData({ path, kind, size, modifiedAt }: FileEntry) {
  return { path, kind, size, modified: new Date(modifiedAt).toISOString().slice(0, 10) }
}

export function stampOf({ size, modifiedAt }: FileEntry): FileStamp {
  return { size, modifiedAt }
}

export function filesText(count: number, language: Language): string {
  if (language === 'zh') return `${count} 个文件`
  return count === 1 ? '1 file' : `${count} files`
}
