import { join } from 'node:path'
import type { AnySkill, AnyTool } from '#companion/agent/ports.ts'
import { createArchiveFilesSkill } from '#companion/skills/archive-files.ts'
import { createFileInvoicesSkill } from '#companion/skills/file-invoices.ts'
import { createFolderReportSkill } from '#companion/skills/folder-report.ts'
import { createReadCodeSkill } from '#companion/skills/read-code.ts'
import { createRenameByContentSkill } from '#companion/skills/rename-by-content.ts'
import { createTableExtractionSkill } from '#companion/skills/table-extraction.ts'
import { createCodeOutlineTool } from '#companion/tools/documents/code-outline.ts'
import { createDocumentFactsTool } from '#companion/tools/documents/document-facts.ts'
import { createDocumentTablesTool } from '#companion/tools/documents/document-tables.ts'
import { createDocumentTextTool } from '#companion/tools/documents/document-text.ts'
import { createReadInvoicesTool } from '#companion/tools/documents/read-invoices.ts'
import { createWriteTableTool } from '#companion/tools/documents/write-table.ts'
import type { Extractor } from '#companion/vault/extractor.ts'

/** Tools that read documents, and the one that writes tables. */
export function composeDocumentTools(home: string, extractor: Extractor): AnyTool[] {
  const folder = join(home, 'agent', 'reading')
  const deps = {
    folder,
    extract: (path: string, signal: AbortSignal) => extractor.extract(path, signal),
  }
  return [
    createDocumentTextTool(deps),
    createDocumentTablesTool(deps),
    createDocumentFactsTool(deps),
    createCodeOutlineTool(deps),
    createReadInvoicesTool({ folder, read: (path, signal) => textOf(extractor, path, signal) }),
    createWriteTableTool(),
  ]
}

/** The text of a document as the reader of invoices wants it. */
export async function textOf(extractor: Extractor, path: string, signal: AbortSignal) {
  let pictured = false
  const onPage = (): void => {
    pictured = true
  }
  const { text, uncertain = [] } = await extractor.extract(path, signal, { onPage })
  return { text, pictured, uncertain }
}

/** The recipes that come with Silo. */
export function builtInSkills(): AnySkill[] {
  return [
    createFileInvoicesSkill(),
    createArchiveFilesSkill(),
    createRenameByContentSkill(),
    createFolderReportSkill(),
    createTableExtractionSkill(),
    createReadCodeSkill(),
  ]
}
