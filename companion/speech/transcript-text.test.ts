import { expect, it } from 'vitest'
import { joined, wordsOf } from './transcript-text.ts'

it('drops notes about sounds and keeps words', () => {
  for (const sound of [
    ' [BLANK_AUDIO]',
    '(upbeat music)',
    '（音乐）',
    '♪♪',
    ' *sighs* [Music]',
    '  ',
  ])
    expect(wordsOf(sound), sound).toBe('')
  expect(wordsOf(' Call Anna (the one from Hamburg).')).toBe('Call Anna (the one from Hamburg).')
})

it('joins segments as the language does', () => {
  expect(joined(['Hello there.', 'How are you?'])).toBe('Hello there. How are you?')
  expect(joined(['今天下午', '我们开会。'])).toBe('今天下午我们开会。')
  expect(joined(['打开 Silo', '然后'])).toBe('打开 Silo 然后')
  expect(joined([])).toBe('')
})
