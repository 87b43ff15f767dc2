import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    watch: 'Follow changes',
    watchNote: 'New, changed and moved files are read by themselves.',
    pause: 'Pause reading',
    resume: 'Go on reading',
    paused: 'Reading is paused. What was read so far is searched.',
    starting: 'looking',
    events: 'watched',
    polling: 'looked at every so often',
    missing: 'not there now; nothing is removed',
    dropRoot: 'Do not read {root} any more',
    dropped: 'No longer read: {root}',
    undo: 'Undo',
    retry: 'Try again',
  },
  zh: {
    watch: '跟踪更改',
    watchNote: '新增、更改和移动的文件会自动读取。',
    pause: '暂停读取',
    resume: '继续读取',
    paused: '读取已暂停。已读取的内容仍可检索。',
    starting: '正在查看',
    events: '监视中',
    polling: '定期查看',
    missing: '当前不可用；不会移除任何内容',
    dropRoot: '不再读取 {root}',
    dropped: '不再读取：{root}',
    undo: '撤销',
    retry: '重试',
  },
})
