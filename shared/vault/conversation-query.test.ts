import { describe, expect, it } from 'vitest'
import { conversationQuery, isTask } from './conversation-query.ts'

describe('conversationQuery', () => {
  it('asks the vault nothing for talk', () => {
    const talk = ['Thanks!', 'Hello', 'thank you', 'Please translate that into Chinese', 'make it shorter', 'summarize your last answer', 'Why?', 'continue', '谢谢！', '你好', '继续', '请把它翻译成英文', '总结一下', '为什么？'] // prettier-ignore
    for (const text of talk) expect(conversationQuery(text, 'before'), text).toBeUndefined()
  })

  it('asks it for questions, also those that begin like talk', () => {
    const questions = ['What is the notice period?', 'Why did the sensors drift at the brewery?', 'Hello world program in the handbook?', 'continue the lease beyond May, is that allowed?', '为什么变送器会漂移？', '总结一下三月的质量月报', 'write-off rules'] // prettier-ignore
    for (const text of questions) expect(conversationQuery(text), text).toBe(text)
  })

  it('takes a question that leans on the one before together with it', () => {
    const before = 'What is the rent in Hamburg?'
    expect(conversationQuery('And in Antwerp?', before)).toBe(`${before}\nAnd in Antwerp?`)
    expect(conversationQuery('上海的呢？', '宁波仓库的租金是多少？')).toContain('宁波仓库')
    expect(conversationQuery('Who is the landlord?', before)).toBe('Who is the landlord?')
    expect(conversationQuery('And in Antwerp?')).toBe('And in Antwerp?')
  })
})

describe('isTask', () => {
  it('tells what is to be made from what is to be found', () => {
    for (const text of ['Write a poem', 'please create a web page', 'Tell me a story', 'Name one planet.', '写一首诗', '帮我做一个网页', '请生成一张表']) expect(isTask(text), text).toBe(true) // prettier-ignore
    for (const text of ['What is the rent?', 'Tell me the notice period', 'who wrote the report', '年假有几天', '请问谁写了报告', 'maker of the valve']) expect(isTask(text), text).toBe(false) // prettier-ignore
  })
})
