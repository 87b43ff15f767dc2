import { access } from '#web/client/access.svelte.ts'
import { perform } from '#web/ui/commands.ts'
import { pages } from './pages.ts'

interface Actions {
  palette: () => void
  newChat: () => void
  shortcuts: () => void
  go: (href: string) => void
}

/** Carries out the shortcut a key press stands for. True when it was one. */
export function handleShortcut(event: KeyboardEvent, actions: Actions): boolean {
  if (event.isComposing || event.defaultPrevented) return false
  const command = event.ctrlKey || event.metaKey
  const key = event.key.toLowerCase()
  if (command && !event.altKey) {
    if (key === 'k' && !event.shiftKey) return done(actions.palette)
    if (key === 'o' && event.shiftKey) return done(actions.newChat)
    if (key === 'b' && !event.shiftKey) return perform('toggle-list')
    return false
  }
  const page = event.altKey ? pages[Number(/^Digit([1-9])$/.exec(event.code)?.[1]) - 1] : undefined
  if (page && access.may(page.least)) return done(() => actions.go(page.href))
  // An open dialog keeps Escape for itself.
  if (key === 'escape') return !document.querySelector('dialog[open]') && perform('stop')
  if (event.altKey || isTyping(event.target)) return false
  if (key === '/') return perform('focus-composer')
  if (key === '?') return done(actions.shortcuts)
  return false
}

function done(action: () => void): true {
  action()
  return true
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) ||
      target.closest('dialog[open]') !== null)
  )
}
