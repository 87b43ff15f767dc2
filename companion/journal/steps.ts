import { createWriteStream } from 'node:fs'
import { mkdir, open, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FileStamp } from '#shared/domain/file-change.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { Blobs } from './blobs.ts'
import type { StepRecord } from './journal-records.ts'
import {
  freePath,
  hashOf,
  isEmptyFolder,
  moveInto,
  nameInto,
  sameStamp,
  settleMove,
  stampOf,
} from './moves.ts'

export interface StepDeps {
  readonly blobs: Blobs
  /** The trash of the data folder. */
  readonly trash: string
  /** Asked of every path right before it is touched. @throws SiloError path_refused, path_changed */
  readonly guard: (path: string) => Promise<void>
}

/** Puts down where a step stands; on disk when it returns. */
type Note = (step: StepRecord) => void

/**
 * Makes one change. What is about to happen is noted first, with every path it uses, so that `settle` can tell after a
 * crash what did happen. @throws SiloError path_changed, path_refused and what the file system says
 */
export async function makeStep(step: StepRecord, deps: StepDeps, note: Note): Promise<StepRecord> {
  const { change } = step
  if (change.type === 'make-folder') {
    await deps.guard(change.path)
    const there = await stampOf(change.path)
    if (there && there.kind !== 'folder') throw new SiloError('path_changed', { params: { path: change.path } }) // prettier-ignore
    // A folder that was there is not ours to remove.
    const doing = { ...step, state: 'doing' as const, ...(there ? {} : { path: change.path }) }
    note(doing)
    await mkdir(change.path, { recursive: true })
    return { ...doing, state: 'done' }
  }
  if (change.type === 'create') {
    const path = await freePath(change.path)
    await deps.guard(path)
    const doing = { ...step, state: 'doing' as const, path }
    note(doing)
    await writeInto(deps.blobs, change.content, path)
    return done(doing, path)
  }
  const source = change.type === 'move' ? change.from : change.path
  await deps.guard(source)
  await requireSame(source, change.stamp)
  if (change.type === 'move') {
    const path = await freePath(change.to)
    await deps.guard(path)
    const doing = { ...step, state: 'doing' as const, path }
    note(doing)
    await mkdir(dirname(path), { recursive: true })
    await moveInto(source, path)
    return done(doing, path)
  }
  const kept = await trashPath(source, step, deps.trash)
  const doing = { ...step, state: 'doing' as const, kept, ...(change.type === 'replace' ? { path: source } : {}) } // prettier-ignore
  note(doing)
  await mkdir(dirname(kept), { recursive: true, mode: 0o700 })
  await moveInto(source, kept)
  if (change.type === 'trash') return done(doing, kept)
  await writeInto(deps.blobs, change.content, source)
  return done(doing, source)
}

/** Takes one change back. @throws SiloError undo_impossible, path_refused and what the file system says */
export async function undoStep(step: StepRecord, deps: StepDeps, note: Note): Promise<StepRecord> {
  const { change, path, kept, after } = step
  const undone = (where?: string): StepRecord => {
    const { kept: _kept, path: _path, error: _error, ...rest } = step
    return { ...rest, state: 'undone', ...(where === undefined ? {} : { path: where }) }
  }
  // Only now does anything happen: what is refused before stands as it stood.
  const begin = (): void => note({ ...step, state: 'undoing' })
  if (change.type === 'make-folder') {
    begin()
    // What the person has put there since stays, and the folder with it.
    if (path && (await stampOf(path)) && (await isEmptyFolder(path))) await rmdir(path)
    return undone()
  }
  if (change.type === 'trash') {
    if (!kept || !(await stampOf(kept))) throw impossible(change.path, 'ENOENT')
    await deps.guard(change.path)
    const back = await freePath(change.path)
    begin()
    await mkdir(dirname(back), { recursive: true })
    await moveInto(kept, back)
    return undone(back)
  }
  if (!path) throw impossible(change.type === 'move' ? change.from : change.path, 'ENOENT')
  const now = await stampOf(path)
  if (!now) throw impossible(path, 'ENOENT')
  if (after && !sameStamp(now, after)) throw impossible(path, 'changed')
  await deps.guard(path)
  if (change.type === 'move') {
    await deps.guard(change.from)
    const back = await freePath(change.from)
    begin()
    await mkdir(dirname(back), { recursive: true })
    await moveInto(path, back)
    return undone(back)
  }
  // Its content is still among the blobs; what a person might want of it is kept in the trash as well.
  const aside = await trashPath(path, step, deps.trash)
  begin()
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 })
  await moveInto(path, aside)
  if (change.type === 'replace' && kept) await moveInto(kept, await freePath(change.path))
  return undone()
}

/** After a crash: says how far a step came that was being made or taken back, and finishes its half-done move. */
export async function settleStep(step: StepRecord): Promise<StepRecord> {
  const { change, path, kept } = step
  const undoing = step.state === 'undoing'
  const finished = async (where: string): Promise<StepRecord> => done({ ...step, state: 'doing' }, where) // prettier-ignore
  const notMade = (): StepRecord => ({ ...step, state: undoing ? 'undone' : 'planned' })
  if (change.type === 'make-folder')
    return { ...step, state: (await stampOf(change.path)) ? 'done' : notMade().state }
  if (change.type === 'move') {
    if (!path) return notMade()
    const where = undoing
      ? await settleMove(path, change.from)
      : await settleMove(change.from, path)
    const moved = undoing ? where === 'from' : where === 'to'
    return moved ? finished(path) : notMade()
  }
  if (change.type === 'create') {
    if (path) await rm(`${path}.silo-part`, { force: true })
    const whole = path && (await stampOf(path)) && (await hashOf(path)) === change.content
    return whole ? finished(path) : notMade()
  }
  if (!kept) return notMade()
  if (change.type === 'trash') {
    const where = undoing
      ? await settleMove(kept, change.path)
      : await settleMove(change.path, kept)
    const trashed = undoing ? where === 'from' : where === 'to'
    return trashed ? finished(kept) : notMade()
  }
  await rm(`${change.path}.silo-part`, { force: true })
  const whole = (await stampOf(change.path)) && (await hashOf(change.path)) === change.content
  if (whole) return finished(change.path)
  // The old content is in the trash and the new one is not there: the old one comes back.
  if ((await settleMove(change.path, kept)) === 'to')
    await moveInto(kept, await freePath(change.path))
  return notMade()
}

async function requireSame(path: string, planned: FileStamp): Promise<void> {
  const now = await stampOf(path)
  if (!now || !sameStamp(now, planned)) throw new SiloError('path_changed', { params: { path } })
  if (planned.sha256 && now.kind === 'file' && (await hashOf(path)) !== planned.sha256)
    throw new SiloError('path_changed', { params: { path } })
}

async function done(step: StepRecord, path: string): Promise<StepRecord> {
  const stamp = await stampOf(path)
  return {
    ...step,
    state: 'done',
    path,
    ...(stamp ? { after: { size: stamp.size, modifiedAt: stamp.modifiedAt } } : {}),
  }
}

/** Writes a kept content beside its name, and names it when it is whole. */
async function writeInto(blobs: Blobs, content: string, path: string): Promise<void> {
  const temporary = `${path}.silo-part`
  await mkdir(dirname(path), { recursive: true })
  try {
    await pipeline(await blobs.open(content), createWriteStream(temporary, { flags: 'w' }))
    const file = await open(temporary, 'r+')
    await file.sync().finally(() => file.close())
    await nameInto(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw cause
  }
}

/**
 * Where a thrown away file is kept: in the data folder, or, on another volume, in a hidden folder beside it, since a
 * file on its way between volumes is for a while at both.
 */
async function trashPath(path: string, { batchId, n }: StepRecord, trash: string): Promise<string> {
  const name = `${n}-${basename(path)}`
  const own = await stampOf(parse(trash).dir)
  const there = await stampOf(dirname(path))
  const folder =
    own && there && own.device !== there.device
      ? join(dirname(path), '.silo-trash', batchId)
      : join(trash, batchId)
  return freePath(join(folder, name))
}

function impossible(path: string, detail: string): SiloError {
  return new SiloError('undo_impossible', { params: { path, detail } })
}
