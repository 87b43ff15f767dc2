import { toSiloError, errorText } from '#shared/errors/silo-error.ts'
import { hosts } from '#web/client/hosts.svelte.ts'
import { language } from '#web/ui/i18n.svelte.ts'
import { toasts } from '#web/ui/toasts.svelte.ts'
import { t } from './texts.ts'

/** Downloads a conversation as a file, under the name its host gives it. */
export async function saveExport(id: string, format: 'markdown' | 'json'): Promise<void> {
  try {
    const response = await hosts.export(id, format)
    const disposition = response.headers.get('content-disposition') ?? ''
    const link = document.createElement('a')
    link.href = URL.createObjectURL(await response.blob())
    link.download = fileName(disposition) ?? `conversation.${format === 'json' ? 'json' : 'md'}`
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  } catch (cause) {
    const reason = errorText(toSiloError(cause, 'page'), language.current)
    toasts.show(t('notSaved', { reason }), { tone: 'signal' })
  }
}

/** The file name of a `content-disposition` header (RFC 6266), if it names one. */
export function fileName(disposition: string): string | undefined {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1]
  if (encoded) {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return undefined
    }
  }
  return /filename="([^"]+)"/i.exec(disposition)?.[1]
}
