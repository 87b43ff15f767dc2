import { writeClipboard } from '#web/ui/clipboard.ts'
import { toasts } from '#web/ui/toasts.svelte.ts'
import { t } from './texts.ts'

/** Copies text and says whether that worked. */
export async function copy(text: string): Promise<void> {
  try {
    await writeClipboard(text)
    toasts.show(t('copied'), { tone: 'good' })
  } catch {
    toasts.show(t('copyFailed'), { tone: 'signal' })
  }
}
