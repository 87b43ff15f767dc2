import { SiloError, toWire, type WireError } from '#shared/errors/silo-error.ts'
import type { ReplicaOffer } from '#shared/protocol/replica.ts'
import { stored } from '../records.ts'
import { ofCollection, openVaultDatabase, writeVault, type VaultWrite } from './database.ts'
import { keptDays, leaseOf } from './lease.ts'
import { vaultCopySchema, vaultSettingsSchema, type VaultCopy, type VaultSettings } from './records.ts' // prettier-ignore

/** What copies may take together until a person says otherwise, bytes. */
export const defaultBudget = 512_000_000
const noSettings: VaultSettings = { latest: 0, dropped: [] }
/** Deleted copies the person is told of, at most. */
const keptNews = 20

/** The copies this device keeps, by name. Never throws: where nothing can be stored there are none. */
export async function vaultCopies(): Promise<VaultCopy[]> {
  try {
    const rows = await (await openVaultDatabase()).getAll('copies')
    return rows
      .flatMap((row) => stored(vaultCopySchema, row) ?? [])
      .sort((a, b) => a.name.localeCompare(b.name))
  } catch {
    return []
  }
}

export async function vaultCopy(id: string): Promise<VaultCopy | undefined> {
  return stored(vaultCopySchema, await (await openVaultDatabase()).get('copies', id))
}

/** Keeps a collection from now on; what is here of it already stays. @throws SiloError storage_quota, page_storage_failed */
export async function chooseCopy(
  offer: Pick<ReplicaOffer, 'id' | 'name' | 'change' | 'chunks' | 'bytes'>,
  companionId: string,
  now: number,
): Promise<VaultCopy> {
  const { id, name, change, chunks, bytes } = offer
  return writeVault(async (tx) => {
    const known = stored(vaultCopySchema, await tx.objectStore('copies').get(id))
    // Of another companion only where that one is to be asked no more: its count of changes means nothing here.
    if (known?.companionId === companionId) return known
    const copy: VaultCopy = {
      id,
      name,
      companionId,
      cursor: { since: 0 },
      change,
      documents: 0,
      chunks: 0,
      bytes: 0,
      expected: { chunks, bytes },
      revision: (known?.revision ?? 0) + 1,
      chosenAt: now,
      confirmedAt: now,
      usedAt: now,
    }
    await dropContents(tx, id)
    await tx.objectStore('copies').put(copy, id)
    return copy
  })
}

/** Changes what is noted of a copy; nothing where it is gone. */
export async function noteCopy(
  id: string,
  change: (copy: VaultCopy) => VaultCopy,
): Promise<VaultCopy | undefined> {
  return writeVault(async (tx) => {
    const known = stored(vaultCopySchema, await tx.objectStore('copies').get(id))
    if (!known) return undefined
    const next = change(known)
    await tx.objectStore('copies').put(next, id)
    return next
  })
}

/** What the companion says of a collection this device has: it may go on having it. */
export function confirmCopy(offer: ReplicaOffer, now: number): Promise<VaultCopy | undefined> {
  const { id, name, change, chunks, bytes } = offer
  return noteCopy(id, (copy) => ({
    ...copy,
    name,
    change,
    expected: { chunks, bytes },
    confirmedAt: now,
  }))
}

export function failCopy(id: string, error: WireError): Promise<VaultCopy | undefined> {
  return noteCopy(id, (copy) => ({ ...copy, error }))
}

/** Empties a copy that is damaged: the next page is its first. */
export async function resetCopy(id: string): Promise<void> {
  await writeVault(async (tx) => {
    const known = stored(vaultCopySchema, await tx.objectStore('copies').get(id))
    if (!known) return
    await dropContents(tx, id)
    const { syncedAt: _syncedAt, ...rest } = known
    const empty = { cursor: { since: 0 }, documents: 0, chunks: 0, bytes: 0 }
    await tx.objectStore('copies').put({ ...rest, ...empty, revision: known.revision + 1 }, id)
  })
}

/** Deletes a copy with everything in it. @param why where the person did not ask for it: it is told to them */
export async function removeCopy(id: string, why?: WireError): Promise<void> {
  await writeVault(async (tx) => {
    const known = stored(vaultCopySchema, await tx.objectStore('copies').get(id))
    await dropContents(tx, id)
    await tx.objectStore('copies').delete(id)
    if (!known || !why) return
    await changeSettings(tx, ({ dropped, ...rest }) => ({
      ...rest,
      dropped: [...dropped, { name: known.name, error: why, at: Date.now() }].slice(-keptNews),
    }))
  })
}

/** The person has read which copies went. */
export async function acknowledgeDropped(): Promise<void> {
  await writeVault((tx) => changeSettings(tx, (settings) => ({ ...settings, dropped: [] })))
}

/** Ids of the copies that questions may be answered from. */
export async function usableCopies(): Promise<string[]> {
  const [copies, now] = await Promise.all([vaultCopies(), leaseTime()])
  return copies
    .filter((copy) => copy.syncedAt !== undefined && leaseOf(copy, now) === 'valid')
    .map(({ id }) => id)
}

/** Deletes what no companion has confirmed for too long. */
export async function removeExpired(now: number): Promise<void> {
  const error = toWire(new SiloError('replica_expired', { params: { days: keptDays } }))
  for (const copy of await vaultCopies())
    if (leaseOf(copy, now) === 'over') await removeCopy(copy.id, error)
}

export async function vaultSettings(): Promise<VaultSettings> {
  try {
    const row = await (await openVaultDatabase()).get('settings', 'vault')
    return settingsOf(row)
  } catch {
    return noSettings
  }
}

/** @param budget bytes all copies may take together */
export async function setBudget(budget: number): Promise<void> {
  await writeVault((tx) => changeSettings(tx, (settings) => ({ ...settings, budget })))
}

/**
 * The time for leases, ms since 1970: never earlier than what was seen before, so that a clock that is put back makes
 * no copy younger.
 */
export async function leaseTime(): Promise<number> {
  const { latest } = await vaultSettings()
  const now = Date.now()
  // Noted by the hour: every search would write else.
  if (now > latest + 3600_000)
    await writeVault((tx) =>
      changeSettings(tx, (settings) => ({ ...settings, latest: now })),
    ).catch(() => {})
  return Math.max(now, latest)
}

/** Removes segments and texts, not the note that the collection is kept. */
export async function dropContents(tx: VaultWrite, id: string): Promise<void> {
  await tx.objectStore('segments').delete(ofCollection(id))
  await tx.objectStore('texts').delete(ofCollection(id))
}

async function changeSettings(
  tx: VaultWrite,
  change: (settings: VaultSettings) => VaultSettings,
): Promise<void> {
  const store = tx.objectStore('settings')
  await store.put(change(settingsOf(await store.get('vault'))), 'vault')
}

function settingsOf(row: unknown): VaultSettings {
  return stored(vaultSettingsSchema, row ?? {}) ?? noSettings
}
