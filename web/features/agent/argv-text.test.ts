import { expect, it } from 'vitest'
import { shownArgv } from './argv-text.ts'

it('shows a command as it could be typed, with nothing hidden in it', () => {
  expect(shownArgv(['ls', '-la', '/tmp/a.b'])).toBe('ls -la /tmp/a.b')
  expect(shownArgv(['echo', "it's", '', 'a;rm x'])).toBe(String.raw`echo 'it'\''s' '' 'a;rm x'`)
  expect(shownArgv(['cat', 'a\u202efdp.exe\u0007'])).toBe(String.raw`cat 'a\u202efdp.exe\u0007'`)
})
