import { access } from '#web/client/access.svelte.ts'
import { isOffered, perform, type CommandName } from '#web/ui/commands.ts'
import { language } from '#web/ui/i18n.svelte.ts'
import type { IconName } from '#web/ui/icons.ts'
import { theme } from '#web/ui/theme.svelte.ts'
import { pages } from './pages.ts'
import { t } from './texts.ts'

export interface Command {
  readonly id: string
  readonly label: string
  /** Words it is also found by. */
  readonly also?: string
  readonly icon: IconName
  readonly group: 'commands' | 'pages' | 'conversations'
  readonly keys?: string
  readonly run: () => void
}

interface Actions {
  go: (href: string) => void
  newChat: () => void
  shortcuts: () => void
}

/** What the palette offers now: commands of the open page only where they can be carried out. */
export function listCommands({ go, newChat, shortcuts }: Actions): Command[] {
  const dark = theme.current === 'dark'
  return [
    {
      id: 'new',
      label: t('newChat'),
      also: 'new chat',
      icon: 'plus',
      group: 'commands',
      keys: 'Ctrl+Shift+O',
      run: newChat,
    },
    ...ofPage('focus-composer', t('focusComposer'), 'edit', '/'),
    ...ofPage('stop', t('stop'), 'stop', 'Esc'),
    ...ofPage('search-conversations', t('searchConversations'), 'search'),
    ...ofPage('toggle-list', t('toggleList'), 'list', 'Ctrl+B'),
    ...ofPage('export-markdown', t('exportMarkdown'), 'download'),
    ...ofPage('export-json', t('exportJson'), 'download'),
    {
      id: 'theme',
      label: dark ? t('toLight') : t('toDark'),
      also: 'theme dark light 主题',
      icon: dark ? 'sun' : 'moon',
      group: 'commands',
      run: () => theme.toggle(),
    },
    {
      id: 'language',
      label: t('language'),
      also: 'language 语言 中文 english',
      icon: 'language',
      group: 'commands',
      run: () => language.set(language.current === 'zh' ? 'en' : 'zh'),
    },
    {
      id: 'shortcuts',
      label: t('shortcuts'),
      icon: 'command',
      group: 'commands',
      keys: '?',
      run: shortcuts,
    },
    ...pages
      .map((page, index): Command => ({
        id: page.key,
        label: t('goTo', { page: t(page.key) }),
        icon: page.icon,
        group: 'pages',
        keys: `Alt+${index + 1}`,
        run: () => go(page.href),
      }))
      .filter((_, index) => access.may(pages[index]!.least)),
    ...(access.may('owner') ? agentPages(go) : []),
    {
      id: 'pair',
      label: t('pairHere'),
      also: 'pair companion link scan 配对',
      icon: 'link',
      group: 'pages',
      run: () => go('/pair'),
    },
  ]
}

/** Pages of the agent, which have no place in the rail. */
function agentPages(go: (href: string) => void): Command[] {
  const agent = { id: 'agent', also: 'agent skills schedules grants mcp 智能体 技能 定时', icon: 'task' } as const // prettier-ignore
  const journal = { id: 'journal', also: 'journal undo changes 日志 撤销', icon: 'undo' } as const
  const egress = { id: 'egress', also: 'egress network ledger privacy left 联网 隐私 离开', icon: 'sync' } as const // prettier-ignore
  return [
    {
      ...egress,
      label: t('goTo', { page: t('egress') }),
      group: 'pages',
      run: () => go('/egress'),
    },
    { ...agent, label: t('goTo', { page: t('agent') }), group: 'pages', run: () => go('/agent') },
    { ...journal, label: t('goTo', { page: t('journal') }), group: 'pages', run: () => go('/journal') }, // prettier-ignore
  ]
}

function ofPage(name: CommandName, label: string, icon: IconName, keys?: string): Command[] {
  if (!isOffered(name)) return []
  const run = () => void perform(name)
  return [{ id: name, label, icon, group: 'commands', ...(keys ? { keys } : {}), run }]
}
