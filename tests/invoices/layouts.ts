import { furtherLayouts } from './further-layouts.ts'
import { lastLayouts } from './last-layouts.ts'
import { laterLayouts } from './later-layouts.ts'
import { moreLayouts } from './more-layouts.ts'
import { british, de, dotted, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that were looked at while the reader was written. */
export const knownLayouts: readonly Layout[] = [
  {
    id: 'zh-vat',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">增值税电子普通发票</h1>
      <div class=two><div>机器编号：661000200111</div><div>发票代码：031002600111<br>发票号码：${f.number.slice(0, 8)}<br>开票日期：${han(f.date)}<br>校验码：72001 83921 55012</div></div>
      <table class=lined><tr><td>购买方</td><td>名称：${f.buyer}<br>纳税人识别号：91310000MA1K35X27B<br>地址、电话：上海市杨浦区 021-65550000</td></tr></table>
      <table class=lined><tr><th>货物或应税劳务名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}
      <tr><td>合计</td><td></td><td></td><td class=r>¥${money(f.net)}<br>税额 ¥${money(f.tax)}</td></tr>
      <tr><td>价税合计（大写）</td><td colspan=2>${spelled(f.total)}</td><td>（小写）¥${money(f.total)}</td></tr></table>
      <table class=lined><tr><td>销售方</td><td>名称：${f.seller}<br>纳税人识别号：91320500MA1P8Y9K3D<br>开户行及账号：中国银行 4505 5582 1100</td></tr></table>
      <p>收款人：李娜　复核：王强　开票人：赵敏</p>`),
  },
  {
    id: 'zh-digital',
    language: 'zh',
    html: (f) => page(sans, `<div class=two><h1>电子发票（普通发票）</h1><div>发票号码：${f.number}<br>开票日期：${han(f.date)}</div></div>
      <table class=lined><tr><td>购买方信息</td><td>名称：${f.buyer}<br>统一社会信用代码/纳税人识别号：91310000MA1K35X27B</td><td>销售方信息</td><td>名称：${f.seller}<br>统一社会信用代码/纳税人识别号：91320500MA1P8Y9K3D</td></tr></table>
      <table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}
      <tr><td>合计</td><td></td><td>¥${money(f.net)}</td><td class=r>¥${money(f.tax)}</td></tr>
      <tr><td>价税合计（大写）</td><td colspan=2>${spelled(f.total)}</td><td>（小写）¥${money(f.total)}</td></tr></table><p>备注：订单日期 ${f.ordered}</p><p>开票人：陈晨</p>`),
  },
  {
    id: 'zh-letterhead',
    language: 'zh',
    html: (f) => page(sans, `<h2>${f.seller}</h2><p>地址：江苏省苏州市工业园区星湖街 328 号　电话：0512-62880000</p><h1>发票</h1>
      <p>发票号码：${f.number.slice(4, 14)}</p><p>发票日期：${f.date}</p><p>付款截止日期：${f.due}</p><p>客户：${f.buyer}</p>
      <table class=lined><tr><th>项目</th><th>数量</th><th>单价</th><th>小计</th></tr>${rows(f, money)}</table>
      <p class=r>不含税金额：${money(f.net)} 元</p><p class=r>税额（${f.rate}%）：${money(f.tax)} 元</p><p class=r><b>应付总额：${us(f.total)} 元</b></p>`),
  },
  {
    id: 'en-us',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<div class=two><h2>${f.seller}</h2><h1 class=r>INVOICE</h1></div><p>1200 Market Street, Suite 4, San Francisco</p>
      <div class=two><div><b>Bill To:</b><br>${f.buyer}<br>12 Valley Road</div><div>Invoice #: ${f.number}<br>Invoice Date: ${long(f.date)}<br>Due Date: ${long(f.due)}</div></div>
      <table class=lined><tr><th>Description</th><th>Qty</th><th>Unit price</th><th>Amount</th></tr>${rows(f, us)}</table>
      <p class=r>Subtotal: $${us(f.net)}</p><p class=r>Sales tax (${f.rate}%): $${us(f.tax)}</p><p class=r><b>Total Due: $${us(f.total)}</b></p><p>Thank you for your business.</p>`),
  },
  {
    id: 'en-uk',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<h2>${f.seller}</h2><p>14 Quay Street, Bristol BS1 4DJ · VAT No. GB 123 4567 89</p><h1>VAT Invoice</h1>
      <table><tr><td>Invoice number</td><td>${f.number}</td></tr><tr><td>Date of issue</td><td>${british(f.date)}</td></tr><tr><td>Payment due</td><td>${british(f.due)}</td></tr><tr><td>Customer</td><td>${f.buyer}</td></tr></table>
      <table class=lined><tr><th>Item</th><th>Quantity</th><th>Price</th><th>Amount</th></tr>${rows(f, us)}</table>
      <table><tr><td>Net</td><td class=r>£${us(f.net)}</td></tr><tr><td>VAT at ${f.rate}%</td><td class=r>£${us(f.tax)}</td></tr><tr><td><b>Invoice total</b></td><td class=r><b>£${us(f.total)}</b></td></tr></table>`),
  },
  {
    id: 'en-de',
    language: 'en',
    html: (f) => page('"DejaVu Sans"', `<p>${f.seller} · Hauptstraße 5 · 20095 Hamburg</p><p><br>${f.buyer}<br>Gartenweg 3<br>10115 Berlin</p>
      <h1>Rechnung</h1><p>Rechnungsnummer: ${f.number}<br>Rechnungsdatum: ${dotted(f.date)}<br>Lieferdatum: ${dotted(f.ordered)}</p>
      <table class=lined><tr><th>Leistung</th><th>Menge</th><th>Preis</th><th>Betrag</th></tr>${rows(f, de)}</table>
      <p class=r>Nettobetrag ${de(f.net)} €</p><p class=r>zzgl. ${f.rate} % USt. ${de(f.tax)} €</p><p class=r><b>Gesamtbetrag ${de(f.total)} €</b></p>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-saas',
    language: 'en',
    html: (f) => page('"Liberation Sans Narrow"', `<h1>Invoice</h1><table><tr><td>Invoice number</td><td>${f.number}</td></tr><tr><td>Date of issue</td><td>${long(f.date)}</td></tr><tr><td>Date due</td><td>${long(f.due)}</td></tr></table>
      <div class=two><div><b>${f.seller}</b><br>548 Harrison Street<br>billing@example.com</div><div><b>Bill to</b><br>${f.buyer}<br>ap@example.com</div></div>
      <h2>$${us(f.total)} USD due ${long(f.due)}</h2><table><tr><th>Description</th><th>Qty</th><th>Unit price</th><th>Amount</th></tr>${rows(f, (v) => `$${us(v)}`)}</table>
      <p class=r>Subtotal $${us(f.net)}</p><p class=r>Tax $${us(f.tax)}</p><p class=r>Total $${us(f.total)}</p><p class=r><b>Amount due $${us(f.total)} USD</b></p>`, 'body { font-size: 15px }'),
  },
  {
    id: 'zh-special',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">电子发票（增值税专用发票）</h1><p>开票日期：${han(f.date)}　　发票号码：${f.number}</p>
      <table class=lined><tr><td>销售方</td><td>名称：${f.seller}<br>税号：91320500MA1P8Y9K3D</td></tr><tr><td>购买方</td><td>名称：${f.buyer}<br>税号：91310000MA1K35X27B</td></tr></table>
      <table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}</table>
      <table class=lined><tr><td>金额合计 ¥${money(f.net)}</td><td>税率 ${f.rate}%</td><td>税额合计 ¥${money(f.tax)}</td></tr><tr><td colspan=3>价税合计（小写）：¥${money(f.total)}　（大写）：${spelled(f.total)}</td></tr></table>`),
  },
  {
    id: 'zh-bilingual',
    language: 'zh',
    html: (f) => page(sans, `<h1>商业发票 COMMERCIAL INVOICE</h1><div class=two><div>卖方 Seller：${f.seller}</div><div>买方 Buyer：${f.buyer}</div></div>
      <p>编号 No.：${f.number.slice(0, 10)}</p><p>日期 Date：${f.date.replaceAll('-', '/')}</p><p>交货日期 Delivery：${f.due.replaceAll('-', '/')}</p>
      <table class=lined><tr><th>品名 Description</th><th>数量 Qty</th><th>单价 Unit Price</th><th>金额 Amount</th></tr>${rows(f, us)}</table>
      <p class=r>小计 Subtotal：CNY ${us(f.net)}</p><p class=r>税额 Tax：CNY ${us(f.tax)}</p><p class=r>总计 Total：CNY ${us(f.total)}</p>`),
  },
  {
    id: 'en-freelance',
    language: 'en',
    html: (f) => page('"DejaVu Serif"', `<p>Invoice no. ${f.number}</p><p>${long(f.date)}</p><p>From: ${f.seller}<br>To: ${f.buyer}</p>
      <table>${rows(f, us)}</table><p>Net ${us(f.net)} EUR</p><p>VAT ${f.rate} % ${us(f.tax)} EUR</p><p><b>Total ${us(f.total)} EUR</b></p><p>Please pay by ${long(f.due)}.</p>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-utility',
    language: 'en',
    html: (f) => page('"Noto Sans CJK SC"', `<div class=two><div><h2>${f.seller}</h2>Customer service 0800 123 456</div><div><b>TAX INVOICE</b><br>Issued on ${british(f.date)}<br>Invoice number ${f.number}<br>Account 7700 1234</div></div>
      <p>Supply to ${f.buyer}, 12 Valley Road</p><p>Billing period ${british(f.ordered)} to ${british(f.date)}</p><table class=lined><tr><th>Charge</th><th>Units</th><th>Rate</th><th>Amount</th></tr>${rows(f, money)}</table>
      <table><tr><td>Charges excluding tax</td><td class=r>€${money(f.net)}</td></tr><tr><td>Tax</td><td class=r>€${money(f.tax)}</td></tr><tr><td>Total payable</td><td class=r>€${money(f.total)}</td></tr></table><p>Payable by ${british(f.due)}</p>`),
  },
  {
    id: 'zh-receipt',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center;letter-spacing:12px">收据</h1><p class=r>No. ${f.number.slice(4, 11)}</p>
      <p>日期：${han(f.date)}</p><table class=lined><tr><td>今收到</td><td>${f.buyer}</td></tr><tr><td>交来</td><td>${f.items[0]!.what}款</td></tr>
      <tr><td>金额（大写）</td><td>人民币${spelled(f.total)}</td></tr><tr><td>金额（小写）</td><td>¥${money(f.total)}</td></tr></table>
      <div class=two><p>收款单位（盖章）：${f.seller}</p><p>经手人：刘洋</p></div>`),
  },
  {
    id: 'zh-table',
    language: 'zh',
    html: (f) => page(sans, `<h1 style="text-align:center">普通发票（发票联）</h1><table class=lined>
      <tr><td>开票日期</td><td>${f.date}</td><td>发票号码</td><td>${f.number.slice(0, 8)}</td></tr><tr><td>付款单位</td><td colspan=3>${f.buyer}</td></tr>
      <tr><th>品名</th><th>数量</th><th>单价（元）</th><th>金额（元）</th></tr>${rows(f, money)}<tr><td>税额</td><td></td><td></td><td class=r>${money(f.tax)}</td></tr>
      <tr><td>合计金额（大写）</td><td>${spelled(f.total)}</td><td>（小写）</td><td class=r>￥${money(f.total)}</td></tr>
      <tr><td>收款单位</td><td colspan=3>${f.seller}</td></tr></table><p>开票人：孙莉</p>`),
  },
  {
    id: 'en-till',
    language: 'en',
    html: (f) => page('"Liberation Mono"', `<div style="width:380px"><p style="text-align:center"><b>${f.seller}</b><br>22 High Street<br>VAT Reg No 123 4567 89</p><p style="text-align:center">SALES RECEIPT</p>
      <p>Receipt no. ${f.number}<br>Date: ${british(f.date)} 14:32</p><table>${rows(f, us)}</table><p>SUBTOTAL ${us(f.net)}<br>TAX ${us(f.tax)}<br><b>TOTAL $${us(f.total)}</b><br>CASH $${us(Math.ceil(f.total / 50) * 50)}<br>CHANGE $${us(Math.round((Math.ceil(f.total / 50) * 50 - f.total) * 100) / 100)}</p></div>`, 'body { font-size: 15px }'),
  },
  // Held out: written last, and the reader was not changed after them.
  {
    id: 'zh-hotel',
    language: 'zh',
    html: (f) => page(serif, `<table><tr><td><h2>${f.seller}</h2></td><td class=r>电话：0571-8700 1122</td></tr></table><h1 style="text-align:center">住宿费发票</h1>
      <div class=two><div>付款方名称：${f.buyer}</div><div>日期：${f.date.replaceAll('-', '.')}</div></div><p>发票号：${f.number.slice(2, 10)}</p><p>入住日期：${f.ordered}　离店日期：${f.date}</p>
      <table class=lined><tr><th>项目</th><th>数量</th><th>单价（元）</th><th>金额（元）</th></tr>${rows(f, money)}</table>
      <p>金额小计：${money(f.net)} 元　税额：${money(f.tax)} 元</p><p><b>实付金额：¥${us(f.total)}</b></p>`),
  },
  {
    id: 'zh-service',
    language: 'zh',
    html: (f) => page('"Noto Sans Mono CJK SC"', `<h1>技术服务发票</h1><table class=lined><tr><td>供应商</td><td>${f.seller}</td></tr><tr><td>客户名称</td><td>${f.buyer}</td></tr><tr><td>发票编号</td><td>FW-${f.number.slice(4, 10)}</td></tr><tr><td>开票日期</td><td>${f.date}</td></tr><tr><td>付款期限</td><td>${f.due}</td></tr></table>
      <br><table class=lined><tr><th>服务内容</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, us)}<tr><td colspan=3>不含税合计</td><td class=r>${us(f.net)}</td></tr><tr><td colspan=3>增值税 ${f.rate}%</td><td class=r>${us(f.tax)}</td></tr><tr><td colspan=3>含税总额</td><td class=r>${us(f.total)}</td></tr></table>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-two-sides',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<h1 style="color:#345">Invoice ${f.number}</h1><div class=two><div><b>Billed by</b><br>${f.seller}<br>88 Canal Row, Leeds</div><div><b>Billed to</b><br>${f.buyer}<br>12 Valley Road</div></div>
      <table><tr><td>Invoice date</td><td>${f.date}</td><td>Due</td><td>${f.due}</td></tr></table><table class=lined><tr><th>Service</th><th>Hours</th><th>Rate</th><th>Sum</th></tr>${rows(f, us)}</table>
      <table><tr><td class=r>Sub total</td><td class=r>EUR ${us(f.net)}</td></tr><tr><td class=r>Tax ${f.rate}%</td><td class=r>EUR ${us(f.tax)}</td></tr><tr><td class=r><b>Grand total</b></td><td class=r><b>EUR ${us(f.total)}</b></td></tr></table>`),
  },
  {
    id: 'en-dense',
    language: 'en',
    html: (f) => page('"DejaVu Sans Mono"', `<pre style="font-size:12px">${f.seller.toUpperCase()}
PO BOX 4411 - TEL 020 7946 0100

INVOICE NO: ${f.number}          DATE: ${dotted(f.date).replaceAll('.', '/')}
CUSTOMER: ${f.buyer}
ORDER DATE: ${dotted(f.ordered).replaceAll('.', '/')}

${f.items.map(({ what, quantity, price }) => `${what.padEnd(24)}${String(quantity).padStart(4)} x ${money(price).padStart(9)} = ${money(quantity * price).padStart(10)}`).join('\n')}

GOODS ${money(f.net).padStart(20)}
VAT ${f.rate}% ${money(f.tax).padStart(18)}
TOTAL GBP ${money(f.total).padStart(16)}
</pre>`),
  },
  ...moreLayouts,
  ...furtherLayouts,
  ...laterLayouts,
  ...lastLayouts,
] // prettier-ignore
