/** Where one secret is kept: text that only the owner of the data folder may read. */
export interface SecretText {
  /** Undefined where nothing was written yet. */
  read(): string | undefined
  write(text: string): void
}
