/** The database of this device's copy of conversations. */
export const replicaName = 'silo-replica'

/**
 * Whether this browser has a database of that name; true where it does not tell. Asking opens nothing: what reads and
 * writes databases is not loaded by a page that has none.
 */
export async function hasDatabase(name: string): Promise<boolean> {
  try {
    return (await indexedDB.databases()).some((each) => each.name === name)
  } catch {
    return true
  }
}
