/** The 80 or 128 triangular filters that turn a spectrum into what Whisper hears: Slaney's mel scale and norm. */
const sampleRate = 16_000
const fftSize = 400
/** Slaney's scale is linear below 1 kHz and logarithmic above it. */
const linearStep = 200 / 3
const knee = { hz: 1000, mel: 1000 / linearStep }
const logStep = Math.log(6.4) / 27

export const melBins = fftSize / 2 + 1

/** Row by row, `count` rows of `melBins` weights. */
export function melFilters(count: number): Float32Array {
  const edges = melEdges(count + 2)
  const filters = new Float32Array(count * melBins)
  for (let row = 0; row < count; row++) {
    const [left, middle, right] = edges.subarray(row, row + 3) as unknown as [
      number,
      number,
      number,
    ]
    const area = 2 / (right - left)
    for (let bin = 0; bin < melBins; bin++) {
      const hz = (bin * sampleRate) / fftSize
      const rising = (hz - left) / (middle - left)
      const falling = (right - hz) / (right - middle)
      // Rounded before it is scaled, as upstream's filters were.
      const weight = Math.fround(Math.max(0, Math.min(rising, falling)))
      filters[row * melBins + bin] = weight * area
    }
  }
  return filters
}

/** Frequencies evenly spaced in mel from 0 to half the sample rate. */
function melEdges(count: number): Float64Array {
  const top = knee.mel + Math.log(sampleRate / 2 / knee.hz) / logStep
  return Float64Array.from({ length: count }, (_, index) => {
    const mel = (top * index) / (count - 1)
    return mel < knee.mel ? mel * linearStep : knee.hz * Math.exp(logStep * (mel - knee.mel))
  })
}
