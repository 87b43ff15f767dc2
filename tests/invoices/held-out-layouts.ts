import { british, de, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that nobody looked at, nor at what was read on them, while the reader was written. */
export const heldOutLayouts: readonly Layout[] = [
  {
    id: 'zh-ride',
    language: 'zh',
    html: (f) => page(sans, `<h1 style="text-align:center">电子发票（普通发票）</h1><table><tr><td>发票号码：${f.number}</td><td class=r>开票日期：${han(f.date)}</td></tr></table><div class=two><div>购方名称：${f.buyer}<br>购方税号：91310000MA1K35X27B</div><div>销方名称：${f.seller}<br>销方税号：91440300MA5F2X9K3D</div></div>
      <table class=lined><tr><th>项目名称</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合计</td><td></td><td>¥${money(f.net)}</td><td class=r>¥${money(f.tax)}</td></tr></table><p>价税合计（大写）：${spelled(f.total)}　价税合计（小写）：¥${money(f.total)}</p><p>备注：行程日期 ${f.ordered}</p>`),
  },
  {
    id: 'zh-hardware',
    language: 'zh',
    html: (f) => page(serif, `<p style="font-size:22px"><b>${f.seller}</b></p><p>销售发票</p><p>单据编号：${f.number.slice(4, 14)}　　单据日期：${f.date}</p><p>购货单位：${f.buyer}　　交货日期：${f.due}</p><table class=lined><tr><th>品名规格</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}</table><p>税额：${money(f.tax)}　　价税合计：${money(f.total)}　　大写：${spelled(f.total)}</p><p>制单：李强　审核：王芳</p>`),
  },
  {
    id: 'zh-parking',
    language: 'zh',
    html: (f) => page(sans, `<div style="width:400px"><h1 style="text-align:center">收据</h1><p>单位：${f.seller}</p><p>日期：${f.date} 18:20</p><p>票号：${f.number.slice(4, 12)}</p><p>客户：${f.buyer}</p><p>项目：${f.items[0]!.what}</p><p>金额（小写）：￥${money(f.total)}</p><p>金额（大写）：${spelled(f.total)}</p></div>`, 'body { font-size: 16px }'),
  },
  {
    id: 'en-studio',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<div class=two><h2>${f.seller}</h2><p class=r>Invoice<br><b>${f.number}</b></p></div><table><tr><th>Billed to</th><th>Date of issue</th><th>Due</th></tr><tr><td>${f.buyer}</td><td>${british(f.date)}</td><td>${british(f.due)}</td></tr></table><table class=lined><tr><th>What</th><th>Qty</th><th>Rate</th><th>Line</th></tr>${rows(f, us)}</table>
      <p class=r>Subtotal £${us(f.net)}<br>Tax £${us(f.tax)}<br><b>Total £${us(f.total)}</b></p>`, 'body { font-size: 15px }'),
  },
  {
    id: 'en-farm',
    language: 'en',
    html: (f) => page('"DejaVu Serif"', `<h1>INVOICE</h1><p>${f.seller}<br>Lower Farm, Wells</p><p>Customer: ${f.buyer}</p><p>Invoice: ${f.number}<br>Dated: ${long(f.date)}<br>Due: ${long(f.due)}</p><table class=lined><tr><th>Produce</th><th>Qty</th><th>Price</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Net £${us(f.net)}<br>VAT £${us(f.tax)}<br><b>Total £${us(f.total)}</b></p>`, 'body { font-size: 12px }'),
  },
  {
    id: 'en-broker',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<p class=r>Invoice no. ${f.number}<br>${british(f.date)}</p><p><b>To:</b> ${f.buyer}<br><b>From:</b> ${f.seller}</p><table class=lined><tr><th>Fee</th><th>No.</th><th>Each</th><th>Amount</th></tr>${rows(f, de)}</table><p>Sum: ${de(f.net)} EUR</p><p>VAT ${f.rate} %: ${de(f.tax)} EUR</p><p><b>Payable: ${de(f.total)} EUR</b></p>`, 'body { font-size: 15px }'),
  },
] // prettier-ignore
