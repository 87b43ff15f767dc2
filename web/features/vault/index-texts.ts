import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    title: 'Index',
    exact: 'every passage compared',
    'ivf-flat': 'by index',
    exactHint: 'Exact: each question is compared with every passage.',
    indexHint:
      'An index narrows the search to {n} partitions. It is kept only where it finds at least 98% of what exact search finds.',
    recall: 'recall {share}',
    measured: 'Recall@10 on these very data, measured on {when}',
    notKept: 'an index was tried, recall {share}: not used',
    rows: '{n|passage|passages}',
    version: 'version {n}',
    damaged: 'damaged: check the vault in the settings',
    'other-model': 'made with another embedding model; not searched',
    stale: 'a newer version cannot be read; an older one is searched',
    none: 'nothing yet',
    of: 'from {device}',
  },
  zh: {
    title: '索引',
    exact: '逐段比对',
    'ivf-flat': '使用索引',
    exactHint: '精确检索：每个问题都与全部段落比对。',
    indexHint: '索引将检索范围缩小到 {n} 个分区，仅当能找到精确检索结果的 98% 以上时才使用。',
    recall: '召回率 {share}',
    measured: '在这些数据上实测的召回率@10，测于 {when}',
    notKept: '试建的索引召回率为 {share}，未采用',
    rows: '{n} 个段落',
    version: '版本 {n}',
    damaged: '已损坏，请在设置中检查知识库',
    'other-model': '由其他嵌入模型生成，不参与检索',
    stale: '新版本无法读取，正在检索旧版本',
    none: '尚无内容',
    of: '来自 {device}',
  },
})
