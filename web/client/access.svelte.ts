import type { Role } from '#shared/domain/device.ts'
import { linkInfoSchema, type LinkInfo } from '#shared/protocol/link.ts'
import { request } from './api.ts'
import { Resource } from './resource.svelte.ts'
import { onChange } from './stream.ts'
import { connection } from './stream.svelte.ts'

const ranks: Record<Role, number> = { guest: 0, member: 1, owner: 2 }

/** As whom this page comes to the companion, and how the companion can be reached. */
class Access {
  readonly link = new Resource<LinkInfo>((signal) =>
    request('/api/link', linkInfoSchema, { signal }),
  )

  /** Reads it, and again when devices change or another companion is reached. Returns the end of it. */
  start(): () => void {
    const stop = onChange('devices', () => void this.link.load())
    void this.link.load()
    return () => {
      stop()
      this.link.dispose()
    }
  }

  /** Undefined until the companion has said so; a page with no companion is its own owner. */
  get role(): Role | undefined {
    if (connection.state === 'page-only') return 'owner'
    return this.link.value?.role
  }

  /**
   * Whether to offer what needs `least`. Until the role is known everything is offered, so that nothing moves for
   * an owner: the companion decides anyway.
   */
  may(least: Role): boolean {
    return this.role === undefined || ranks[this.role] >= ranks[least]
  }
}

export const access = new Access()
