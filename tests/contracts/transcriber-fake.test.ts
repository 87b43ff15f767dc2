import { createFakeTranscriber } from '#tests/fakes/transcriber.ts'
import { transcriberContract } from './transcriber.ts'

transcriberContract(
  'fake',
  async () => createFakeTranscriber(),
  async () => createFakeTranscriber({ missing: true }),
)
