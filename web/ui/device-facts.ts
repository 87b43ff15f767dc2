import type { Role, TransportKind } from '#shared/domain/device.ts'
import { translator } from './i18n.svelte.ts'

const t = translator({
  en: {
    owner: 'Owner',
    member: 'Member',
    guest: 'Guest',
    ownerMay: 'Everything, also settings, keys and pairing. Shares your conversations.',
    memberMay:
      'Asks, reads and fills the collections shared with members. Has conversations of its own.',
    guestMay:
      'Asks; of the vault it has only what is shared with it. Has conversations of its own.',
    loopback: 'this machine',
    webrtc: 'WebRTC',
    websocket: 'WebSocket',
    tcp: 'TCP',
  },
  zh: {
    owner: '所有者',
    member: '成员',
    guest: '访客',
    ownerMay: '全部功能，包括设置、密钥和配对。与您共用对话。',
    memberMay: '可以提问，可查阅和添加与成员共享的资料集。对话自成一份。',
    guestMay: '可以提问；知识库中只能使用与它共享的资料集。对话自成一份。',
    loopback: '本机',
    webrtc: 'WebRTC',
    websocket: 'WebSocket',
    tcp: 'TCP',
  },
})

export const roles: readonly Role[] = ['owner', 'member', 'guest']

export function roleName(role: Role): string {
  return t(role)
}

/** What a device of this role may do, in one line. */
export function roleMay(role: Role): string {
  return t(`${role}May`)
}

/** How a device reaches a companion: `WebRTC`, `this machine`. */
export function roadName(road: TransportKind): string {
  return t(road)
}

/** A device id as people compare it: all begin alike, so the last ten characters. */
export function shortId(id: string): string {
  return `…${id.slice(-10)}`
}
