import { british, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that nobody looked at, nor at what was read on them, while the reader was written. */
export const heldOutLayouts: readonly Layout[] = [
  {
    id: 'zh-office',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">增值税普通发票</h1><table><tr><td>No ${f.number.slice(0, 8)}</td><td class=r>开票日期：${han(f.date)}</td></tr></table><table class=lined><tr><td>购买方</td><td>名称：${f.buyer}<br>纳税人识别号：91310000MA1K35X27B<br>开户行及账号：工商银行 1001 2233</td></tr></table>
      <table class=lined><tr><th>货物或应税劳务、服务名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合计</td><td></td><td></td><td class=r>¥${money(f.net)}</td></tr><tr><td>税率 ${f.rate}%</td><td></td><td>税额</td><td class=r>¥${money(f.tax)}</td></tr><tr><td>价税合计（大写）</td><td colspan=2>⊗${spelled(f.total)}</td><td>（小写）¥${money(f.total)}</td></tr></table>
      <table class=lined><tr><td>销售方</td><td>名称：${f.seller}<br>纳税人识别号：91440300MA5F2X9K3D<br>开户行及账号：建设银行 4400 1122</td></tr></table><p>收款人：张丽　复核：刘强　开票人：陈静　销售方：（章）</p>`),
  },
  {
    id: 'zh-express',
    language: 'zh',
    html: (f) => page(sans, `<h1>电子发票</h1><table><tr><td>发票号码</td><td>${f.number}</td></tr><tr><td>开票日期</td><td>${han(f.date)}</td></tr><tr><td>销售方名称</td><td>${f.seller}</td></tr><tr><td>购买方名称</td><td>${f.buyer}</td></tr></table><table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}</table><p>金额：¥${money(f.net)}　税额：¥${money(f.tax)}</p><p>价税合计：¥${money(f.total)}</p><p>大写：${spelled(f.total)}</p>`),
  },
  {
    id: 'zh-handed',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">收　据</h1><p class=r>${han(f.date)}　　№ ${f.number.slice(4, 11)}</p><p>兹收到 ${f.buyer}</p><p>交来：${f.items[0]!.what}</p><p>金额（大写）：${spelled(f.total)}　　¥：${money(f.total)}</p><div class=two><p>收款单位（盖章）：${f.seller}</p><p>收款人：何静</p></div>`, 'body { font-size: 16px }'),
  },
  {
    id: 'en-design',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<h1>Invoice</h1><div class=two><div><b>${f.seller}</b><br>31 Canal Walk<br>VAT ID GB123456789</div><div>Invoice number: ${f.number}<br>Invoice date: ${long(f.date)}<br>Payment terms: 30 days<br>Due date: ${long(f.due)}</div></div><p><b>Client:</b> ${f.buyer}</p><table class=lined><tr><th>Description</th><th>Hours</th><th>Rate</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Subtotal €${us(f.net)}<br>VAT (${f.rate}%) €${us(f.tax)}<br><b>Total €${us(f.total)}</b></p>`, 'body { font-size: 14px }'),
  },
  {
    id: 'en-telecom',
    language: 'en',
    html: (f) => page('"DejaVu Sans"', `<h2>${f.seller}</h2><p>Your monthly bill</p><table class=lined><tr><td>Invoice number</td><td>${f.number}</td></tr><tr><td>Invoice date</td><td>${british(f.date)}</td></tr><tr><td>Billing period</td><td>${british(f.ordered)} – ${british(f.date)}</td></tr><tr><td>Customer</td><td>${f.buyer}</td></tr></table><table class=lined><tr><th>Service</th><th>Units</th><th>Price</th><th>Charge</th></tr>${rows(f, us)}</table><table><tr><td>Charges before VAT</td><td class=r>£${us(f.net)}</td></tr><tr><td>VAT</td><td class=r>£${us(f.tax)}</td></tr><tr><td><b>Total amount due</b></td><td class=r><b>£${us(f.total)}</b></td></tr></table>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-letter',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<p class=r>${f.seller}<br>2 Church Hill, York</p><p>${f.buyer}<br>12 Valley Road</p><p class=r>${long(f.date)}</p><h2>Invoice No. ${f.number}</h2><p>We thank you for your order and invoice you as follows:</p><table class=lined><tr><th>Item</th><th>Qty</th><th>Price</th><th>Total</th></tr>${rows(f, us)}</table><p class=r>Net amount: $${us(f.net)}<br>Tax ${f.rate}%: $${us(f.tax)}<br><b>Invoice total: $${us(f.total)}</b></p><p>Please pay within 30 days.</p>`, 'body { font-size: 15px }'),
  },
] // prettier-ignore
