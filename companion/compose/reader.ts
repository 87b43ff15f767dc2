import type { Log } from '#companion/observe/log.ts'
import { AgreeingRecognizer } from '#companion/ocr/agreeing-recognizer.ts'
import { createProcessRecognizer } from '#companion/ocr/process-recognizer.ts'
import { Extractor } from '#companion/vault/extractor.ts'

/** The reader of documents, and the two engines that recognise text in pictures. */
export function composeReader(log: Log, threads: number | undefined): Extractor {
  const parts = {
    log: log.child({ part: 'reader' }),
    ...(threads === undefined ? {} : { threads }),
  }
  const recognizer = new AgreeingRecognizer(
    createProcessRecognizer('paddle', parts),
    createProcessRecognizer('tesseract', parts),
  )
  return new Extractor({ recognizer, log: parts.log })
}
