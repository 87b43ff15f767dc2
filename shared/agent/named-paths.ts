/** Folders that people name by a word; the rest of a path may follow. */
const folderWords =
  /(?:^|[\s"'“”‘’「」《》（(,，。、:：]|[里从在把到将和与至])((?:downloads?|documents|desktop|pictures|music|videos|下载|文档|桌面|图片|照片|音乐|视频)(?:\/[^\s"'“”‘’「」，。、；;,:：!！?？）)]+)?)(?=$|[\s"'“”‘’」，。、；;,.:：!！?？）)里中的下内和与到去]|文件夹|目录)/giu
const paths =
  /(?:~|(?<![\w.:/])\/[\p{L}\p{N}_.-]|[A-Za-z]:[\\/])[^\s"'“”‘’「」，。、；;,:：!！?？）)<>|]*/giu
const quoted = /["“「'‘]((?:~|\/|[A-Za-z]:[\\/])[^"”」'’\n]{1,300})["”」'’]/gu
/** A path followed by Chinese without a space: `~/Finance里`. */
const chineseTail = /(里面|里的|里|中的|中|文件夹|目录|下面|下的|下|内的|内|的).*$/u

/**
 * What an instruction names as places: paths as they are written, and the usual folders by their names. Nothing is looked
 * up; at most 20.
 */
export function pathsNamedIn(goal: string): string[] {
  const found = new Set<string>()
  const text = goal.slice(0, 20_000)
  for (const match of text.matchAll(quoted)) found.add(match[1]!.trim())
  for (const match of text.matchAll(paths)) {
    const path = match[0].replace(/[.]+$/, '')
    const cut = path.replace(chineseTail, '')
    if (cut !== '/' && cut.length > 0) found.add(cut)
  }
  for (const match of text.matchAll(folderWords)) found.add(match[1]!.replace(chineseTail, ''))
  // The whole home folder and the root are not named in passing.
  return [...found].filter((path) => path.length > 1).slice(0, 20)
}
