import type { Language } from '#shared/errors/silo-error.ts'
import { safetyTexts } from './safety-texts.ts'
import { syncTexts } from './sync-texts.ts'
import { vaultTexts } from './vault-texts.ts'

/** What the command says, English and Chinese. `{name}` is filled from the parameters. */
const texts = {
  ...safetyTexts,
  ...syncTexts,
  ...vaultTexts,
  usage: {
    en: `Usage: silo COMMAND [options]

  start                 Start the companion and print its address
  status                What the companion is doing
  doctor                Check this machine, the models and the companion
  ask "QUESTION"        Ask a model; the answer streams to standard output
  ingest PATH…          Read files and folders into a collection
  vault check           Compare the vault's records, index and files; --repair
  models                List, fetch, remove or import models
  quantize MODEL        Make a version of a model with about 3.5 bits per weight
  python                List or fetch packages for Python in the sandbox
  mcp                   Serve the vault to MCP clients on this machine, over standard input and output
  pair [LINK]           Let a device in by QR code, link or short code; with LINK, join another companion
  devices               List, revoke or rename paired devices
  lan                   Serve the app over https in the local network
  sync                  Keep folders and notes alike with other devices and Syncthing
  encrypt               Encrypt keys, extracted texts and notes at rest
  backup FILE           Write everything into one encrypted file
  restore FILE          Restore such a file into a new data folder

  --json                Print JSON instead of text
  --help                Show help; also after a command`,
    zh: `用法：silo 命令 [选项]

  start                 启动伴侣程序并显示其地址
  status                查看伴侣程序的状态
  doctor                检查本机、模型和伴侣程序
  ask "问题"            向模型提问，回答会逐字输出
  ingest 路径…          将文件和文件夹读入资料集
  vault check           对照检查知识库的记录、索引和文件；--repair 修复
  models                列出、下载、删除或导入模型
  quantize 模型         制作每权重约 3.5 位的模型版本
  python                列出或下载沙箱中 Python 可用的软件包
  mcp                   通过标准输入输出，将知识库提供给本机的 MCP 客户端
  pair [链接]           让手机或笔记本接入：二维码、链接或短码；给出链接则加入另一台电脑
  devices               列出、移除或重命名已配对设备
  lan                   在局域网中通过 https 提供应用
  sync                  与其他设备及 Syncthing 同步文件夹和笔记
  encrypt               加密存储密钥、提取的文本和笔记
  backup 文件           将全部数据写入一个加密文件
  restore 文件          将备份恢复到新的数据文件夹

  --json                以 JSON 输出
  --help                显示帮助；也可用于各命令之后`,
  },
  usage_start: {
    en: 'Usage: silo start [options]\n\nStarts the companion: installs what is missing, fetches the starter models, prints the address.',
    zh: '用法：silo start [选项]\n\n启动伴侣程序：安装缺少的组件，下载入门模型，并显示访问地址。',
  },
  usage_status: {
    en: 'Usage: silo status [--json]\n\nShows the companion, its engine, its models and what it is doing.',
    zh: '用法：silo status [--json]\n\n显示伴侣程序、引擎、模型以及正在进行的任务。',
  },
  usage_doctor: {
    en: 'Usage: silo doctor [--json]\n\nChecks the runtime, the hardware, the disk, the models (every byte of them), the port, pip and the companion. Works without a running companion. The exit code is 1 when something is broken.',
    zh: '用法：silo doctor [--json]\n\n检查运行环境、硬件、磁盘、模型（逐字节校验）、端口、pip 和伴侣程序。无需伴侣程序在运行。若有故障，退出码为 1。',
  },
  usage_ask: {
    en: `Usage: silo ask "QUESTION" [--collection NAME]… [--model ID] [--json]

  --collection NAME     Answer from this collection, with citations; may be repeated
  --model ID            Use this model instead of the default one
  --json                Print the events of the run, one JSON object a line

Without a QUESTION it is read from standard input. Ctrl-C stops the answer.`,
    zh: `用法：silo ask "问题" [--collection 名称]… [--model 编号] [--json]

  --collection 名称     依据此资料集回答并给出引用；可重复使用
  --model 编号          使用此模型而非默认模型
  --json                逐行输出运行事件（每行一个 JSON 对象）

未给出问题时从标准输入读取。按 Ctrl-C 停止回答。`,
  },
  usage_ingest: {
    en: `Usage: silo ingest PATH… [--collection NAME] [--json]

  --collection NAME     The collection to fill; made where it does not exist.
                        Default: the name of the first PATH
  --json                Print the events of the run, one JSON object a line

Only what changed is read again. Ctrl-C stops; what was read is kept.`,
    zh: `用法：silo ingest 路径… [--collection 名称] [--json]

  --collection 名称     要写入的资料集，不存在时会新建。
                        默认：第一个路径的名称
  --json                逐行输出运行事件（每行一个 JSON 对象）

只会重新读取有变化的文件。按 Ctrl-C 停止，已读取的内容会保留。`,
  },
  usage_models: {
    en: `Usage: silo models [list] [--json]
       silo models pull ID [--json]
       silo models remove ID [--json]
       silo models import PATH [--name NAME] [--json]`,
    zh: `用法：silo models [list] [--json]
      silo models pull 编号 [--json]
      silo models remove 编号 [--json]
      silo models import 路径 [--name 名称] [--json]`,
  },
  usage_quantize: {
    en: `Usage: silo quantize MODEL [--json]

Writes a file with about 3.5 bits per weight beside the model, and compares both on a text that comes with Silo: size, bits per weight, perplexity (lower is better) and speed. A model that would gain nothing is refused. Ctrl-C stops.`,
    zh: `用法：silo quantize 模型 [--json]

在原模型旁写入每权重约 3.5 位的文件，并用 Silo 自带文本比较两者：大小、每权重位数、困惑度（越低越好）和速度。无法获益的模型会被拒绝。按 Ctrl-C 停止。`,
  },
  perplexity: { en: 'perplexity', zh: '困惑度' },
  usage_python: {
    en: `Usage: silo python [list] [--json]
       silo python add PACKAGE… [--json]

Fetches packages (numpy, pandas, matplotlib, …) and what they need, once, for programs in the sandbox. Each is checked against the hash that came with Pyodide, and each host asked is on the list of what left.`,
    zh: `用法：silo python [list] [--json]
      silo python add 软件包… [--json]

为沙箱中的程序一次性下载软件包（numpy、pandas、matplotlib 等）及其依赖。每个文件都按 Pyodide 附带的哈希值核对，所连接的主机会记入“离开家的数据”。`,
  },
  usage_mcp: {
    en: `Usage: silo mcp

Speaks the Model Context Protocol over standard input and output: a program on this machine that starts it may search the vault, list its collections and read documents, with your rights. It writes nothing and opens nothing on the network.`,
    zh: `用法：silo mcp

通过标准输入输出使用模型上下文协议：启动它的本机程序可以凭您的权限搜索知识库、列出资料集并读取文档。它不写入任何内容，也不打开任何网络端口。`,
  },
  usage_pair: {
    en: `Usage: silo pair [--role owner|member|guest] [--json]
       silo pair LINK|ADDRESS [--role owner|member|guest] [--json]

  --role ROLE           owner (default): everything; member: chat and the vault; guest: chat only

Shows a QR code and a link for one device, for two minutes. A device without a camera takes the address
instead; both then show a code, and you say here whether it is the same. Ctrl-C withdraws the invitation.

With the pairing link or the address of another companion, this one asks to be let in there. The role is then
what the other companion may do here: guest unless you say otherwise, owner if it is your own computer.`,
    zh: `用法：silo pair [--role owner|member|guest] [--json]
      silo pair 链接|地址 [--role owner|member|guest] [--json]

  --role 角色           owner（默认）：全部权限；member：对话与知识库；guest：仅对话

显示供一台设备使用的二维码和链接，两分钟内有效。没有摄像头的设备可输入地址，
随后两边会显示短码，请在此确认是否一致。按 Ctrl-C 撤回邀请。

给出另一台电脑的配对链接或地址时，由本机请求加入对方。此时角色指对方在本机的权限：
默认为 guest；若对方也是您自己的电脑，请用 owner。`,
  },
  usage_devices: {
    en: `Usage: silo devices [list] [--json]
       silo devices revoke DEVICE [--json]
       silo devices rename DEVICE NAME [--json]
       silo devices role DEVICE owner|member|guest [--json]

DEVICE is a name, an id, or the last six or more characters of one.`,
    zh: `用法：silo devices [list] [--json]
      silo devices revoke 设备 [--json]
      silo devices rename 设备 名称 [--json]
      silo devices role 设备 owner|member|guest [--json]

设备可用名称、编号，或编号末尾至少六个字符指定。`,
  },
  usage_lan: {
    en: `Usage: silo lan [status | on | off] [--json]

Serves the app over https in the local network, with a certificate authority of this companion's own.`,
    zh: `用法：silo lan [status | on | off] [--json]

在局域网中通过 https 提供应用，使用此伴侣程序自己的证书颁发机构。`,
  },
  lan_off: {
    en: 'The app is not served in the local network. Turn it on with `silo lan on`.',
    zh: '未在局域网中提供应用。可用 `silo lan on` 开启。',
  },
  error: { en: 'Error: {text}', zh: '错误：{text}' },
  unknown_command: { en: 'There is no command “{command}”.', zh: '没有“{command}”命令。' },
  missing: { en: '{what} is missing', zh: '缺少{what}' },
  question: { en: 'the question', zh: '问题' },
  path: { en: 'a path', zh: '路径' },
  package: { en: 'the name of a package', zh: '软件包名称' },
  model_id: { en: 'a model id', zh: '模型编号' },
  device: { en: 'a device', zh: '设备' },
  name: { en: 'a name', zh: '名称' },
  role: { en: 'a role', zh: '角色' },
  roles: { en: 'role: owner, member or guest', zh: '角色：owner、member 或 guest' },
  owner: { en: 'owner', zh: '所有者' },
  member: { en: 'member', zh: '成员' },
  guest: { en: 'guest', zh: '访客' },
  pair_narrow: {
    en: 'A window {width} columns wide has room for the QR code.',
    zh: '将窗口加宽到 {width} 列即可显示二维码。',
  },
  pair_link: {
    en: 'Scan the code, or open this link on the device:',
    zh: '扫描二维码，或在设备上打开此链接：',
  },
  pair_local: {
    en: 'It opens on this machine only. A phone that has the app can scan or paste it there; else run `silo lan on` first.',
    zh: '此链接只能在本机打开。已装有应用的手机可在应用中扫描或粘贴；否则请先运行 `silo lan on`。',
  },
  pair_address: {
    en: 'Without a camera, enter this address there: {addresses}',
    zh: '没有摄像头时，在设备上输入此地址：{addresses}',
  },
  pair_waiting: {
    en: 'Waiting for a device ({role}). Ctrl-C withdraws the invitation.',
    zh: '正在等待设备（{role}）。按 Ctrl-C 撤回邀请。',
  },
  pair_compare: {
    en: '“{device}” asks to come in. Does it show {code}? [y/N]',
    zh: '“{device}”请求接入。它显示的是 {code} 吗？[y/N]',
  },
  paired: { en: 'Paired with “{name}” ({role}).', zh: '已与“{name}”配对（{role}）。' },
  join_compare: {
    en: 'Compare: the other computer must show {code}. Allow it there.',
    zh: '请核对：对方电脑应显示 {code}，并在对方处允许。',
  },
  joined: {
    en: 'Connected with “{name}”: here it is {role}, there this computer is {as}.',
    zh: '已与“{name}”连接：对方在本机为{role}，本机在对方处为{as}。',
  },
  pair_expired: {
    en: 'The invitation has expired. Run `silo pair` for a new one.',
    zh: '邀请已过期。请重新运行 `silo pair`。',
  },
  pair_ended: {
    en: 'The invitation has ended without a pairing.',
    zh: '邀请已结束，未配对任何设备。',
  },
  no_devices: {
    en: 'No device is paired. Let one in with `silo pair`.',
    zh: '尚无已配对设备。可用 `silo pair` 添加。',
  },
  connected: { en: 'connected', zh: '已连接' },
  last_seen: { en: 'last seen {time}', zh: '上次在线 {time}' },
  device_revoked: {
    en: '“{name}” was removed and shut out.',
    zh: '“{name}”已移除，不能再接入。',
  },
  not_running: {
    en: 'No companion is running here. Start one with `silo start`.',
    zh: '本机没有正在运行的伴侣程序。请使用 `silo start` 启动。',
  },
  cancelled: { en: 'Stopped.', zh: '已停止。' },
  sources: { en: 'Sources:', zh: '来源：' },
  page: { en: 'page {page}', zh: '第 {page} 页' },
  dropped: {
    en: 'Left out for want of room: {messages} messages, {passages} passages.',
    zh: '因空间不足而省略：{messages} 条消息，{passages} 个段落。',
  },
  cut_off: {
    en: 'The answer was cut off at the limit.',
    zh: '回答已达到长度上限，被截断。',
  },
  repeated: {
    en: 'The answer was stopped: it only repeated itself.',
    zh: '回答不断重复，已停止。',
  },
  problems: { en: '{count} could not be read:', zh: '{count} 个文件无法读取：' },
  into: { en: 'Collection “{name}”', zh: '资料集“{name}”' },
  installed: { en: 'installed', zh: '已安装' },
  loaded: { en: 'loaded', zh: '已加载' },
  imported: { en: 'imported', zh: '已导入' },
  partial: { en: 'partly fetched', zh: '部分下载' },
  absent: { en: 'not here', zh: '未下载' },
  fits: { en: 'fits', zh: '可运行' },
  tight: { en: 'tight', zh: '勉强可运行' },
  too_big: { en: 'too big', zh: '内存不足' },
  already: { en: '“{model}” is already here.', zh: '“{model}”已在本机。' },
  fetched: { en: '“{model}” is ready.', zh: '“{model}”已就绪。' },
  python_none: {
    en: 'Only the standard library. Packages come with silo python add.',
    zh: '仅有标准库。可用 silo python add 添加软件包。',
  },
  removed: { en: '“{model}” was removed.', zh: '“{model}”已删除。' },
  imported_as: { en: 'Imported as “{model}”.', zh: '已导入为“{model}”。' },
} satisfies Record<string, Record<Language, string>>

export type TextKey = keyof typeof texts

export function text(
  language: Language,
  key: TextKey,
  params: Readonly<Record<string, string | number>> = {},
): string {
  return texts[key][language].replace(/\{(\w+)\}/g, (hole, name: string) =>
    Object.hasOwn(params, name) ? String(params[name]) : hole,
  )
}

const stages: Record<string, Record<Language, string>> = {
  queued: { en: 'waiting', zh: '等待中' },
  'loading-model': { en: 'loading the model', zh: '正在加载模型' },
  searching: { en: 'searching', zh: '正在检索' },
  connecting: { en: 'connecting', zh: '正在连接' },
  scanning: { en: 'looking for files', zh: '正在扫描文件' },
  reading: { en: 'reading', zh: '正在读取' },
  extracting: { en: 'reading', zh: '正在读取' },
  embedding: { en: 'reading', zh: '正在读取' },
  paused: { en: 'held', zh: '已暂停' },
  checking: { en: 'checking', zh: '正在检查' },
  indexing: { en: 'indexing', zh: '正在建立索引' },
  downloading: { en: 'fetching', zh: '正在下载' },
  verifying: { en: 'verifying', zh: '正在校验' },
  assembling: { en: 'putting the parts together', zh: '正在合并分卷' },
  encrypting: { en: 'encrypting', zh: '正在加密' },
  copying: { en: 'copying', zh: '正在复制' },
  restoring: { en: 'restoring', zh: '正在恢复' },
  converting: { en: 'converting', zh: '正在转换' },
  quantizing: { en: 'making the smaller file', zh: '正在生成更小的文件' },
  measuring: { en: 'measuring', zh: '正在测量' },
}

/** A stage of a run in words; stages this version does not know are shown as they are. */
export function stageText(language: Language, stage: string): string {
  return stages[stage]?.[language] ?? stage
}

const counts: Record<string, Record<Language, string>> = {
  added: { en: 'added', zh: '新增' },
  changed: { en: 'changed', zh: '更新' },
  moved: { en: 'moved', zh: '移动' },
  removed: { en: 'removed', zh: '移除' },
  unchanged: { en: 'unchanged', zh: '未变' },
  failed: { en: 'failed', zh: '失败' },
  skipped: { en: 'passed over', zh: '跳过' },
  chunks: { en: 'passages', zh: '段落' },
}

/** `added 3, unchanged 5`. */
export function countsText(language: Language, values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${counts[name]?.[language] ?? name} ${value}`)
    .join(language === 'zh' ? '，' : ', ')
}
