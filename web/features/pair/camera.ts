import { SiloError } from '#shared/errors/silo-error.ts'

/** Pixels of the longer side that are read: enough for a dense code, quick on an old phone. */
const readPixels = 800
const readEveryMs = 120

export function hasCamera(): boolean {
  return Boolean(navigator.mediaDevices?.getUserMedia)
}

/**
 * Shows the camera in `video` and resolves with the first QR code that `accepts` takes.
 * @throws SiloError camera_denied; the signal's reason
 */
export async function scanCode(
  video: HTMLVideoElement,
  accepts: (text: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const [{ decodeQR }, stream] = await Promise.all([import('qr/decode.js'), openCamera()])
  try {
    signal.throwIfAborted()
    video.srcObject = stream
    await video.play()
    const canvas = document.createElement('canvas')
    const context = canvas.getContext('2d', { willReadFrequently: true })
    for (;;) {
      signal.throwIfAborted()
      const scale = Math.min(1, readPixels / Math.max(video.videoWidth, video.videoHeight, 1))
      canvas.width = Math.round(video.videoWidth * scale)
      canvas.height = Math.round(video.videoHeight * scale)
      if (context && canvas.width > 0) {
        context.drawImage(video, 0, 0, canvas.width, canvas.height)
        const text = read(decodeQR, context.getImageData(0, 0, canvas.width, canvas.height))
        if (text !== undefined && accepts(text)) return text
      }
      await new Promise((resolve) => setTimeout(resolve, readEveryMs))
    }
  } finally {
    for (const track of stream.getTracks()) track.stop()
    video.srcObject = null
  }
}

async function openCamera(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 720 } },
    })
  } catch (cause) {
    throw new SiloError('camera_denied', { cause })
  }
}

function read(decode: (image: ImageData) => string, image: ImageData): string | undefined {
  try {
    return decode(image)
  } catch {
    // No code in this picture.
    return undefined
  }
}
