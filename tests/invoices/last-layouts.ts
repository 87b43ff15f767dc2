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
  {
    id: 'zh-school',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">收费收据</h1><p>收据号：${f.number.slice(4, 12)}　　　开票日期：${han(f.date)}</p><table class=lined><tr><td>缴费人</td><td colspan=3>${f.buyer}</td></tr><tr><th>收费项目</th><th>数量</th><th>标准</th><th>金额</th></tr>${rows(f, money)}<tr><td>税额</td><td></td><td></td><td class=r>${money(f.tax)}</td></tr><tr><td>合计（大写）</td><td colspan=2>${spelled(f.total)}</td><td class=r>￥${money(f.total)}</td></tr></table><p>收费单位（盖章）：${f.seller}　　经办人：钱进</p>`),
  },
  {
    id: 'zh-web',
    language: 'zh',
    html: (f) => page(sans, `<div class=two><h1>电子普通发票</h1><div class=r>号码 ${f.number.slice(0, 12)}<br>日期 ${f.date}</div></div><p>卖家：${f.seller}</p><p>买家：${f.buyer}</p><p>下单时间：${f.ordered}</p>
      <table class=lined><tr><th>商品</th><th>数量</th><th>单价</th><th>小计</th></tr>${rows(f, us)}</table><p class=r>商品金额 ¥${us(f.net)}</p><p class=r>税额 ¥${us(f.tax)}</p><p class=r><b>实付金额 ¥${us(f.total)}</b></p>`),
  },
  {
    id: 'zh-unified',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">全国统一发票</h1><table class=lined><tr><td>发票代码</td><td>131002620311</td><td>发票号码</td><td>${f.number.slice(0, 8)}</td></tr><tr><td>开票日期</td><td>${han(f.date)}</td><td>机器编号</td><td>499099887766</td></tr><tr><td>购买方名称</td><td colspan=3>${f.buyer}</td></tr><tr><td>购买方税号</td><td colspan=3>91310000MA1K35X27B</td></tr></table>
      <table class=lined><tr><th>名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}</table><table class=lined><tr><td>金额合计</td><td>${money(f.net)}</td><td>税额合计</td><td>${money(f.tax)}</td></tr><tr><td>价税合计</td><td>¥${money(f.total)}</td><td colspan=2>${spelled(f.total)}</td></tr><tr><td>销售方名称</td><td colspan=3>${f.seller}</td></tr><tr><td>销售方税号</td><td colspan=3>91440300MA5F2X9K3D</td></tr></table>`),
  },
  {
    id: 'en-press',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<div class=two><div><b>Issued by</b><br>${f.seller}<br>9 Printers Yard</div><div><b>Issued to</b><br>${f.buyer}<br>12 Valley Road</div></div><h1>Invoice ${f.number}</h1><p>Issued on ${long(f.date)} · due on ${long(f.due)}</p><table class=lined><tr><th>Description</th><th>Qty</th><th>Price</th><th>Amount</th></tr>${rows(f, us)}</table>
      <table><tr><td>Total before tax</td><td class=r>${us(f.net)}</td></tr><tr><td>Tax</td><td class=r>${us(f.tax)}</td></tr><tr><td><b>Total to pay</b></td><td class=r><b>USD ${us(f.total)}</b></td></tr></table>`, 'body { font-size: 14px }'),
  },
  {
    id: 'en-clinic',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<h1 style="text-align:center">${f.seller}</h1><p style="text-align:center">Reception 01632 960 111</p><table class=lined><tr><td><b>Invoice no.</b> ${f.number}</td><td><b>Date</b> ${british(f.date)}</td></tr><tr><td><b>Client</b> ${f.buyer}</td><td><b>Payment by</b> ${british(f.due)}</td></tr></table><table class=lined><tr><th>Treatment</th><th>Qty</th><th>Fee</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Net £${us(f.net)}</p><p class=r>VAT £${us(f.tax)}</p><p class=r><b>TOTAL £${us(f.total)}</b></p>`, 'body { font-size: 14px }'),
  },
  {
    id: 'en-freight',
    language: 'en',
    html: (f) => page('"DejaVu Sans Condensed"', `<table><tr><td><h2>${f.seller}</h2></td><td class=r><h2>FREIGHT INVOICE</h2></td></tr></table><table class=lined><tr><th>Invoice number</th><th>Date</th><th>Shipment</th></tr><tr><td>${f.number}</td><td>${british(f.date)}</td><td>SH-20931</td></tr></table><p>Bill to: ${f.buyer}</p><table class=lined><tr><th>Leg</th><th>Pallets</th><th>Rate</th><th>EUR</th></tr>${rows(f, de)}</table><p class=r>Net ${de(f.net)}<br>VAT ${f.rate} % ${de(f.tax)}<br><b>Total EUR ${de(f.total)}</b></p>`),
  },
] // prettier-ignore
