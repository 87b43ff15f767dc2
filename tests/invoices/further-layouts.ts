import { british, de, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that were held out after those of more-layouts.ts, then looked at as well. */
export const furtherLayouts: readonly Layout[] = [
  {
    id: 'zh-catering',
    language: 'zh',
    html: (f) => page(sans, `<h1 style="text-align:center">增值税电子普通发票</h1><table><tr><td>发票代码：051002600211</td><td>发票号码：${f.number.slice(2, 10)}</td><td>开票日期：${han(f.date)}</td></tr></table>
      <table class=lined><tr><td>购<br>买<br>方</td><td>名　　称：${f.buyer}<br>纳税人识别号：91310000MA1K35X27B</td></tr></table>
      <table class=lined><tr><th>项目</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, money)}<tr><td>合计</td><td></td><td></td><td class=r>￥${money(f.net)}</td></tr></table>
      <p>税率 ${f.rate}%　税额 ￥${money(f.tax)}</p><p>价税合计（大写）${spelled(f.total)}　（小写）￥${money(f.total)}</p>
      <table class=lined><tr><td>销<br>售<br>方</td><td>名　　称：${f.seller}<br>纳税人识别号：91440300MA5F2X9K3D</td></tr></table><p>收款人：　　复核：　　开票人：管理员</p>`),
  },
  {
    id: 'zh-transport',
    language: 'zh',
    html: (f) => page(serif, `<h1>货物运输业发票</h1><p>开票日期 ${f.date}　　发票号码 ${f.number.slice(0, 10)}</p><p>承运方（销售方）：${f.seller}</p><p>托运方（购买方）：${f.buyer}</p>
      <table class=lined><tr><th>货物名称</th><th>件数</th><th>运价</th><th>运费</th></tr>${rows(f, us)}</table><p>不含税金额 ${us(f.net)}　税额 ${us(f.tax)}</p><p>价税合计 ¥${us(f.total)}（${spelled(f.total)}）</p>`),
  },
  {
    id: 'zh-short',
    language: 'zh',
    html: (f) => page(sans, `<p style="text-align:center;font-size:20px">${f.seller}</p><h1 style="text-align:center">收款收据</h1><p>日期：${f.date}　　No：${f.number.slice(4, 11)}</p><p>交款人：${f.buyer}</p><p>事由：${f.items[0]!.what}</p><p>金额：¥${money(f.total)}　大写：${spelled(f.total)}</p><p>备注：现金　　经办人：王芳</p>`, 'body { font-size: 15px }'),
  },
  {
    id: 'en-grid',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<table class=lined><tr><td colspan=2><h1>INVOICE</h1></td></tr><tr><td>Seller: ${f.seller}</td><td>Buyer: ${f.buyer}</td></tr><tr><td>Invoice no.: ${f.number}</td><td>Invoice date: ${british(f.date)}</td></tr><tr><td>Order date: ${british(f.ordered)}</td><td>Due date: ${british(f.due)}</td></tr></table>
      <table class=lined><tr><th>No.</th><th>Qty</th><th>Unit price</th><th>Line total</th></tr>${rows(f, us)}</table><table class=lined><tr><td>Total net</td><td class=r>£${us(f.net)}</td></tr><tr><td>VAT ${f.rate}%</td><td class=r>£${us(f.tax)}</td></tr><tr><td>Grand total</td><td class=r>£${us(f.total)}</td></tr></table>`),
  },
  {
    id: 'en-plain',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<p>${f.seller}<br>77 Canal Street, Leeds</p><p>${long(f.date)}</p><p><b>Invoice ${f.number}</b></p><p>Bill to: ${f.buyer}</p><table>${rows(f, us)}</table><p>Subtotal: £${us(f.net)}<br>VAT: £${us(f.tax)}<br>Amount payable: £${us(f.total)}</p><p>Kindly settle before ${long(f.due)}.</p>`, 'body { font-size: 16px }'),
  },
  {
    id: 'en-euro',
    language: 'en',
    html: (f) => page('"DejaVu Serif Condensed"', `<div class=two><h1>Invoice</h1><p class=r><b>${f.seller}</b><br>Rue Haute 9, Brussels<br>VAT BE 0123.456.789</p></div><div class=two><p>Customer:<br>${f.buyer}<br>12 Valley Road</p><p class=r>Number: ${f.number}<br>Date: ${f.date.split('-').toReversed().join('/')}<br>Pay before: ${f.due.split('-').toReversed().join('/')}</p></div>
      <table class=lined><tr><th>Article</th><th>Qty</th><th>Price</th><th>Total</th></tr>${rows(f, de)}</table><p class=r>Total excl. VAT: ${de(f.net)} €<br>VAT ${f.rate}%: ${de(f.tax)} €<br><b>Total incl. VAT: ${de(f.total)} €</b></p>`, 'body { font-size: 14px }'),
  },
] // prettier-ignore
