import { define } from './error-entry.ts'

/** Errors of sync, sharing, notes, replicas, encryption and backup: a part of the one registry. */
export const vaultErrors = define({
  // Sync
  sync_block_missing: {
    httpStatus: 404,
    retryable: true,
    en: 'The other device no longer has this version of the file.',
    zh: '对方设备已没有该文件的此版本。',
  },
  sync_peer_closed: {
    httpStatus: 503,
    retryable: true,
    en: 'The connection to the other device ended.',
    zh: '与对方设备的连接已断开。',
    recovery: 'retry',
  },

  // Copies on a phone
  replica_refused: {
    httpStatus: 403,
    retryable: false,
    en: 'This device may not keep a copy of this collection.',
    zh: '此设备不可保存该资料集的副本。',
  },
  replica_expired: {
    httpStatus: 410,
    retryable: true,
    en: 'The copy on this device was not refreshed for {days} days. It is used again once a companion confirms it.',
    zh: '本机副本已有 {days} 天未更新，待伴侣程序确认后才会再次使用。',
    recovery: 'check-companion',
  },
  replica_over_budget: {
    httpStatus: 507,
    retryable: false,
    en: 'The copy needs {needed} bytes on this device; {available} are left of what you allow.',
    zh: '副本需要 {needed} 字节，而允许的空间只剩 {available} 字节。',
    recovery: 'free-disk',
  },
})
