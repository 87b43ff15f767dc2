import type { BepChannel } from './channel.ts'

interface Entry {
  readonly parts: readonly Uint8Array[]
  readonly sent: () => void
  readonly failed: (reason: Error) => void
}

/** Larger parts are handed over as they are; smaller ones are gathered, since each write costs as much as a large one. */
const gatherBelow = 16 * 1024
const gatherBytes = 64 * 1024

/** What is to be sent, in order. Messages of one turn of the loop leave together. */
export class Outbox {
  readonly #channel: BepChannel
  #waiting: Entry[] = []
  #pumping = false
  #failure: Error | undefined
  /** Bytes handed to the channel. */
  sent = 0
  lastAt = performance.now()

  constructor(channel: BepChannel) {
    this.#channel = channel
  }

  /** Resolves when the parts are with the channel and it has room for more. Rejects where that is gone. */
  push(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    const done = new Promise<void>((sent, failed) => this.#waiting.push({ parts, sent, failed }))
    if (!this.#pumping) {
      this.#pumping = true
      setImmediate(() => void this.#pump())
    }
    return done
  }

  /** Whoever waits, and whoever comes later, is told so. */
  fail(reason: Error): void {
    if (this.#failure) return
    this.#failure = reason
    for (const entry of this.#waiting.splice(0)) entry.failed(reason)
  }

  async #pump(): Promise<void> {
    let handed: Entry[] = []
    try {
      while (this.#waiting.length > 0) {
        const entries = this.#waiting
        this.#waiting = []
        handed = entries
        let next = 0
        while (next < entries.length && !this.#failure) {
          const from = next
          let gathered: Uint8Array[] = []
          let bytes = 0
          let room = true
          const flush = (): void => {
            if (gathered.length > 0)
              room = this.#write(gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered))
            gathered = []
            bytes = 0
          }
          while (next < entries.length && room) {
            for (const part of entries[next]!.parts) {
              if (part.length >= gatherBelow) {
                flush()
                room = this.#write(part)
                continue
              }
              gathered.push(part)
              if ((bytes += part.length) >= gatherBytes) flush()
            }
            next++
          }
          flush()
          if (!room) await this.#channel.drained()
          for (let i = from; i < next; i++) entries[i]!.sent()
        }
        if (this.#failure) for (const entry of entries.slice(next)) entry.failed(this.#failure)
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause : new Error('the connection broke')
      // Those already sent do not mind.
      for (const entry of handed) entry.failed(reason)
      this.fail(reason)
    } finally {
      this.#pumping = false
    }
  }

  #write(bytes: Uint8Array): boolean {
    this.sent += bytes.length
    this.lastAt = performance.now()
    return this.#channel.write(bytes)
  }
}
