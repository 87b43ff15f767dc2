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
})
