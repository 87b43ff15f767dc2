/**
 * A two-way stream of bytes, as a libp2p stream is one. Reading ends when the other side has closed its
 * writing end, and throws when the stream was reset.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** Resolves when more may be sent. @throws when the stream is closed or was reset */
  send(bytes: Uint8Array): Promise<void>
  /** Ends the writing side; the other side may go on. */
  closeWrite(): Promise<void>
  /** Resets both sides at once. Safe to call twice. */
  abort(error: Error): void
}
