/** The seam to the recognition of text in pictures. One suite in tests/contracts/text-recognizer.ts. */
export interface TextRecognizer extends AsyncDisposable {
  readonly specVersion: 1
  /** `paddle`, `tesseract`, `agreed`, `fake`, … */
  readonly id: string
  /** Can it run on this machine? Never throws for "no". */
  probe(signal: AbortSignal): Promise<{ readonly available: boolean; readonly reason?: string }>
  /**
   * The lines of text in a picture, from top to bottom and left to right. Pictures wait for each other. Nothing
   * of them is kept.
   * @throws the signal's reason; SiloError ocr_failed
   */
  recognize(picture: Picture, options: RecognizeOptions): Promise<RecognizedPage>
}

/** Pixels a picture may have at most. A4 at 300 dpi has 8.7 million. */
export const maxPicturePixels = 16_000_000

/** A page or a photo in shades of grey, at most `maxPicturePixels`. */
export interface Picture {
  readonly width: number
  readonly height: number
  /** One byte a pixel, row by row from the top; 0 is black. */
  readonly gray: Uint8Array
}

export interface RecognizeOptions {
  readonly signal: AbortSignal
  /**
   * Where the lines are, as another recogniser found them: one line of the answer for each, in this order,
   * empty where nothing is read. Absent: it finds them itself.
   */
  readonly regions?: readonly Region[]
  /** How the picture is to be turned before; `regions` lie in the turned one. Absent: as it is upright. */
  readonly turn?: Turn
}

/** First by quarters, then by an angle around the centre, which leaves the size as it is. */
export interface Turn {
  /** Clockwise. */
  readonly quarters: 0 | 1 | 2 | 3
  /** Radians, clockwise. */
  readonly angle: number
}

export interface RecognizedPage {
  readonly lines: readonly RecognizedLine[]
  /** How the picture was turned so that it is upright. */
  readonly turn: Turn
}

/** Pixels of the upright picture, from its upper left corner. */
export interface Region {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface RecognizedLine {
  /** Trimmed. */
  readonly text: string
  readonly region: Region
  /** 0 … 1: how sure it is of the whole line. Not comparable between recognisers. */
  readonly certainty: number
}
