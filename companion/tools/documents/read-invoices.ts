import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import * as v from 'valibot'
import { invoiceLikeness, readInvoice, type Invoice } from '#companion/invoices/invoice-text.ts'
import type { Tool, ToolContext } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'

/** Text of a document; whether it was read from pictures, and which stretches of it without certainty. */
export type ReadText = (
  path: string,
  signal: AbortSignal,
) => Promise<{
  readonly text: string
  readonly pictured: boolean
  readonly uncertain: readonly { readonly start: number; readonly end: number }[]
}>

export interface ReadInvoicesDeps {
  readonly read: ReadText
  /** Folder for copies on their way to the reader; made when needed. */
  readonly folder: string
}

/** What is known of one file. */
export type ReadDocument =
  | { readonly path: string; readonly size: number; readonly modifiedAt: number; readonly invoice: Invoice } // prettier-ignore
  | { readonly path: string; readonly size: number; readonly modifiedAt: number; readonly problem: string } // prettier-ignore

const inputSchema = v.strictObject({
  paths: v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))), v.maxLength(5000)),
})
export type ReadInvoicesInput = v.InferOutput<typeof inputSchema>

/** Trust in what was read from a picture. */
export const picturedTrust = 0.95

/** Reads date, amount and company of invoices, PDF or picture; what is none of them is said to be none. */
export function createReadInvoicesTool(deps: ReadInvoicesDeps): Tool<ReadInvoicesInput> {
  return {
    specVersion: 1,
    name: 'read_invoices',
    title: { en: 'Read invoices', zh: '读取发票' },
    description: 'Reads date, amount and company of invoice files (PDF or pictures).',
    capability: 'files.read',
    readsForeignText: true,
    parameters: {
      type: 'object',
      properties: { paths: { type: 'array', items: { type: 'string' } } },
      required: ['paths'],
      additionalProperties: false,
    },
    input: inputSchema,
    async call({ paths }, context) {
      const documents: ReadDocument[] = []
      for (const [index, path] of paths.entries()) {
        context.progress(index, paths.length, path.split(/[/\\]/).at(-1))
        documents.push(await readOne(path, deps, context))
      }
      const found = documents.filter((each) => 'invoice' in each && each.invoice.likeness >= invoiceLikeness).length // prettier-ignore
      const summary = context.language === 'zh' ? `${found} 张发票` : `${found} ${found === 1 ? 'invoice' : 'invoices'}` // prettier-ignore
      return { data: { documents }, summary }
    },
  }
}

async function readOne(named: string, { read, folder }: ReadInvoicesDeps, { files, signal }: ToolContext): Promise<ReadDocument> {
  const { path, size, modifiedAt } = await files.stat(named, signal)
  const facts = { path, size, modifiedAt }
  if (size === 0) return { ...facts, problem: 'file_no_text' }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const place = await mkdtemp(join(folder, 'read-'))
  try {
    // The reader opens by name: it gets a copy of what was checked.
    const copy = join(place, `document${extname(path).toLowerCase()}`)
    await files.copyTo(path, copy, signal)
    const { text, uncertain, pictured } = await read(copy, signal)
    return { ...facts, invoice: readInvoice(text, pictured ? picturedTrust : 1, uncertain) } // prettier-ignore
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof SiloError) return { ...facts, problem: cause.code }
    throw cause
  } finally {
    await rm(place, { recursive: true, force: true })
  }
} // prettier-ignore
