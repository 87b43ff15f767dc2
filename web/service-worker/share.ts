import { sharedItemOf } from '#web/client/shared-form.ts'
import { putShared } from '#web/client/shared-items.ts'

/** Keeps what another app shares, and shows the page that asks what for. Needs no companion. */
export async function takeShare(request: Request): Promise<Response> {
  const to = (query: string) => Response.redirect(new URL(`/share${query}`, request.url).href, 303)
  const form = await request.formData().catch(() => undefined)
  const item = form && sharedItemOf(form)
  if (!item) return to('?error=empty')
  try {
    await putShared(item)
    return to('')
  } catch (error) {
    if ((error as Error | undefined)?.name !== 'QuotaExceededError') return to('?error=store')
    const { quota = 0, usage = 0 } = (await navigator.storage.estimate?.()) ?? {}
    const needed = item.files.reduce((sum, { size }) => sum + size, 0)
    return to(`?error=quota&available=${Math.max(0, quota - usage)}&needed=${needed}`)
  }
}
