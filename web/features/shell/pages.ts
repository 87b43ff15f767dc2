import type { Role } from '#shared/domain/device.ts'
import type { IconName } from '#web/ui/icons.ts'

/** The pages of the rail, in its order, with the least role they are of use to; also reached by Alt and a digit. */
export const pages = [
  { key: 'chat', href: '/', icon: 'chat', least: 'guest' },
  { key: 'inbox', href: '/inbox', icon: 'inbox', least: 'guest' },
  { key: 'notes', href: '/notes', icon: 'note', least: 'owner' },
  { key: 'vault', href: '/vault', icon: 'vault', least: 'guest' },
  { key: 'models', href: '/models', icon: 'models', least: 'owner' },
  { key: 'devices', href: '/devices', icon: 'phone', least: 'guest' },
  { key: 'sync', href: '/sync', icon: 'sync', least: 'owner' },
  { key: 'settings', href: '/settings', icon: 'settings', least: 'guest' },
] as const satisfies readonly { key: string; href: string; icon: IconName; least: Role }[]

/** Pages for which a phone's rail has no room; its commands list them. */
export const wideOnly: ReadonlySet<string> = new Set(['models', 'sync'])

/** Whether a path belongs to a page of the rail. */
export function isPage(href: string, path: string): boolean {
  if (href === '/') return path === '/' || path.startsWith('/c/')
  return path === href || path.startsWith(`${href}/`)
}
