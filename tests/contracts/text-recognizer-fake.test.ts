import { createFakeRecognizer } from '#tests/fakes/text-recognizer.ts'
import { knownLines } from '#tests/documents/scans.ts'
import { textRecognizerContract } from './text-recognizer.ts'

textRecognizerContract('fake', { figures: 1, words: 1 }, async () =>
  createFakeRecognizer({ lines: knownLines }),
)
