import { toasts } from '#web/ui/toasts.svelte.ts'
import { t } from './texts.ts'

/** Copies text and says so. An insecure LAN origin has no clipboard API; a selection is copied there. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) await navigator.clipboard.writeText(text)
  else {
    const field = document.createElement('textarea')
    field.value = text
    document.body.append(field)
    field.select()
    document.execCommand('copy')
    field.remove()
  }
  toasts.show(t('copied'), { lastsMs: 2000 })
}
