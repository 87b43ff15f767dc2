import type { Rolldown } from 'vite'

type GroupName = Extract<Rolldown.CodeSplittingGroup['name'], (...args: never[]) => unknown>
type Context = Parameters<GroupName>[1]

const nodes = '/.svelte-kit/generated/build/client-optimized/nodes'

/**
 * Puts what the first page needs anyway into two files instead of forty: each file is packed by itself, and forty small
 * ones are a tenth larger. The frame has what every page needs, and what the chat shares with other pages.
 */
export function firstPageChunks(root: string): Rolldown.CodeSplittingOptions {
  let sets: { frame: Set<string>; chat: Set<string> } | undefined
  const setsOf = (context: Context) => {
    if (sets) return sets
    const chat = closure(nodesOf(root, 2, 4), context)
    const others = closure(nodesOf(root, 5, 99), context)
    const shared = [...chat].filter((id) => others.has(id))
    return (sets = { frame: new Set([...closure(nodesOf(root, 0, 1), context), ...shared]), chat })
  }
  // A group takes along what its modules import: the frame goes first, or the chat would have all of it.
  return {
    groups: [
      { name: (id, context) => (setsOf(context).frame.has(id) ? 'frame' : null), priority: 2 },
      { name: (id, context) => (setsOf(context).chat.has(id) ? 'chat' : null), priority: 1 },
    ],
  }
}

/** Layouts and pages in the order in which the router numbers them: the frame, its error, the chat's three, the others. */
function nodesOf(root: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, n) => `${root}${nodes}/${first + n}.js`)
}

/** All modules that these import, directly or not, except by a dynamic import. */
function closure(entries: readonly string[], context: Context): Set<string> {
  const found = new Set<string>()
  const open = entries.filter((id) => context.getModuleInfo(id))
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue
    found.add(id)
    open.push(...(context.getModuleInfo(id)?.importedIds ?? []))
  }
  for (const id of entries) found.delete(id)
  return found
}
