/** What is printed on one invoice, and what a reader should find. */
export interface InvoiceFacts {
  readonly seller: string
  readonly buyer: string
  readonly number: string
  /** `2026-10-03`. */
  readonly date: string
  readonly due: string
  readonly ordered: string
  readonly items: readonly { what: string; quantity: number; price: number }[]
  readonly net: number
  readonly tax: number
  readonly total: number
  /** Per cent. */
  readonly rate: number
}

const chinese = ['华东电力有限公司', '远洋律师事务所', '顺达物流股份有限公司', '青禾文化传媒有限公司', '明德会计师事务所', '北辰软件技术有限责任公司', '临江大酒店有限公司', '万象办公用品商行'] // prettier-ignore
const foreign = ['Acme Instruments GmbH', 'Nordlicht Energy AG', 'Harbour Paper Ltd', 'Brightwater Hosting Inc.', 'Old Mill Bakery LLC', 'Van Dijk Logistics B.V.', 'Redwood Analytics Corp', 'St. Clair & Sons Ltd'] // prettier-ignore
/** Names that only held-out layouts bear. */
const unseen = {
  zh: ['深圳市云帆科技有限公司', '上海浦江印刷厂', '广州味美佳餐饮管理有限公司', '杭州西湖茶叶商店', '成都天府国际旅行社有限责任公司', '北京中科智联信息技术股份有限公司'], // prettier-ignore
  en: ['Kestrel & Finch LLP', 'Tanaka Trading Co., Ltd.', 'Green Valley Foods, Inc.', 'Lindqvist Design AB', 'O’Brien Plumbing Services', 'Atelier Lumière S.A.'], // prettier-ignore
}
const buyers = { zh: ['河谷工作室有限公司', '晨光设计有限公司'], en: ['Valley Studio Ltd', 'Meyer Design GmbH'] } // prettier-ignore
const goods = {
  zh: ['办公用品', '技术服务费', '电费', '快递运输服务', '会议室租赁', '打印纸 A4'],
  en: ['Consulting hours', 'Paper, A4, 80 g', 'Hosting plan M', 'Electricity', 'Delivery', 'Printer ink'], // prettier-ignore
}

/** A small generator of numbers that are the same every time (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function invoiceFacts(language: 'zh' | 'en', seed: number, isHeldOut = false): InvoiceFacts {
  const random = seeded(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const day = new Date(Date.UTC(2026, Math.floor(random() * 10), 1 + Math.floor(random() * 28)))
  const later = (days: number): string => new Date(day.getTime() + days * 86_400_000).toISOString().slice(0, 10) // prettier-ignore
  const items = Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({
    what: pick(goods[language]),
    quantity: 1 + Math.floor(random() * 12),
    price: Math.round(random() * 90_000 + 500) / 100,
  }))
  const net = cents(items.reduce((sum, { quantity, price }) => sum + quantity * price, 0))
  const rate = pick(language === 'zh' ? [3, 6, 9, 13] : [7, 19, 20, 8])
  const tax = cents((net * rate) / 100)
  const digits = String(Math.floor(random() * 9e7) + 1e7)
  return {
    seller: pick(isHeldOut ? unseen[language] : language === 'zh' ? chinese : foreign),
    buyer: pick(buyers[language]),
    number: language === 'zh' ? `2631${digits}${digits}` : pick([`INV-${digits.slice(0, 5)}`, digits.slice(0, 6), `2026/${digits.slice(0, 4)}`]), // prettier-ignore
    date: later(0),
    due: later(14 + Math.floor(random() * 20)),
    ordered: later(-3 - Math.floor(random() * 20)),
    items,
    net,
    tax,
    total: cents(net + tax),
    rate,
  }
}

export const cents = (value: number): number => Math.round(value * 100) / 100
