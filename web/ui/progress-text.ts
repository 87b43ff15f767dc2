import type { RunView } from '#shared/protocol/run-view.ts'
import { translator } from './i18n.svelte.ts'

const t = translator({
  en: {
    queued: 'Waiting for its turn',
    starting: 'Starting',
    scanning: 'Listing files',
    reading: 'Reading files',
    extracting: 'Reading files',
    chunking: 'Splitting into passages',
    embedding: 'Indexing passages',
    indexing: 'Building the search index',
    paused: 'Held',
    checking: 'Checking the vault',
    writing: 'Writing the index',
    removing: 'Removing what is gone',
    'loading-model': 'Loading the model',
    downloading: 'Downloading',
    converting: 'Converting',
    assembling: 'Joining the parts',
    verifying: 'Checking the file',
    copying: 'Copying',
    installing: 'Putting it in place',
    quantizing: 'Making the smaller file',
    measuring: 'Measuring it',
    seconds: '{n} s left',
    minutes: '{n} min left',
    hours: '{h} h {m} min left',
    moment: 'a moment left',
    added: '{n} new',
    changed: '{n} changed',
    moved: '{n} moved',
    removed: '{n} removed',
    unchanged: '{n} unchanged',
    failed: '{n} not read',
  },
  zh: {
    queued: '排队等待',
    starting: '正在启动',
    scanning: '列出文件',
    reading: '读取文件',
    extracting: '读取文件',
    chunking: '切分段落',
    embedding: '编入索引',
    indexing: '建立检索索引',
    paused: '已暂停',
    checking: '检查知识库',
    writing: '写入索引',
    removing: '移除已消失的内容',
    'loading-model': '载入模型',
    downloading: '下载中',
    converting: '转换格式',
    assembling: '合并分片',
    verifying: '校验文件',
    copying: '正在复制',
    installing: '安装到位',
    quantizing: '生成更小的文件',
    measuring: '测量质量',
    seconds: '剩余 {n} 秒',
    minutes: '剩余 {n} 分钟',
    hours: '剩余 {h} 小时 {m} 分',
    moment: '即将完成',
    added: '新增 {n}',
    changed: '更新 {n}',
    moved: '移动 {n}',
    removed: '移除 {n}',
    unchanged: '未变 {n}',
    failed: '未能读取 {n}',
  },
})

const stages = new Set([
  'queued',
  'scanning',
  'reading',
  'extracting',
  'chunking',
  'embedding',
  'indexing',
  'paused',
  'checking',
  'writing',
  'removing',
  'loading-model',
  'downloading',
  'converting',
  'assembling',
  'verifying',
  'copying',
  'installing',
  'quantizing',
  'measuring',
])

/** The stage in the user's language; a stage this version does not know is shown as it came. */
export function stageText(stage: string): string {
  if (!stage) return t('starting')
  return stages.has(stage) ? t(stage as 'queued') : stage
}

/** A remaining time, rounded so that it does not flicker: 5 s steps below a minute, then whole minutes. */
export function remainingText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return ''
  if (seconds < 3) return t('moment')
  if (seconds < 57.5) return t('seconds', { n: Math.max(5, Math.round(seconds / 5) * 5) })
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return t('minutes', { n: Math.max(1, minutes) })
  return t('hours', { h: Math.floor(minutes / 60), m: minutes % 60 })
}

/** What a finished ingest did, e.g. `12 new · 3 changed`; zeros are left out. */
export function countsText(counts: RunView['counts']): string {
  const known = ['added', 'changed', 'moved', 'removed', 'unchanged', 'failed'] as const
  return known
    .filter((key) => counts?.[key])
    .map((key) => t(key, { n: counts?.[key] ?? 0 }))
    .join(' · ')
}
