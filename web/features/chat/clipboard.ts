import { writeClipboard } from '#web/ui/clipboard.ts'
import { toasts } from '#web/ui/toasts.svelte.ts'
import { t } from './texts.ts'

/** Copies text and says so. */
export async function copyText(text: string): Promise<void> {
  await writeClipboard(text)
  toasts.show(t('copied'), { lastsMs: 2000 })
}
