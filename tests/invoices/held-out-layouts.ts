import { british, de, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that nobody looked at, nor at what was read on them, while the reader was written. */
export const heldOutLayouts: readonly Layout[] = [
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
