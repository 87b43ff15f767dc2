/** What `silo encrypt`, `silo backup` and `silo restore` say. */
export const safetyTexts = {
  usage_encrypt: {
    en: `Usage: silo encrypt [status] [--json]
       silo encrypt on [--passphrase] [--no-notes] [--new-passphrase-file FILE] [--json]
       silo encrypt off [--json]
       silo encrypt passphrase [--recover] [--new-passphrase-file FILE] [--json]

  --passphrase          Use a passphrase although this system has a keychain
  --no-notes            Leave notes readable for other programs and for Syncthing
  --recover             Open with the recovery code

Encrypts the keys, extracted texts and notes of the data folder. The companion has to be stopped. An encrypted
folder that has a passphrase asks for it at the start, or takes it from SILO_PASSPHRASE or SILO_PASSPHRASE_FILE.`,
    zh: `用法：silo encrypt [status] [--json]
      silo encrypt on [--passphrase] [--no-notes] [--new-passphrase-file 文件] [--json]
      silo encrypt off [--json]
      silo encrypt passphrase [--recover] [--new-passphrase-file 文件] [--json]

  --passphrase          即使系统有钥匙串也使用口令
  --no-notes            不加密笔记，便于其他程序和 Syncthing 读取
  --recover             使用恢复码打开

加密数据文件夹中的密钥、提取的文本和笔记。需先停止伴侣程序。使用口令加密的文件夹在启动时会询问口令，
也可通过 SILO_PASSPHRASE 或 SILO_PASSPHRASE_FILE 提供。`,
  },
  usage_backup: {
    en: `Usage: silo backup FILE [--no-index] [--new-passphrase-file FILE] [--json]

  --no-index            Leave out the search index; it is made again from the documents

Writes everything but models and logs into one encrypted file (age format), reads it again and compares. The
companion may run meanwhile.`,
    zh: `用法：silo backup 文件 [--no-index] [--new-passphrase-file 文件] [--json]

  --no-index            不包含检索索引；之后会根据文档重新建立

将模型和日志以外的全部数据写入一个加密文件（age 格式），随后重新读取并比对。伴侣程序可保持运行。`,
  },
  usage_restore: {
    en: `Usage: silo restore FILE [--passphrase-file FILE] [--json]

Restores a backup into the data folder (SILO_HOME), which must be new or empty. Every file is compared before
the folder takes its place.`,
    zh: `用法：silo restore 文件 [--passphrase-file 文件] [--json]

将备份恢复到数据文件夹（SILO_HOME），该文件夹必须不存在或为空。所有文件校验通过后才会启用。`,
  },
  encrypt_off: {
    en: 'The data folder is not encrypted. `silo encrypt on` encrypts it.',
    zh: '数据文件夹未加密。可用 `silo encrypt on` 加密。',
  },
  encrypt_keychain: {
    en: 'Encrypted; the key is in the keychain of this system.',
    zh: '已加密；密钥保存在系统钥匙串中。',
  },
  encrypt_passphrase: {
    en: 'Encrypted under a passphrase.',
    zh: '已使用口令加密。',
  },
  encrypt_notes: { en: 'Notes are encrypted too.', zh: '笔记也已加密。' },
  encrypt_no_notes: {
    en: 'Notes are left readable for other programs.',
    zh: '笔记未加密，其他程序可以读取。',
  },
  encrypt_no_keychain: {
    en: 'This system has no keychain that keeps secrets over a restart; a passphrase is used.',
    zh: '此系统没有可在重启后保留密钥的钥匙串，将使用口令。',
  },
  encrypt_done: { en: 'Encrypted {files} files.', zh: '已加密 {files} 个文件。' },
  encrypt_recovery: {
    en: 'Recovery code, shown once. Write it down and keep it elsewhere:\n\n  {code}\n',
    zh: '恢复码仅显示一次。请抄下并另行保管：\n\n  {code}\n',
  },
  encrypt_scope: {
    en: 'Not encrypted: conversations, the search index, models. Use disk encryption for those.',
    zh: '未加密：对话、检索索引和模型。请为它们使用磁盘加密。',
  },
  decrypt_done: { en: 'Decrypted {files} files.', zh: '已解密 {files} 个文件。' },
  passphrase_changed: { en: 'The passphrase was changed.', zh: '口令已更改。' },
  ask_passphrase: { en: 'Passphrase:', zh: '口令：' },
  ask_new_passphrase: { en: 'New passphrase:', zh: '新口令：' },
  ask_again: { en: 'Once more:', zh: '再次输入：' },
  ask_recovery: { en: 'Recovery code:', zh: '恢复码：' },
  not_the_same: { en: 'the two are not the same', zh: '两次输入不一致' },
  a_passphrase: { en: 'a passphrase', zh: '口令' },
  backup_done: {
    en: '{files} files, {bytes}, written and compared: {path}',
    zh: '已写入并校验 {files} 个文件，共 {bytes}：{path}',
  },
  restore_done: {
    en: '{files} files, {bytes}, restored to {path}. Start with `silo start`.',
    zh: '已将 {files} 个文件（{bytes}）恢复到 {path}。可用 `silo start` 启动。',
  },
  restore_same_device: {
    en: 'It holds the keys of the device it was made on: do not run both at once.',
    zh: '其中包含原设备的密钥：请勿同时运行两者。',
  },
}
