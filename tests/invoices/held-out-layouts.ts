import { british, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

const numbered = (date: string): string => date.split('-').toReversed().join('-')

/** Layouts that nobody looked at, nor at what was read on them, while the reader was written. */
export const heldOutLayouts: readonly Layout[] = [
  {
    id: 'zh-service',
    language: 'zh',
    html: (f) => page(sans, `<h1>服务费发票</h1><table><tr><td>开票单位：${f.seller}</td><td>发票编号：${f.number.slice(4, 14)}</td></tr><tr><td>客户名称：${f.buyer}</td><td>开票时间：${f.date.replaceAll('-', '.')}</td></tr></table>
      <table class=lined><tr><th>服务项目</th><th>数量</th><th>单价</th><th>小计</th></tr>${rows(f, us)}</table>
      <p class=r>税前金额：${us(f.net)}</p><p class=r>增值税：${us(f.tax)}</p><p class=r><b>应付金额：¥${us(f.total)}</b></p><p>请于 ${han(f.due)} 前付款</p>`),
  },
  {
    id: 'zh-columns',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">增值税普通发票</h1><div class=two><div>发票号码：${f.number.slice(0, 8)}</div><div class=r>开票日期：${han(f.date)}</div></div>
      <table class=lined><tr><td>购买方</td><td>名称</td><td>${f.buyer}</td></tr><tr><td></td><td>税号</td><td>91310000MA1K35X27B</td></tr><tr><td>销售方</td><td>名称</td><td>${f.seller}</td></tr><tr><td></td><td>税号</td><td>91440300MA5F2X9K3D</td></tr></table>
      <table class=lined><tr><th>货物名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合计</td><td></td><td>¥${money(f.net)}</td><td class=r>¥${money(f.tax)}</td></tr></table>
      <p>价税合计：${spelled(f.total)}　　¥${money(f.total)}</p>`),
  },
  {
    id: 'zh-machine',
    language: 'zh',
    html: (f) => page(sans, `<div style="width:460px"><h1 style="text-align:center">通用机打发票</h1><p>发票代码 144032600111<br>发票号码 ${f.number.slice(0, 8)}</p><p>开票日期：${f.date}</p><p>付款方名称：${f.buyer}</p><p>收款方名称：${f.seller}</p>
      <table>${rows(f, money)}</table><p>税额：${money(f.tax)}</p><p>金额合计（小写）：${money(f.total)} 元</p><p>金额合计（大写）：${spelled(f.total)}</p><p>机打号码 0039281</p></div>`, 'body { font-size: 15px }'),
  },
  {
    id: 'zh-voucher',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">收　据</h1><p class=r>编号 ${f.number.slice(4, 12)}　日期 ${han(f.date)}</p><p>交款单位：${f.buyer}</p><p>收款事由：${f.items[0]!.what}</p>
      <table class=lined><tr><td>合计人民币（大写）</td><td>${spelled(f.total)}</td><td>（小写）¥${money(f.total)}</td></tr></table><div class=two><p>收款单位（公章）：${f.seller}</p><p>出纳：何静</p></div>`, 'body { font-size: 16px }'),
  },
  {
    id: 'en-folio',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<h1 style="text-align:center">${f.seller}</h1><p style="text-align:center">1 Harbour Square, Dublin</p><h2>Invoice</h2><table><tr><td>Guest</td><td>${f.buyer}</td><td>Invoice no.</td><td>${f.number}</td></tr><tr><td>Arrival</td><td>${british(f.ordered)}</td><td>Invoice date</td><td>${british(f.date)}</td></tr></table>
      <table class=lined><tr><th>Charge</th><th>Nights</th><th>Rate</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Total excl. VAT €${us(f.net)}</p><p class=r>VAT ${f.rate}% €${us(f.tax)}</p><p class=r>Total incl. VAT €${us(f.total)}</p><p class=r>Paid by card €${us(f.total)}</p>`, 'body { font-size: 14px }'),
  },
  {
    id: 'en-abn',
    language: 'en',
    html: (f) => page('"DejaVu Sans"', `<div class=two><h1>Tax Invoice</h1><div><b>${f.seller}</b><br>ABN 51 824 753 556<br>Level 3, 90 Queen Street</div></div><div class=two><div>To<br><b>${f.buyer}</b></div><div>Date issued: ${british(f.date)}<br>Invoice #${f.number}<br>Due by: ${british(f.due)}</div></div>
      <table class=lined><tr><th>Item</th><th>Qty</th><th>Price</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Subtotal $${us(f.net)}</p><p class=r>GST $${us(f.tax)}</p><p class=r><b>Amount due (AUD) $${us(f.total)}</b></p>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-fromto',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<h1>Invoice ${f.number}</h1><table><tr><th>From</th><th>To</th></tr><tr><td>${f.seller}<br>4 Mill Lane</td><td>${f.buyer}<br>12 Valley Road</td></tr></table><p>Date: ${long(f.date)}</p><p>Payment due: ${long(f.due)}</p>
      <table class=lined><tr><th>Description</th><th>Qty</th><th>Unit</th><th>Total</th></tr>${rows(f, us)}</table><table><tr><td>Net total</td><td class=r>${us(f.net)}</td></tr><tr><td>VAT (${f.rate}%)</td><td class=r>${us(f.tax)}</td></tr><tr><td>Total to pay</td><td class=r>GBP ${us(f.total)}</td></tr></table>`, 'body { font-size: 14px }'),
  },
  {
    id: 'en-dashed',
    language: 'en',
    html: (f) => page('"Noto Serif CJK SC"', `<p class=r>${f.seller}<br>Keizersgracht 12, Amsterdam</p><p>${f.buyer}<br>Gartenweg 3<br>10115 Berlin</p><h2>INVOICE</h2><table><tr><th>Invoice number</th><th>Invoice date</th><th>Expiry date</th></tr><tr><td>${f.number}</td><td>${numbered(f.date)}</td><td>${numbered(f.due)}</td></tr></table>
      <table class=lined><tr><th>Description</th><th>Number</th><th>Price</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Subtotal EUR ${us(f.net)}</p><p class=r>${f.rate}% VAT EUR ${us(f.tax)}</p><p class=r><b>Total EUR ${us(f.total)}</b></p>`),
  },
] // prettier-ignore
