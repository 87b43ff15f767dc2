import { writeClipboard } from '#web/ui/clipboard.ts'
import { toasts } from '#web/ui/toasts.svelte.ts'
import { t } from './texts.ts'

/** Copies text and says whether that worked. */
export async function copy(text: string, done = t('copied')): Promise<void> {
  try {
    await writeClipboard(text)
    toasts.show(done, { tone: 'good' })
  } catch {
    toasts.show(t('copyFailed'), { tone: 'signal' })
  }
}
