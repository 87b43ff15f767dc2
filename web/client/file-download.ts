import { send } from './api.ts'

/** A file of the companion, brought to this device over whichever road there is. @throws SiloError as `send` */
export async function fetchFile(path: string, fallbackName: string): Promise<File> {
  const response = await send(path, { timeoutMs: 120_000 })
  const name = nameIn(response.headers.get('content-disposition')) ?? fallbackName
  // The companion calls everything plain text, so that no browser shows it as a page.
  const type = response.headers.get('content-type')?.split(';')[0] ?? 'application/octet-stream'
  return new File([await response.blob()], name, { type })
}

/** Puts a file into the device's downloads. */
export function saveFile(file: File): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = file.name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** Whether the device can hand files to other apps. */
export function canShareFiles(): boolean {
  const probe = new File(['x'], 'x.txt', { type: 'text/plain' })
  return navigator.canShare?.({ files: [probe] }) ?? false
}

/** Hands a file to another app; a person who changes their mind is no error. */
export async function shareFile(file: File): Promise<void> {
  await navigator.share({ files: [file], title: file.name }).catch((error: unknown) => {
    if ((error as Error).name !== 'AbortError') throw error
  })
}

/** The name of RFC 6266, the encoded one first. */
export function nameIn(disposition: string | null): string | undefined {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1]
  try {
    if (encoded) return decodeURIComponent(encoded)
  } catch {
    // The plain one will do.
  }
  return /filename="([^"]+)"/i.exec(disposition ?? '')?.[1]
}
