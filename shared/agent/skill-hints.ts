/** What the built-in skills are asked with. Both patterns of a line have to be found; the first line that fits wins. */
const hints: readonly (readonly [skill: string, what: RegExp, how: RegExp])[] = [
  [
    'read-code',
    /\b(?:source(?: code)?|code ?base|repo(?:sitory)?|code|functions?|methods?|classes|endpoints?)\b|代码|源码|仓库|函数|接口|类的/iu,
    /\b(?:read|explain|describe|look|show|tell|find|list|walk|which|where|how|what|summari[sz]e|review|understand)\b|阅读|读|解释|说明|说说|讲讲|看一?下|看看|哪|怎么|如何|分析|列出|了解/iu,
  ],
  [
    'table-extraction',
    /\b(?:spreadsheet|excel|xlsx|csv|tables?)\b|表格|电子表|报表|excel|csv/iu,
    /\b(?:extract|pull|make|create|build|turn|collect|put|gather|total|totals|convert|list|export)\b|提取|做成|生成|汇总|合计|导出|转换|转成|整理成|列成|抽取|制作/iu,
  ],
  [
    'archive-files',
    /\b(?:zip|tar|compress|pack|bundle|archive)\b|压缩|打包|打成|归成一个包/iu,
    /\b(?:files?|all|pdfs?|photos?|pictures|images?|videos?|screenshots?|documents?|docs?|logs?|csv|invoices?|receipts?|them|every|folders?)\b|文件|照片|图片|视频|截图|文档|日志|发票|收据|pdf|word|csv|excel/iu,
  ],
  [
    'rename-by-content',
    /\b(?:re-?nam\w*|names?|titles?)\b|改名|命名|文件名/iu,
    /\b(?:contents?|titles?|subjects?|meaningful|proper|better|sensible|about|contain\w*|what(?:’s|'s| is) in)\b|内容|标题|主题|题目|有意义|合适的/iu,
  ],
  [
    'file-invoices',
    /\b(?:invoices?|receipts?|bills?)\b|发票|收据|账单|票据/iu,
    /\b(?:file|filing|sort|organi[sz]e|put|mov\w*|re-?nam\w*|scan|tidy|archive|collect)\b|归档|归到|归类|归|整理|移|放到|放进|改名|重命名|命名|扫描|收集/iu,
  ],
  [
    'folder-report',
    /\b(?:folders?|director(?:y|ies)|documents|downloads|desktop|projects?)\b|文件夹|目录|文档|下载|桌面|项目/iu,
    /\b(?:summari[sz]e|summary|report|overview|web ?page|html|markdown|digest)\b|总结|报告|概览|概述|网页|综述|汇报/iu,
  ],
]

/** The skill whose usual words an instruction has. */
export function hintedSkill(text: string): string | undefined {
  return hints.find(([, what, how]) => what.test(text) && how.test(text))?.[0]
}
