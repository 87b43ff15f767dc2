import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    web: 'Web search',
    exec: 'System commands',
    switches: 'Switches',
    off: 'off',
    until: 'off at {time}',
    left: '{minutes} min left',
    on: 'on',
  },
  zh: {
    web: '联网搜索',
    exec: '执行系统命令',
    switches: '开关',
    off: '关',
    until: '{time} 后关闭',
    left: '还剩 {minutes} 分钟',
    on: '开',
  },
})
