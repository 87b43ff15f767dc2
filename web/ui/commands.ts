/** Things the shell can ask of whatever page is open. */
export type CommandName =
  | 'focus-composer'
  | 'stop'
  | 'export-markdown'
  | 'export-json'
  | 'toggle-list'
  | 'search-conversations'

const handlers = new Map<CommandName, () => void>()

/** Offers to carry out a command. Returns the end of the offer. */
export function offer(name: CommandName, handler: () => void): () => void {
  handlers.set(name, handler)
  return () => {
    if (handlers.get(name) === handler) handlers.delete(name)
  }
}

export function isOffered(name: CommandName): boolean {
  return handlers.has(name)
}

/** Carries a command out; false when nothing on the page offers it. */
export function perform(name: CommandName): boolean {
  const handler = handlers.get(name)
  handler?.()
  return handler !== undefined
}
