import { readerVersion } from './ingest-prepare.ts'
import { surveyRoots } from './ingest-scan.ts'
import type { OwnDocuments } from './own-documents.ts'
import type { VaultRecords } from './vault-records.ts'

/**
 * The files that are other than when they were last read: new, changed, gone, or of another kind of problem. Only looks
 * at the disk and reads nothing, so a build that writes into ignored folders all day causes no run.
 * @param only these files and folders; absent: all roots
 * @throws SiloError as a scan of the only root; the signal's reason
 */
export async function changedPaths(
  collectionId: string,
  parts: { readonly records: VaultRecords; readonly own: OwnDocuments },
  options: { readonly only?: readonly string[] | undefined; readonly signal: AbortSignal },
): Promise<string[]> {
  const { records, own } = parts
  const collection = records.collection(collectionId)
  if (!collection || collection.roots.length === 0) return []
  const known = own.files(collectionId)
  const failed = records.problemsByPath(collectionId)
  const survey = await surveyRoots(collectionId, collection.roots, known, own, options, () => {})
  const changed = new Set<string>()
  for (const file of survey.files.values()) {
    const before = known.get(file.path)
    if (before?.size === file.size && before.modifiedAt === file.modifiedAt) continue
    const problem = failed.get(file.path)
    const same = problem?.size === file.size && problem.modifiedAt === file.modifiedAt
    if (!same || problem.reader !== readerVersion) changed.add(file.path)
  }
  for (const path of known.keys()) if (survey.isGone(path)) changed.add(path)
  const problems = new Map(survey.problems.map(({ path, error }) => [path, error.code]))
  for (const [path, code] of problems) if (failed.get(path)?.error.code !== code) changed.add(path)
  // A problem that is gone, and its file with it.
  for (const path of failed.keys())
    if (survey.isGone(path) && !problems.has(path)) changed.add(path)
  return [...changed]
}
