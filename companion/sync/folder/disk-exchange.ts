import { linkSync, lstatSync, renameSync, unlinkSync, type BigIntStats } from 'node:fs'
import { asideName, conflictName } from './names.ts'
import { statText, type SafeTree } from './safe-tree.ts'

/**
 * Changes of names that lose nothing a person does in that very moment. Between looking at a file and replacing it there
 * is always time for a write; so what was there is kept aside until it is clear that it is what was looked at, and put
 * back where it is not. Calls block: for worker threads.
 */
export class ChangedMeanwhile extends Error {
  readonly code = 'changed'
}

/** Takes a file away. @throws ChangedMeanwhile where it is not (any more) in the state `expect`; then it stays */
export function takeAway(tree: SafeTree, name: string, expect: string): void {
  const path = tree.path(name)
  const aside = tree.path(asideName(name))
  renameSync(path, aside)
  if (statText(lstatSync(aside, { bigint: true })) === expect) return unlinkSync(aside)
  putBack(tree, name, aside)
  throw new ChangedMeanwhile('changed while it was taken away')
}

/**
 * Gives the file at `source` the name, in one step for whoever looks. `there`: what has the name now and is to be
 * replaced. @throws ChangedMeanwhile where a person put something else there; then that stays
 */
export function publish(
  tree: SafeTree,
  name: string,
  source: string,
  there: BigIntStats | undefined,
): void {
  const path = tree.path(name)
  if (!there) return publishNew(source, path)
  const aside = tree.path(asideName(name))
  // Not everywhere can a file have two names; there the check just before has to do.
  const kept = there.isFile() && tryLink(path, aside)
  renameSync(source, path)
  if (!kept) return
  if (statText(lstatSync(aside, { bigint: true })) === statText(there)) return unlinkSync(aside)
  renameSync(aside, path)
  throw new ChangedMeanwhile('changed while it was replaced')
}

/** A rename would replace what came there meanwhile; a second name cannot. */
function publishNew(source: string, path: string): void {
  try {
    linkSync(source, path)
  } catch (error) {
    if (isThere(path)) throw new ChangedMeanwhile('something has come there', { cause: error })
    return renameSync(source, path)
  }
  unlinkSync(source)
}

function tryLink(path: string, aside: string): boolean {
  for (const last of [false, true]) {
    try {
      linkSync(path, aside)
      return true
    } catch (error) {
      // Left by a kill.
      if (last || (error as NodeJS.ErrnoException).code !== 'EEXIST') return false
      unlinkSync(aside)
    }
  }
  return false
}

/** Where the name was taken again meanwhile, both are kept. */
function putBack(tree: SafeTree, name: string, aside: string): void {
  const path = tree.path(name)
  renameSync(aside, isThere(path) ? tree.path(conflictName(name, 0n)) : path)
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
