import { describe, expect, it } from 'vitest'
import { isApple, nameOf, platformOf } from './device-name.ts'

const android = {
  userAgent:
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36',
  touchPoints: 5,
}
const iphone = {
  userAgent:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1',
  touchPoints: 5,
}
const macSafari = {
  userAgent:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
  touchPoints: 0,
}
const edge = {
  userAgent:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0',
  touchPoints: 0,
}

describe('the name of a device', () => {
  it('says what it is', () => {
    expect(platformOf(android)).toBe('Android · Chrome')
    expect(platformOf(iphone)).toBe('iPhone · Safari')
    expect(platformOf(macSafari)).toBe('macOS · Safari')
    expect(platformOf(edge)).toBe('Windows · Edge')
  })
  it('takes the model where it is told', () => {
    expect(nameOf(android, 'Pixel 9')).toBe('Pixel 9')
    expect(nameOf(android)).toBe('Android phone')
    expect(nameOf(edge)).toBe('Windows PC')
    expect(nameOf({ userAgent: 'curl/8', touchPoints: 0 })).toBe('Browser')
  })
  it('tells an iPad that says it is a Mac', () => {
    const ipad = { ...macSafari, touchPoints: 5 }
    expect(nameOf(ipad)).toBe('iPad')
    expect(isApple(ipad)).toBe(true)
    expect(isApple(macSafari)).toBe(false)
  })
})
