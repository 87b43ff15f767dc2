import type { IconName } from '#web/ui/icons.ts'

/** The pages of the rail, in its order; also reached by Alt+1 to Alt+4. */
export const pages = [
  { key: 'chat', href: '/', icon: 'chat' },
  { key: 'vault', href: '/vault', icon: 'vault' },
  { key: 'models', href: '/models', icon: 'models' },
  { key: 'settings', href: '/settings', icon: 'settings' },
] as const satisfies readonly { key: string; href: string; icon: IconName }[]

/** Whether a path belongs to a page of the rail. */
export function isPage(href: string, path: string): boolean {
  if (href === '/') return path === '/' || path.startsWith('/c/')
  return path === href || path.startsWith(`${href}/`)
}
