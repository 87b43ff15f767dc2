import type { CheckFinding } from '#shared/protocol/ingest.ts'

/** What `silo vault` says. */
export const vaultTexts = {
  usage_vault: {
    en: `Usage: silo vault check [--repair] [--json]

  --repair              Set right what is found, and read again what is lost

Compares records, index, extracted texts and files with each other, and the indexes of other devices with what is
known of them. Without --repair nothing is changed. Ends with 2 where something was found and not repaired.`,
    zh: `用法：silo vault check [--repair] [--json]

  --repair              修复发现的问题，并重新读取丢失的内容

对照检查记录、索引、提取的文本和文件，以及其他设备的索引。不加 --repair 时不作任何更改。
发现问题且未修复时，退出码为 2。`,
  },
  check_clean: {
    en: 'The vault is in order: {documents} documents, {chunks} passages in {collections} collections.',
    zh: '知识库完好：{collections} 个资料集，{documents} 个文档，{chunks} 个段落。',
  },
  check_busy: {
    en: 'Left out, because it is being read now: {name}',
    zh: '正在读取，未检查：{name}',
  },
  check_repaired: { en: 'repaired', zh: '已修复' },
  check_open: { en: 'not repaired', zh: '未修复' },
  check_reading: {
    en: 'What was lost is being read again: silo status',
    zh: '正在重新读取丢失的内容，可用 silo status 查看',
  },
  check_of: { en: 'index of device {device}', zh: '设备 {device} 的索引' },
  'check_chunks-missing': { en: 'documents not whole in the index', zh: '索引中不完整的文档' },
  'check_chunks-orphaned': { en: 'documents in the index that are no more', zh: '索引中已不存在的文档' }, // prettier-ignore
  'check_text-missing': { en: 'extracted texts lost or other than indexed', zh: '提取的文本丢失或与索引不符' }, // prettier-ignore
  'check_text-orphaned': { en: 'extracted texts of no document', zh: '无对应文档的文本' },
  'check_record-stale': { en: 'documents that no file leads to', zh: '无对应文件的文档' },
  'check_head-stale': { en: 'documents the index describes wrongly', zh: '索引中说明有误的文档' },
  'check_dataset-damaged': { en: 'damaged index', zh: '索引损坏' },
  'check_records-behind': {
    en: 'documents of other devices not up to date',
    zh: '其他设备的文档未更新',
  },
} satisfies Record<string, { en: string; zh: string }> &
  Record<`check_${CheckFinding['kind']}`, { en: string; zh: string }>
