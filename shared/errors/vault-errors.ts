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
  sync_folder_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'This folder is not synchronised here.',
    zh: '这里没有同步此文件夹。',
  },
  sync_folder_overlaps: {
    httpStatus: 409,
    retryable: false,
    en: 'The folder {path} lies within another one that is synchronised, holds one, or is part of Silo’s own data.',
    zh: '文件夹 {path} 位于另一个同步文件夹之内、包含同步文件夹，或属于 Silo 自身的数据。',
  },
  sync_notes_encrypted: {
    httpStatus: 409,
    retryable: false,
    en: 'The notes are encrypted on this device, so other devices could not read them. Encrypt with `--no-notes` to share them.',
    zh: '本机的笔记已加密，其他设备无法读取。若要共享，请使用 `--no-notes` 方式加密。',
  },
  sync_port_in_use: {
    httpStatus: 409,
    retryable: true,
    en: 'Port {port} is used by another program. Set SILO_SYNC_PORT to another one.',
    zh: '端口 {port} 已被其他程序占用。请将 SILO_SYNC_PORT 设为其他端口。',
    recovery: 'retry',
  },
  sync_peer_closed: {
    httpStatus: 503,
    retryable: true,
    en: 'The connection to the other device ended.',
    zh: '与对方设备的连接已断开。',
    recovery: 'retry',
  },

  // Sharing
  access_missing: {
    httpStatus: 403,
    retryable: false,
    en: 'This device may not do that in this collection.',
    zh: '此设备无权在该资料集中执行此操作。',
  },
  policy_refused: {
    httpStatus: 403,
    retryable: false,
    en: 'These permissions are not accepted: {detail}',
    zh: '不接受这份权限声明：{detail}',
  },
  sharing_exceeds: {
    httpStatus: 403,
    retryable: false,
    en: 'You can give no more than you have, and only an administrator takes away.',
    zh: '授予的权限不能超过自己所有的权限，且只有管理者可以收回。',
  },
  group_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such group.',
    zh: '没有这个群组。',
  },
  holder_away: {
    httpStatus: 503,
    retryable: true,
    en: 'This lies on “{name}”, which is not connected now.',
    zh: '该内容保存在“{name}”上，而它目前未连接。',
    recovery: 'retry',
  },
  home_away: {
    httpStatus: 503,
    retryable: true,
    en: '“{name}” decides who may use this collection, and is not connected.',
    zh: '该资料集的权限由“{name}”决定，而它目前未连接。',
    recovery: 'retry',
  },

  // Reading folders
  file_secret: {
    httpStatus: 422,
    retryable: false,
    en: 'Passed over: files of this name hold keys or passwords.',
    zh: '已跳过：此类文件通常保存密钥或密码。',
  },
  file_link: {
    httpStatus: 422,
    retryable: false,
    en: 'Passed over: a link to another place. Add that place itself to have it read.',
    zh: '已跳过：这是指向其他位置的链接。如需读取，请直接添加该位置。',
  },
  path_too_long: {
    httpStatus: 400,
    retryable: false,
    en: 'The name or path is longer than this system can open.',
    zh: '名称或路径过长，本系统无法打开。',
  },
  path_loop: {
    httpStatus: 400,
    retryable: false,
    en: 'The links at “{path}” lead in a circle.',
    zh: '“{path}”处的链接相互循环。',
    recovery: 'choose-folder',
  },
  root_unmounted: {
    httpStatus: 409,
    retryable: true,
    en: '“{path}” is on another disk than before and holds none of its files. Is a drive unplugged? Nothing was removed.',
    zh: '“{path}”位于另一磁盘，且不含之前的任何文件。是否有硬盘未连接？未移除任何内容。',
    recovery: 'retry',
  },
  no_space: {
    httpStatus: 507,
    retryable: true,
    en: 'The disk of the data folder is full. What was read until now is kept; read again when there is room.',
    zh: '数据文件夹所在磁盘已满。已读取的内容均已保留，腾出空间后可重新读取。',
    recovery: 'free-disk',
  },

  // Notes
  note_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such note.',
    zh: '没有此笔记。',
  },
  note_conflict: {
    httpStatus: 409,
    retryable: false,
    en: 'The note was changed elsewhere in the meantime.',
    zh: '该笔记已在别处被修改。',
  },
  note_exists: {
    httpStatus: 409,
    retryable: false,
    en: 'There is something at “{path}” already.',
    zh: '“{path}”处已有内容。',
  },
  note_name_refused: {
    httpStatus: 400,
    retryable: false,
    en: '“{path}” cannot be a name on every device. Try “{safe}”.',
    zh: '并非所有设备都支持名称“{path}”。可改用“{safe}”。',
  },
  note_unreadable: {
    httpStatus: 422,
    retryable: false,
    en: 'The note is not text, or larger than {limit:bytes}.',
    zh: '该笔记不是文本，或大于 {limit:bytes}。',
  },
  clip_empty: {
    httpStatus: 422,
    retryable: false,
    en: 'There is no text to keep on this page.',
    zh: '此网页没有可保存的文字。',
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
    en: 'The copy needs {needed:bytes} on this device; {available:bytes} are left of what you allow.',
    zh: '副本需要 {needed:bytes}，而允许的空间只剩 {available:bytes}。',
    recovery: 'free-disk',
  },

  // Encryption at rest and backups
  home_locked: {
    httpStatus: 503,
    retryable: false,
    en: 'The data folder is encrypted. Give its passphrase in SILO_PASSPHRASE, or unlock the keychain of this system.',
    zh: '数据文件夹已加密。请通过 SILO_PASSPHRASE 提供口令，或解锁系统钥匙串。',
  },
  passphrase_wrong: {
    httpStatus: 403,
    retryable: false,
    en: 'The passphrase or recovery code is wrong.',
    zh: '口令或恢复码不正确。',
  },
  passphrase_short: {
    httpStatus: 400,
    retryable: false,
    en: 'A passphrase needs at least {limit} characters.',
    zh: '口令至少需要 {limit} 个字符。',
  },
  keychain_missing: {
    httpStatus: 503,
    retryable: false,
    en: 'This system has no keychain that keeps secrets over a restart. Choose a passphrase.',
    zh: '此系统没有可在重启后保留密钥的钥匙串。请改用口令。',
  },
  seal_damaged: {
    httpStatus: 500,
    retryable: false,
    en: '“{name}” cannot be decrypted: it was changed, or belongs to another data folder.',
    zh: '无法解密“{name}”：内容被改动，或属于其他数据文件夹。',
  },
  backup_damaged: {
    httpStatus: 422,
    retryable: false,
    en: 'The backup is damaged or is not one: {detail}',
    zh: '备份已损坏或不是有效备份：{detail}',
  },
  home_not_empty: {
    httpStatus: 409,
    retryable: false,
    en: 'The folder “{path}” is not empty. A backup is restored into a new one.',
    zh: '文件夹“{path}”不为空。备份只能恢复到新文件夹。',
  },
  sync_folder_missing: {
    httpStatus: 409,
    retryable: true,
    en: 'The folder {path} or its marker is missing. Nothing is synchronised until it is back, so that nothing is deleted elsewhere.',
    zh: '文件夹 {path} 或其标记缺失。在恢复之前不会同步，以免其他设备上的内容被删除。',
  },
  sync_ignores_broken: {
    httpStatus: 400,
    retryable: false,
    en: 'The ignore patterns in {file} cannot be read.',
    zh: '无法读取 {file} 中的忽略规则。',
  },
  sync_name_refused: {
    httpStatus: 400,
    retryable: false,
    en: 'This name cannot be used for a file here.',
    zh: '此名称不能用作这里的文件名。',
  },
  sync_name_collision: {
    httpStatus: 409,
    retryable: false,
    en: 'Another file here differs from this name in upper and lower case only.',
    zh: '这里已有一个仅大小写不同的同名文件。',
  },
  sync_entry_refused: {
    httpStatus: 400,
    retryable: false,
    en: 'What another device announced of this file is not valid.',
    zh: '其他设备公布的此文件信息无效。',
  },
  sync_too_many_files: {
    httpStatus: 400,
    retryable: false,
    en: 'The other device announces more files than this folder takes ({limit}).',
    zh: '对方设备公布的文件数超过此文件夹的上限（{limit}）。',
  },
  sync_wrong_block: {
    httpStatus: 502,
    retryable: true,
    en: 'The other device sent something else than the file it announced.',
    zh: '对方设备发送的内容与其公布的文件不符。',
  },
  sync_no_source: {
    httpStatus: 503,
    retryable: true,
    en: 'No connected device has this version of the file.',
    zh: '没有已连接的设备拥有此文件的此版本。',
  },
  sync_file_busy: {
    httpStatus: 409,
    retryable: true,
    en: 'The file changes while it is read. It is tried again.',
    zh: '文件在读取时发生变化，稍后会重试。',
  },
  sync_directory_kept: {
    httpStatus: 409,
    retryable: true,
    en: 'The directory was deleted elsewhere, but holds files here that are not synchronised.',
    zh: '该目录在其他设备上已删除，但这里仍有未同步的文件。',
  },
  sync_path_unsafe: {
    httpStatus: 409,
    retryable: true,
    en: 'The way to this file leads through a link or a file.',
    zh: '此文件的路径经过了链接或文件。',
  },
  // Reading
  ocr_failed: {
    httpStatus: 500,
    retryable: true,
    en: 'The text in this picture could not be recognised.',
    zh: '无法识别此图片中的文字。',
    recovery: 'retry',
  },
})
