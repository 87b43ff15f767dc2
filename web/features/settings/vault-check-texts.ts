import type { CheckFinding } from '#shared/protocol/ingest.ts'
import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    title: 'Vault',
    never: 'Never checked.',
    what: 'Compares records, search index, extracted texts and files. Nothing is changed.',
    run: 'Check the vault',
    again: 'Check again',
    repair: 'Repair',
    clean:
      'In order on {when}: {documents|document|documents}, {chunks|passage|passages} in {collections|collection|collections}.',
    found: 'On {when}, in {documents|document|documents}:',
    repaired: 'repaired',
    open: 'not repaired',
    busy: 'Left out, because it is being read now: {name}',
    reread: 'What was lost is being read again.',
    refetched: 'What another device had sent is fetched from it again, as soon as it is there.',
    stopped: 'The check was stopped. What it had repaired stays so.',
    of: 'from {device}',
    texts: 'Extracted texts',
  },
  zh: {
    title: '知识库',
    never: '从未检查。',
    what: '比对记录、检索索引、提取的文本和文件，不作任何更改。',
    run: '检查知识库',
    again: '再次检查',
    repair: '修复',
    clean: '{when} 检查完好：{collections} 个资料集，{documents} 个文档，{chunks} 个段落。',
    found: '{when} 检查了 {documents} 个文档，发现：',
    repaired: '已修复',
    open: '未修复',
    busy: '正在读取，未检查：{name}',
    reread: '正在重新读取丢失的内容。',
    refetched: '其他设备发来的内容将在该设备可用时重新获取。',
    stopped: '检查已停止，已完成的修复会保留。',
    of: '来自 {device}',
    texts: '提取的文本',
  },
})

/** What a finding means, in a line. */
export const findingText: (kind: CheckFinding['kind'], values: { n: number }) => string =
  translator({
    en: {
      'chunks-missing': '{n|document|documents} not whole in the index',
      'chunks-orphaned': '{n|document|documents} in the index that are no more',
      'text-missing': '{n|text|texts} lost or other than indexed',
      'text-orphaned': '{n|text|texts} of no document',
      'record-stale': '{n|document|documents} that no file leads to',
      'head-stale': '{n|document|documents} the index describes wrongly',
      'dataset-damaged': 'index damaged',
      'records-behind': '{n|document|documents} not up to date',
    },
    zh: {
      'chunks-missing': '{n} 个文档在索引中不完整',
      'chunks-orphaned': '索引中有 {n} 个已不存在的文档',
      'text-missing': '{n} 份文本丢失或与索引不符',
      'text-orphaned': '{n} 份文本没有对应文档',
      'record-stale': '{n} 个文档没有对应文件',
      'head-stale': '{n} 个文档的索引说明有误',
      'dataset-damaged': '索引损坏',
      'records-behind': '{n} 个文档未更新',
    },
  })
