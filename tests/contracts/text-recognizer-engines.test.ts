import { silentLog } from '#companion/observe/log.ts'
import { AgreeingRecognizer } from '#companion/ocr/agreeing-recognizer.ts'
import { createProcessRecognizer } from '#companion/ocr/process-recognizer.ts'
import { textRecognizerContract } from './text-recognizer.ts'

const open = (engine: 'paddle' | 'tesseract') => createProcessRecognizer(engine, { log: silentLog })

textRecognizerContract('PP-OCR', { figures: 0.95, words: 0.8 }, async () => open('paddle'))
textRecognizerContract('Tesseract', { figures: 0.8, words: 0.5 }, async () => open('tesseract'))
textRecognizerContract(
  'both together',
  { figures: 1, words: 0.9 },
  async () => new AgreeingRecognizer(open('paddle'), open('tesseract')),
)
