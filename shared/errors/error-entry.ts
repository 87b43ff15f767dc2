export interface ErrorEntry {
  readonly httpStatus: number
  /** The same request may succeed later without being changed. */
  readonly retryable: boolean
  readonly en: string
  readonly zh: string
  readonly recovery?: Recovery
}

export type Recovery =
  | 'retry'
  | 'sign-in'
  | 'choose-model'
  | 'download-model'
  | 'free-disk'
  | 'shorten'
  | 'choose-folder'
  | 'check-companion'
  | 'pair'

/** Keeps the literal codes while checking the entries. */
export const define = <T extends Record<string, ErrorEntry>>(entries: T): T => entries
