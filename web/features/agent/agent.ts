/** What the chat shows of the agent; loaded once the page stands. */
export { default as ApprovalView } from './ApprovalView.svelte'
export { default as IntentChip } from './IntentChip.svelte'
export { default as TaskPanel } from './TaskPanel.svelte'
export { quickIntent } from './intent.svelte.ts'
export { noteTasks } from './conversation-tasks.ts'
