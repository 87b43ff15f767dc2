import { expect, test } from 'vitest'
import { spelledAmount } from './spelled-amount.ts'

test.each([
  ['人民币捌仟捌佰壹拾叁圆捌角贰分', 8813.82],
  ['价税合计（大写） 壹万零叁拾圆整', 10_030],
  ['拾贰元伍角', 12.5],
  ['叁佰万零伍拾圆零角柒分', 3_000_050.07],
  ['壹亿贰仟万圆整', 120_000_000],
  ['合计 ¥12.00', undefined],
  ['陆月', undefined],
])('the amount in %s', (text, value) => expect(spelledAmount(text)).toBe(value))
