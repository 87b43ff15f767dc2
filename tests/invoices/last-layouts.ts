import { british, de, dotted, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that were held out after those of later-layouts.ts, then looked at as well. */
export const lastLayouts: readonly Layout[] = [
  {
    id: 'zh-rental',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">电子发票（增值税专用发票）</h1><div class=two><div></div><div class=r>发票号码：${f.number}<br>开票日期：${han(f.date)}</div></div>
      <table class=lined><tr><td>购买方信息</td><td>名称：${f.buyer}<br>统一社会信用代码/纳税人识别号：91310000MA1K35X27B</td></tr><tr><td>销售方信息</td><td>名称：${f.seller}<br>统一社会信用代码/纳税人识别号：91440300MA5F2X9K3D</td></tr></table>
      <table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合　计</td><td></td><td></td><td class=r>¥${money(f.net)}　¥${money(f.tax)}</td></tr><tr><td>价税合计（大写）</td><td>${spelled(f.total)}</td><td colspan=2>（小写）¥${money(f.total)}</td></tr></table><p>备注：租赁期间 ${f.ordered} 至 ${f.due}</p><p>开票人：吴敏</p>`),
  },
  {
    id: 'zh-print',
    language: 'zh',
    html: (f) => page(sans, `<h1>${f.seller}</h1><p>发票 · 编号 ${f.number.slice(4, 14)}</p><table><tr><td>开票日期</td><td>${f.date}</td></tr><tr><td>客户</td><td>${f.buyer}</td></tr><tr><td>付款到期日</td><td>${f.due}</td></tr></table>
      <table class=lined><tr><th>描述</th><th>数量</th><th>单价</th><th>总价</th></tr>${rows(f, us)}</table><table><tr><td>不含税合计</td><td class=r>¥${us(f.net)}</td></tr><tr><td>税额 ${f.rate}%</td><td class=r>¥${us(f.tax)}</td></tr><tr><td>应付合计</td><td class=r>¥${us(f.total)}</td></tr></table>`),
  },
  {
    id: 'zh-deposit',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">收　款　收　据</h1><p class=r>${han(f.date)}　No. ${f.number.slice(4, 11)}</p><p>今收到 ${f.buyer}</p><p>交来 ${f.items[0]!.what} 款</p><p>人民币（大写）${spelled(f.total)}　￥${money(f.total)}</p><p>收款单位（财务专用章）：${f.seller}</p><p>会计：罗敏　　出纳：何静　　经手人：刘洋</p>`, 'body { font-size: 15px }'),
  },
  {
    id: 'en-lawyer',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<p style="text-align:center;font-size:20px">${f.seller}</p><p style="text-align:center">3 Temple Row, Birmingham</p><p>${f.buyer}<br>12 Valley Road</p><p>${british(f.date)}</p><p><b>Invoice number: ${f.number}</b></p><p>For professional services rendered until ${british(f.ordered)}:</p><table>${rows(f, us)}</table>
      <p>Fees: £${us(f.net)}<br>VAT at ${f.rate}%: £${us(f.tax)}<br><b>Total now due: £${us(f.total)}</b></p><p>Payment is due by ${british(f.due)}.</p>`, 'body { font-size: 15px }'),
  },
  {
    id: 'en-panel',
    language: 'en',
    html: (f) => page('"DejaVu Sans"', `<div class=two><div><h1>INVOICE</h1><p># ${f.number}</p></div><div class=r><b>${f.seller}</b></div></div><div class=two><div>Bill To:<br><b>${f.buyer}</b></div><table><tr><td>Date:</td><td class=r>${long(f.date)}</td></tr><tr><td>Due Date:</td><td class=r>${long(f.due)}</td></tr><tr><td><b>Balance Due:</b></td><td class=r><b>$${us(f.total)}</b></td></tr></table></div>
      <table class=lined><tr><th>Item</th><th>Quantity</th><th>Rate</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Subtotal: $${us(f.net)}<br>Tax (${f.rate}%): $${us(f.tax)}<br>Total: $${us(f.total)}</p>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-energy',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<h2>${f.seller}</h2><div class=two><p>${f.buyer}<br>Gartenweg 3, 10115 Berlin</p><p class=r>Your invoice<br>Invoice no: ${f.number}<br>Invoice date: ${dotted(f.date)}<br>Supply period: ${dotted(f.ordered)} – ${dotted(f.date)}</p></div>
      <table class=lined><tr><th>Item</th><th>Units</th><th>Price</th><th>EUR</th></tr>${rows(f, de)}</table><table><tr><td>Sum before VAT</td><td class=r>${de(f.net)} EUR</td></tr><tr><td>VAT ${f.rate} %</td><td class=r>${de(f.tax)} EUR</td></tr><tr><td>Total amount</td><td class=r>${de(f.total)} EUR</td></tr></table><p>We will debit the amount on ${dotted(f.due)}.</p>`, 'body { font-size: 14px }'),
  },
] // prettier-ignore
