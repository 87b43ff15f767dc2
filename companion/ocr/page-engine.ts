import type {
  Picture,
  RecognizedPage,
  RecognizeOptions,
} from '#shared/contracts/text-recognizer.ts'

/** A recogniser as it runs inside the recogniser's process. */
export type PageEngine = (
  picture: Picture,
  options: Pick<RecognizeOptions, 'regions' | 'turn'>,
) => Promise<RecognizedPage>
