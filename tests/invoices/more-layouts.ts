import { british, de, dotted, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

const numbered = (date: string): string => date.split('-').toReversed().join('-')

/** Layouts that were held out at first, then looked at. */
export const moreLayouts: readonly Layout[] = [
  {
    id: 'zh-hotel',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">电子发票（普通发票）</h1><p class=r>发票号码：${f.number}<br>开票日期：${han(f.date)}</p>
      <div class=two><div><b>购买方信息</b><br>名称：${f.buyer}<br>纳税人识别号：91310000MA1K35X27B</div><div><b>销售方信息</b><br>名称：${f.seller}<br>纳税人识别号：91440300MA5F2X9K3D</div></div>
      <table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合计</td><td></td><td>¥${money(f.net)}</td><td class=r>¥${money(f.tax)}</td></tr>
      <tr><td>价税合计（大写）</td><td colspan=2>⊗${spelled(f.total)}</td><td>（小写）¥${money(f.total)}</td></tr></table><p>备注：入住日期 ${f.ordered}</p><p>开票人：周涛</p>`),
  },
  {
    id: 'zh-bill',
    language: 'zh',
    html: (f) => page(sans, `<div class=two><h2>${f.seller}</h2><h1 class=r>发 票</h1></div><table><tr><td>票据编号：${f.number.slice(4, 14)}</td><td>日期：${han(f.date)}</td></tr><tr><td>致：${f.buyer}</td><td>到期日：${han(f.due)}</td></tr></table>
      <table class=lined><tr><th>服务内容</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, us)}</table>
      <table><tr><td>小计</td><td class=r>${us(f.net)}</td></tr><tr><td>增值税 ${f.rate}%</td><td class=r>${us(f.tax)}</td></tr><tr><td><b>总计（人民币）</b></td><td class=r><b>${us(f.total)}</b></td></tr></table><p>请于到期日前付款。</p>`),
  },
  {
    id: 'zh-slip',
    language: 'zh',
    html: (f) => page(sans, `<h1 style="text-align:center">收款收据</h1><div class=two><p>${han(f.date)}</p><p class=r>编号：${f.number.slice(4, 12)}</p></div>
      <p>兹收到：${f.buyer}</p><p>款项：${f.items[0]!.what}</p><p>人民币（大写）：${spelled(f.total)}</p><p>（小写）：￥${us(f.total)}</p><p>收款单位：${f.seller}</p><p>收款人：何静　　会计：罗敏</p>`, 'body { font-size: 16px }'),
  },
  {
    id: 'zh-toll',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">增值税专用发票</h1><table class=lined><tr><td>开票日期：${han(f.date)}</td><td>发票代码：044002600111</td><td>发票号码：${f.number.slice(0, 8)}</td></tr></table>
      <table class=lined><tr><td>购买方名称</td><td>${f.buyer}</td></tr><tr><td>销售方名称</td><td>${f.seller}</td></tr></table>
      <table class=lined><tr><th>货物名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}</table>
      <p>合计金额：¥${money(f.net)}　合计税额：¥${money(f.tax)}</p><p>价税合计（小写）：¥${money(f.total)}</p><p>价税合计（大写）：${spelled(f.total)}</p>`),
  },
  {
    id: 'en-modern',
    language: 'en',
    html: (f) => page('"DejaVu Sans Condensed"', `<div class=two><h1>Tax invoice</h1><div class=r>${f.seller}<br>5 Station Lane<br>hello@example.com</div></div>
      <div class=two><div><b>INVOICE TO</b><br>${f.buyer}<br>Gartenweg 3</div><div><b>INVOICE NUMBER</b><br>${f.number}</div><div><b>INVOICE DATE</b><br>${british(f.date)}</div><div><b>DUE DATE</b><br>${british(f.due)}</div></div>
      <table class=lined><tr><th>Description</th><th>Qty</th><th>Rate</th><th>Amount</th></tr>${rows(f, us)}</table>
      <table><tr><td>Subtotal</td><td class=r>${us(f.net)}</td></tr><tr><td>VAT ${f.rate}%</td><td class=r>${us(f.tax)}</td></tr><tr><td><b>TOTAL USD</b></td><td class=r><b>${us(f.total)}</b></td></tr></table>`),
  },
  {
    id: 'en-memo',
    language: 'en',
    html: (f) => page('"DejaVu Sans Mono"', `<p>${f.seller}</p><p>INVOICE ${f.number}</p><p>Date ........ ${f.date}<br>Due ......... ${f.due}<br>Client ...... ${f.buyer}</p><table>${rows(f, us)}</table><p>Net amount .. EUR ${us(f.net)}<br>VAT ......... EUR ${us(f.tax)}<br>Total ....... EUR ${us(f.total)}</p>`),
  },
  {
    id: 'en-contractor',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<h1 style="text-align:center">INVOICE</h1><div class=two><div><b>Supplier</b><br>${f.seller}<br>8 Dock Road</div><div><b>Customer</b><br>${f.buyer}<br>12 Valley Road</div></div>
      <p>Invoice ref: ${f.number}<br>Issued: ${long(f.date)}<br>Terms: net 30, due ${long(f.due)}</p><table class=lined><tr><th>Work</th><th>Hours</th><th>Rate</th><th>Amount</th></tr>${rows(f, us)}</table>
      <p class=r>Amount before tax £${us(f.net)}<br>VAT £${us(f.tax)}<br><b>Balance due £${us(f.total)}</b></p>`, 'body { font-size: 14px }'),
  },
  {
    id: 'en-german',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<h2>${f.seller}</h2><p>${f.buyer}, Gartenweg 3, 10115 Berlin</p><p class=r>Datum: ${dotted(f.date)}</p><h1>Rechnung Nr. ${f.number}</h1><p>Leistungszeitraum: ${dotted(f.ordered)} bis ${dotted(f.date)}</p>
      <table class=lined><tr><th>Pos.</th><th>Menge</th><th>Einzelpreis</th><th>Gesamt</th></tr>${rows(f, de)}</table><p class=r>Summe netto: ${de(f.net)} EUR<br>MwSt. ${f.rate} %: ${de(f.tax)} EUR<br><b>Rechnungsbetrag: ${de(f.total)} EUR</b></p><p>Zahlbar bis ${dotted(f.due)}.</p>`),
  },
  {
    id: 'zh-upright',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">电子发票（普通发票）</h1><p class=r>发票号码：${f.number}<br>开票日期：${han(f.date)}</p>
      <table class=lined><tr><td style="width:24px">购<br>买<br>方<br>信<br>息</td><td>名称：${f.buyer}<br><br>统一社会信用代码/纳税人识别号：91310000MA1K35X27B</td><td style="width:24px">销<br>售<br>方<br>信<br>息</td><td>名称：${f.seller}<br><br>统一社会信用代码/纳税人识别号：91440300MA5F2X9K3D</td></tr></table>
      <table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合　　计</td><td></td><td>¥${money(f.net)}</td><td class=r>¥${money(f.tax)}</td></tr>
      <tr><td>价税合计（大写）</td><td colspan=2>${spelled(f.total)}</td><td>（小写）¥${money(f.total)}</td></tr></table><p>开票人：周涛</p>`),
  },
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
