import type { FileType } from '#shared/protocol/search.ts'

const office = 'application/vnd.openxmlformats-officedocument'

/** The media types of documents that are of a type as a question names it. */
export const mediaTypesOf: Record<FileType, readonly string[]> = {
  pdf: ['application/pdf'],
  word: [`${office}.wordprocessingml.document`],
  excel: [`${office}.spreadsheetml.sheet`],
  csv: ['text/csv', 'text/tab-separated-values'],
  powerpoint: [`${office}.presentationml.presentation`],
  epub: ['application/epub+zip'],
  html: ['text/html'],
  markdown: ['text/markdown'],
  text: ['text/plain'],
}
