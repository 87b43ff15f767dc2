/** Runs on the audio thread: hands the microphone's samples over in blocks. */

declare class AudioWorkletProcessor {
  readonly port: MessagePort
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void

const blockSize = 2048

class Capture extends AudioWorkletProcessor {
  #block = new Float32Array(blockSize)
  #filled = 0

  process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0]
    if (!channel) return true
    this.#block.set(channel, this.#filled)
    this.#filled += channel.length
    if (this.#filled === blockSize) {
      this.port.postMessage(this.#block, [this.#block.buffer])
      this.#block = new Float32Array(blockSize)
      this.#filled = 0
    }
    return true
  }
}

registerProcessor('capture', Capture)
