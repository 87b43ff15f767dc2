import { errorText, toSiloError } from '#shared/errors/silo-error.ts'
import { language } from '#web/ui/i18n.svelte.ts'
import { toasts } from '#web/ui/toasts.svelte.ts'

/** Does something a person asked for; a failure is said at the lower edge. True where it worked. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action()
    return true
  } catch (cause) {
    toasts.show(errorText(toSiloError(cause, 'page'), language.current), { tone: 'signal' })
    return false
  }
}
