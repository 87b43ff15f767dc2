import { british, de, dotted, han, long, money, page, rows, sans, serif, spelled, us, type Layout } from './print.ts' // prettier-ignore

/** Layouts that were held out after those of further-layouts.ts, then looked at as well. */
export const laterLayouts: readonly Layout[] = [
  {
    id: 'zh-consulting',
    language: 'zh',
    html: (f) => page(serif, `<div class=two><div><h2>${f.seller}</h2>地址：浙江省杭州市文三路 90 号</div><div class=r><h1>发票</h1>发票号：${f.number.slice(4, 14)}<br>开票日期：${han(f.date)}</div></div><p><b>客户信息</b><br>${f.buyer}<br>上海市杨浦区</p>
      <table class=lined><tr><th>内容</th><th>数量</th><th>单价</th><th>金额</th></tr>${rows(f, us)}</table><p class=r>小计：${us(f.net)}<br>税金（${f.rate}%）：${us(f.tax)}<br><b>合计：¥${us(f.total)}</b></p><p>付款期限：${han(f.due)}</p>`),
  },
  {
    id: 'zh-roll',
    language: 'zh',
    html: (f) => page(sans, `<div style="width:420px"><p style="text-align:center"><b>增值税普通发票（卷票）</b></p><p>发票代码：031002600107<br>发票号码：${f.number.slice(0, 8)}<br>销售方名称：${f.seller}<br>纳税人识别号：91440300MA5F2X9K3D<br>开票日期：${f.date}<br>购买方名称：${f.buyer}</p><table>${rows(f, money)}</table>
      <p>合计金额：￥${money(f.net)}<br>合计税额：￥${money(f.tax)}<br>价税合计（小写）：￥${money(f.total)}<br>价税合计（大写）：${spelled(f.total)}</p></div>`, 'body { font-size: 15px }'),
  },
  {
    id: 'zh-fee',
    language: 'zh',
    html: (f) => page(serif, `<h1 style="text-align:center">电子收据</h1><table class=lined><tr><td>收据编号</td><td>${f.number.slice(4, 14)}</td><td>开具日期</td><td>${han(f.date)}</td></tr><tr><td>付款人</td><td>${f.buyer}</td><td>收款人</td><td>${f.seller}</td></tr><tr><td>项目</td><td colspan=3>${f.items[0]!.what}</td></tr><tr><td>金额</td><td>¥${money(f.total)}</td><td colspan=2>${spelled(f.total)}</td></tr></table>`),
  },
  {
    id: 'zh-export',
    language: 'zh',
    html: (f) => page(sans, `<p style="text-align:center;font-size:20px"><b>${f.seller}</b></p><h1 style="text-align:center">形式发票 / INVOICE</h1><table><tr><td>致 To：${f.buyer}</td><td>发票号 Invoice No.：${f.number.slice(0, 10)}</td></tr><tr><td></td><td>日期 Date：${f.date}</td></tr></table>
      <table class=lined><tr><th>货物 Goods</th><th>数量 Qty</th><th>单价 Price</th><th>金额 Amount</th></tr>${rows(f, us)}</table><p class=r>不含税 Net：USD ${us(f.net)}<br>税 Tax：USD ${us(f.tax)}<br><b>合计 Total Amount：USD ${us(f.total)}</b></p>`),
  },
  {
    id: 'en-agency',
    language: 'en',
    html: (f) => page('"DejaVu Sans Condensed"', `<p style="font-size:22px">${f.seller}</p><p>Studio 4, 19 Wharf Road, London</p><table><tr><td><b>Invoice for</b><br>${f.buyer}<br>12 Valley Road</td><td><b>Invoice ID</b><br>${f.number}</td><td><b>Issue date</b><br>${british(f.date)}</td><td><b>Due date</b><br>${british(f.due)}</td></tr></table>
      <table class=lined><tr><th>Service</th><th>Qty</th><th>Rate</th><th>Amount</th></tr>${rows(f, us)}</table><p class=r>Subtotal £${us(f.net)}<br>VAT (${f.rate}%) £${us(f.tax)}<br><b>Amount Due £${us(f.total)}</b></p>`),
  },
  {
    id: 'en-store',
    language: 'en',
    html: (f) => page('"Liberation Sans Narrow"', `<h2>Order invoice</h2><p>Sold by: ${f.seller}<br>VAT number: GB 987 6543 21</p><p>Order date: ${long(f.ordered)}<br>Invoice date: ${long(f.date)}<br>Invoice number: ${f.number}</p><p>Billing address:<br>${f.buyer}<br>12 Valley Road</p>
      <table class=lined><tr><th>Item</th><th>Qty</th><th>Price</th><th>Item total</th></tr>${rows(f, us)}</table><p class=r>Item subtotal: $${us(f.net)}<br>Sales tax: $${us(f.tax)}<br><b>Grand Total: $${us(f.total)}</b></p>`, 'body { font-size: 16px }'),
  },
  {
    id: 'en-workshop',
    language: 'en',
    html: (f) => page('"Liberation Serif"', `<h1>${f.seller}</h1><p>Unit 7, Mill Estate · Tel 01632 960 001</p><p><b>INVOICE No. ${f.number}</b></p><p>Date: ${british(f.date)}</p><p>To: ${f.buyer}, 12 Valley Road</p><table class=lined><tr><th>Work done</th><th>Qty</th><th>Each</th><th>Cost</th></tr>${rows(f, us)}</table>
      <table><tr><td>Labour and parts</td><td class=r>${us(f.net)}</td></tr><tr><td>VAT</td><td class=r>${us(f.tax)}</td></tr><tr><td><b>TOTAL</b></td><td class=r><b>£${us(f.total)}</b></td></tr></table><p>Terms: 14 days. Due ${british(f.due)}.</p>`, 'body { font-size: 15px }'),
  },
  {
    id: 'en-swiss',
    language: 'en',
    html: (f) => page('"Liberation Sans"', `<div class=two><div>${f.seller}<br>Bahnhofstrasse 1<br>8001 Zürich</div><div class=r>Zürich, ${dotted(f.date)}</div></div><p>${f.buyer}<br>Gartenweg 3</p><h2>Invoice no. ${f.number}</h2><p>Invoice date ${dotted(f.date)}, payable until ${dotted(f.due)}</p>
      <table class=lined><tr><th>Description</th><th>Qty</th><th>Price</th><th>CHF</th></tr>${rows(f, de)}</table><p class=r>Net amount CHF ${de(f.net)}<br>VAT ${f.rate} % CHF ${de(f.tax)}<br><b>Invoice amount CHF ${de(f.total)}</b></p>`, 'body { font-size: 14px }'),
  },
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
