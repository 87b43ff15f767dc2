import * as v from 'valibot'
import { invoiceLikeness, readInvoice, type Invoice } from '#companion/invoices/invoice-text.ts'
import type { Tool } from '#shared/contracts/tool.ts'
import { readCopy, readEach } from './document-copy.ts'

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
      const documents: ReadDocument[] = await readEach(paths, context, async (entry) => {
        const { text, uncertain, pictured } = await readCopy(entry, deps.folder, context, deps.read)
        return { invoice: readInvoice(text, pictured ? picturedTrust : 1, uncertain) }
      })
      const found = documents.filter((each) => 'invoice' in each && each.invoice.likeness >= invoiceLikeness).length // prettier-ignore
      const summary = context.language === 'zh' ? `${found} 张发票` : `${found} ${found === 1 ? 'invoice' : 'invoices'}` // prettier-ignore
      return { data: { documents }, summary }
    },
  }
}
