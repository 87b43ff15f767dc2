import type { Outcome } from '#shared/domain/conversation.ts'
import type { Language } from '#shared/errors/silo-error.ts'
import type { RunKind } from '#shared/protocol/run-event.ts'

const texts: Record<Language, Record<RunKind, Record<Exclude<Outcome, 'cancelled'>, string>>> = {
  en: {
    chat: {
      done: 'An answer is ready.',
      failed: 'An answer failed.',
      interrupted: 'An answer was interrupted.',
    },
    ingest: {
      done: 'Documents have been read.',
      failed: 'Reading documents failed.',
      interrupted: 'Reading documents was interrupted.',
    },
    download: {
      done: 'A model has been downloaded.',
      failed: 'A model download failed.',
      interrupted: 'A model download was interrupted.',
    },
    quantize: {
      done: 'The smaller version of a model is ready.',
      failed: 'Making a smaller version of a model failed.',
      interrupted: 'Making a smaller version of a model was interrupted.',
    },
    check: {
      done: 'The vault has been checked.',
      failed: 'Checking the vault failed.',
      interrupted: 'Checking the vault was interrupted.',
    },
    backup: {
      done: 'The backup is written and compared.',
      failed: 'The backup failed.',
      interrupted: 'The backup was interrupted.',
    },
    agent: {
      done: 'A task is done.',
      failed: 'A task failed.',
      interrupted: 'A task was interrupted.',
    },
  },
  zh: {
    chat: { done: '回答已完成。', failed: '回答失败。', interrupted: '回答被中断。' },
    ingest: { done: '文档已读取完成。', failed: '文档读取失败。', interrupted: '文档读取被中断。' },
    download: { done: '模型下载完成。', failed: '模型下载失败。', interrupted: '模型下载被中断。' },
    quantize: {
      done: '更小的模型版本已生成。',
      failed: '未能生成更小的模型版本。',
      interrupted: '更小的模型版本的生成被中断。',
    },
    check: {
      done: '知识库检查完成。',
      failed: '知识库检查失败。',
      interrupted: '知识库检查被中断。',
    },
    backup: { done: '备份已完成并通过校验。', failed: '备份失败。', interrupted: '备份被中断。' },
    agent: { done: '任务已完成。', failed: '任务失败。', interrupted: '任务被中断。' },
  },
}

/** One sentence that tells that a task is over, and nothing of what it was about. Also used by the service worker. */
export function endText(kind: RunKind, outcome: Outcome, language: Language): string {
  return texts[language][kind][outcome === 'cancelled' ? 'interrupted' : outcome]
}

/** One sentence that tells that the agent waits for an answer, and nothing of what it asks. */
export function askText(language: Language): string {
  return language === 'zh' ? '智能体在等您批准。' : 'The agent waits for your approval.'
}
