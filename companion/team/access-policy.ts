import type { Access, AccessLevel } from '#shared/domain/sharing.ts'

/**
 * Answers what a device may do with a collection, now. The one place where permissions are decided: gateway,
 * federated search, phone feed and every sync message ask here. `device` is a peer id, or `self` for the owner at
 * this computer and owner devices: they have everything of what is at home here, and of what is at home elsewhere what
 * its home gives this companion.
 */
export interface AccessPolicy {
  accessOf(collectionId: string, device: string): Access | undefined
  /** Ids of the collections held here which the device may do `level` with. */
  allowed(device: string, level: AccessLevel): readonly string[]
  /** Whether the device may keep a copy. */
  mayCopy(collectionId: string, device: string): boolean
  /** Calls back after any change of grants, groups or roles. @returns how to stop */
  onChange(listener: () => void): () => void
}
