/** Folders that people name by a word; the rest of a path may follow. */
const folderWords =
  /(?:^|[\s"'“”‘’「」《》（(,，。、:：]|[里从在把到将和与至])((?:downloads?|documents|desktop|pictures|music|videos|下载|文档|桌面|图片|照片|音乐|视频)(?:\/[^\s"'“”‘’「」，。、；;,:：!！?？）)]+)?)(?=$|[\s"'“”‘’」，。、；;,.:：!！?？）)里中的下内和与到去]|文件夹|目录)/giu
const paths =
  /(?:(?<![A-Za-z0-9])~(?=[/\\])|(?<![\w.:/~])\/(?=[\p{L}\p{N}_.-])|(?<![A-Za-z0-9])[A-Za-z]:(?=[\\/]))[^\s"'“”‘’「」，。、；;,:：!！?？）)<>|]*/giu
const quoted = /["“「'‘]((?:~|\/|[A-Za-z]:[\\/])[^"”」'’\n]{1,300})["”」'’]/gu
/** What may follow a path in Chinese without a space: `~/Finance里`. It may also be part of a name. */
const chineseTail = /(?<=[^/\\])(?:里面|里的|里|中的|中|文件夹|目录|下面|下的|下|内的|内|的).*$/u

/**
 * What an instruction names as places: paths as they are written, and the usual folders by their names. Each has one or
 * two readings, the longer first: the one that is there is meant. Nothing is looked up; at most 20.
 */
export function pathsNamedIn(goal: string): string[][] {
  const found = new Map<string, string[]>()
  const add = (...readings: string[]): void => {
    // The whole home folder and the root are not named in passing.
    const kept = [...new Set(readings)].filter((path) => !/^(?:~?[/\\]*|[A-Za-z]:[/\\]*)$/.test(path)) // prettier-ignore
    if (kept.length > 0) found.set(kept.join('\n'), kept)
  }
  const text = goal.slice(0, 20_000)
  for (const match of text.matchAll(quoted)) add(match[1]!.trim())
  for (const match of text.matchAll(paths)) {
    const path = match[0].replace(/[.]+$/, '')
    add(path, path.replace(chineseTail, ''))
  }
  for (const match of text.matchAll(folderWords)) {
    const path = match[1]!
    add(path, path.includes('/') ? path.replace(chineseTail, '') : path)
  }
  return [...found.values()].slice(0, 20)
}
