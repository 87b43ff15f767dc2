/** Phases of the filter's table: how finely a position between two samples is told apart. */
const phases = 128
/** Zero crossings of the filter on each side. */
const crossings = 12
/** Share of the lower of both bands that passes. */
const pass = 0.92

/** Turns samples of one rate into 16-bit samples of a lower one, block by block, without a seam. */
export class Resampler {
  readonly #step: number
  readonly #half: number
  readonly #table: Float32Array
  /** Samples still needed, and where the next output lies among them. */
  #kept: Float32Array
  #at: number

  constructor(fromRate: number, toRate: number) {
    this.#step = fromRate / toRate
    const cutoff = (Math.min(1, toRate / fromRate) / 2) * pass
    this.#half = Math.ceil(crossings / (2 * cutoff))
    this.#table = filterTable(this.#half, cutoff)
    this.#kept = new Float32Array(this.#half)
    this.#at = this.#half
  }

  /** The output that can be known now; the end of it comes with the next block. */
  push(block: Float32Array): Int16Array<ArrayBuffer> {
    const input = new Float32Array(this.#kept.length + block.length)
    input.set(this.#kept)
    input.set(block, this.#kept.length)
    const last = input.length - this.#half - 1
    const count = Math.max(0, Math.floor((last - this.#at) / this.#step) + 1)
    const output = new Int16Array(count)
    for (let i = 0; i < count; i++) {
      output[i] = to16(this.#valueAt(input, this.#at))
      this.#at += this.#step
    }
    const drop = Math.max(0, Math.floor(this.#at) - this.#half)
    this.#kept = input.slice(drop)
    this.#at -= drop
    return output
  }

  #valueAt(input: Float32Array, position: number): number {
    const whole = Math.floor(position)
    const phase = Math.round((position - whole) * phases)
    const taps = 2 * this.#half + 1
    const row = phase * taps
    let sum = 0
    for (let k = 0; k < taps; k++) sum += input[whole - this.#half + k]! * this.#table[row + k]!
    return sum
  }
}

/** A windowed sinc for every phase, each of them summing to one. */
function filterTable(half: number, cutoff: number): Float32Array {
  const taps = 2 * half + 1
  const table = new Float32Array((phases + 1) * taps)
  for (let phase = 0; phase <= phases; phase++) {
    let sum = 0
    for (let k = 0; k < taps; k++) {
      const x = k - half - phase / phases
      const angle = 2 * Math.PI * cutoff * x
      const sinc = x === 0 ? 1 : Math.sin(angle) / angle
      const window = Math.abs(x) > half ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * x) / half)
      table[phase * taps + k] = sinc * window
      sum += sinc * window
    }
    for (let k = 0; k < taps; k++) table[phase * taps + k]! /= sum
  }
  return table
}

function to16(value: number): number {
  return Math.max(-0x8000, Math.min(0x7fff, Math.round(value * 0x8000)))
}
