import { speechSampleRate } from '#shared/protocol/speech.ts'

/** Samples of one frame: 30 ms. */
const frame = 0.03 * speechSampleRate
/** Quieter than this (−54 dB) is silence, however even it is. */
const quietest = 0.002
/** A voice stands out from what is always there at least so much. */
const aboveFloor = 2
/** Frames a voice takes at the least: a short "no". */
const fewestFrames = 4

/**
 * Whether somebody may have spoken: something that is louder than the steady noise around it. Recognisers
 * invent words for silence and for noise, so they are not asked about these.
 */
export function mayHoldSpeech(audio: Float32Array): boolean {
  const levels: number[] = []
  for (let at = 0; at + frame <= audio.length; at += frame) {
    let squares = 0
    for (let i = at; i < at + frame; i++) squares += audio[i]! * audio[i]!
    levels.push(Math.sqrt(squares / frame))
  }
  const sorted = levels.toSorted((a, b) => a - b)
  const floor = sorted[Math.floor(sorted.length / 10)] ?? 0
  const threshold = Math.max(quietest, floor * aboveFloor)
  return levels.filter((level) => level >= threshold).length >= fewestFrames
}
