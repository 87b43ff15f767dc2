import { agentErrors } from './agent-errors.ts'
import { define } from './error-entry.ts'
import { linkErrors } from './link-errors.ts'
import { vaultErrors } from './vault-errors.ts'

export type { ErrorEntry, Recovery } from './error-entry.ts'

/**
 * The one registry of error codes. A code is public: it crosses the wire, is stored in the run log
 * and is matched by clients, so a code is never reused for another meaning.
 *
 * `en` and `zh` are what a person reads; `{name}` stands for `params.name`. `recovery` names what the
 * UI offers next. A test checks that every code thrown in the tree is here and every text fills its holes.
 */
export const errorRegistry = define({
  ...agentErrors,
  ...linkErrors,
  ...vaultErrors,

  // Requests
  bad_request: {
    httpStatus: 400,
    retryable: false,
    en: 'The request is not valid: {detail}',
    zh: '请求无效：{detail}',
  },
  invalid_json: {
    httpStatus: 400,
    retryable: false,
    en: 'The body is not valid JSON.',
    zh: '请求体不是有效的 JSON。',
  },
  body_too_large: {
    httpStatus: 413,
    retryable: false,
    en: 'The body is larger than the limit of {limit:bytes}.',
    zh: '请求体超过 {limit:bytes} 的上限。',
  },
  unauthorized: {
    httpStatus: 401,
    retryable: false,
    en: 'This page is not signed in to the companion. Open the link that `npm start` printed.',
    zh: '此页面尚未登录伴侣程序。请打开 `npm start` 输出的链接。',
    recovery: 'sign-in',
  },
  forbidden_host: {
    httpStatus: 403,
    retryable: false,
    en: 'Requests for this host name are refused.',
    zh: '拒绝以此主机名发来的请求。',
  },
  forbidden_origin: {
    httpStatus: 403,
    retryable: false,
    en: 'Requests from this web site are refused.',
    zh: '拒绝来自此网站的请求。',
  },
  forbidden: {
    httpStatus: 403,
    retryable: false,
    en: 'This key may not do that.',
    zh: '此密钥无权执行该操作。',
  },
  not_found: {
    httpStatus: 404,
    retryable: false,
    en: 'There is nothing at this address.',
    zh: '此地址没有内容。',
  },
  method_not_allowed: {
    httpStatus: 405,
    retryable: false,
    en: 'This address does not answer that method.',
    zh: '此地址不支持该方法。',
  },
  conflict: {
    httpStatus: 409,
    retryable: false,
    en: 'This conflicts with what is already there: {detail}',
    zh: '与已有内容冲突：{detail}',
  },
  timeout: {
    httpStatus: 504,
    retryable: true,
    en: 'No answer came within {seconds} s.',
    zh: '{seconds} 秒内没有得到回应。',
    recovery: 'retry',
  },
  cancelled: {
    httpStatus: 499,
    retryable: true,
    en: 'Stopped.',
    zh: '已停止。',
    recovery: 'retry',
  },
  interrupted: {
    httpStatus: 503,
    retryable: true,
    en: 'The companion stopped before this was finished. What it had said is kept.',
    zh: '伴侣程序在完成前停止了，已生成的内容已保留。',
    recovery: 'retry',
  },
  shutting_down: {
    httpStatus: 503,
    retryable: true,
    en: 'The companion is shutting down.',
    zh: '伴侣程序正在关闭。',
    recovery: 'retry',
  },
  internal: {
    httpStatus: 500,
    retryable: true,
    en: 'Something went wrong inside Silo (error {errorId}). The companion’s log has the details.',
    zh: 'Silo 内部出错（编号 {errorId}）。详情见伴侣程序日志。',
    recovery: 'retry',
  },

  // Client side
  companion_unreachable: {
    httpStatus: 503,
    retryable: true,
    en: 'The companion does not answer. It may have been stopped; what you wrote is kept.',
    zh: '无法连接伴侣程序，它可能已停止；您写的内容已保留。',
    recovery: 'check-companion',
  },
  bad_response: {
    httpStatus: 502,
    retryable: true,
    en: 'The companion sent something this version does not understand.',
    zh: '伴侣程序返回了此版本无法识别的内容。',
    recovery: 'check-companion',
  },

  // Configuration and start
  config_invalid: {
    httpStatus: 500,
    retryable: false,
    en: 'The configuration is not valid: {detail}',
    zh: '配置无效：{detail}',
  },
  port_in_use: {
    httpStatus: 500,
    retryable: false,
    en: 'Port {port} is used by another program. Set SILO_PORT to another one.',
    zh: '端口 {port} 已被其他程序占用。请将 SILO_PORT 设为其他端口。',
  },
  home_in_use: {
    httpStatus: 500,
    retryable: false,
    en: 'Another companion (process {pid}) is using this data folder.',
    zh: '另一个伴侣程序（进程 {pid}）正在使用此数据目录。',
  },
  storage_failed: {
    httpStatus: 500,
    retryable: true,
    en: 'The data folder could not be written.',
    zh: '无法写入数据目录。',
    recovery: 'free-disk',
  },
  disk_full: {
    httpStatus: 507,
    retryable: true,
    en: 'The disk is full: {needed} more are needed. What was already fetched is kept.',
    zh: '磁盘已满：还需要 {needed}。已下载的部分已保留。',
    recovery: 'free-disk',
  },

  // Models and engines
  model_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no model called “{model}”.',
    zh: '没有名为“{model}”的模型。',
    recovery: 'choose-model',
  },
  model_not_installed: {
    httpStatus: 409,
    retryable: false,
    en: 'The model “{model}” is not on this machine yet.',
    zh: '模型“{model}”尚未下载到本机。',
    recovery: 'download-model',
  },
  model_corrupt: {
    httpStatus: 422,
    retryable: false,
    en: 'The file of “{model}” is damaged or not a GGUF model.',
    zh: '“{model}”的文件已损坏，或不是 GGUF 模型。',
    recovery: 'download-model',
  },
  model_wrong_task: {
    httpStatus: 400,
    retryable: false,
    en: 'The model “{model}” cannot do this ({task}).',
    zh: '模型“{model}”不能用于此任务（{task}）。',
    recovery: 'choose-model',
  },
  model_load_failed: {
    httpStatus: 500,
    retryable: true,
    en: 'The model “{model}” could not be loaded.',
    zh: '无法加载模型“{model}”。',
    recovery: 'choose-model',
  },
  out_of_memory: {
    httpStatus: 507,
    retryable: true,
    en: 'There is not enough memory for “{model}”.',
    zh: '内存不足，无法运行“{model}”。',
    recovery: 'choose-model',
  },
  engine_crashed: {
    httpStatus: 502,
    retryable: true,
    en: 'The engine stopped in the middle of this answer. It has been restarted; what it had said is kept.',
    zh: '引擎在回答途中停止，现已重启；已生成的内容已保留。',
    recovery: 'retry',
  },
  engine_unavailable: {
    httpStatus: 503,
    retryable: true,
    en: 'No engine on this machine can run this.',
    zh: '本机没有可用的引擎。',
    recovery: 'choose-model',
  },
  context_overflow: {
    httpStatus: 400,
    retryable: false,
    en: 'This needs {needed} tokens, but the model’s context holds {limit}.',
    zh: '内容需要 {needed} 个词元，而模型上下文只能容纳 {limit} 个。',
    recovery: 'shorten',
  },
  grammar_invalid: {
    httpStatus: 400,
    retryable: false,
    en: 'The JSON schema cannot be used to guide the answer: {detail}',
    zh: '无法使用此 JSON Schema 约束回答：{detail}',
  },

  // Downloads
  source_unreachable: {
    httpStatus: 502,
    retryable: true,
    en: 'The source “{source}” cannot be reached.',
    zh: '无法访问下载源“{source}”。',
    recovery: 'retry',
  },
  download_failed: {
    httpStatus: 502,
    retryable: true,
    en: 'None of the sources of “{model}” could deliver it: {detail}',
    zh: '“{model}”的所有下载源均失败：{detail}',
    recovery: 'retry',
  },
  memory_short: {
    httpStatus: 503,
    retryable: true,
    en: 'This computer has too little free memory for another answer now. Close something, and ask again.',
    zh: '电脑可用内存不足，暂时无法再生成回答。请关闭一些程序后重试。',
    recovery: 'retry',
  },
  quantize_no_gain: {
    httpStatus: 422,
    retryable: false,
    en: '“{model}” gains nothing from this: it would have {bits} bits per weight. It is that small already, or its layers have a width that such types do not come in.',
    zh: '“{model}”无法从中获益：量化后每权重仍有 {bits} 位。它已足够小，或其层宽不适用此类量化。',
  },
  checksum_mismatch: {
    httpStatus: 502,
    retryable: true,
    en: 'What “{source}” delivered is not the expected file; it was thrown away.',
    zh: '“{source}”提供的文件与预期不符，已丢弃。',
    recovery: 'retry',
  },

  // Vault
  collection_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such collection.',
    zh: '没有此资料集。',
  },
  document_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such document in the vault.',
    zh: '知识库中没有此文档。',
  },
  path_not_found: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no file or folder at “{path}”.',
    zh: '“{path}”处没有文件或文件夹。',
    recovery: 'choose-folder',
  },
  path_not_absolute: {
    httpStatus: 400,
    retryable: false,
    en: '“{path}” is not a full path.',
    zh: '“{path}”不是完整路径。',
    recovery: 'choose-folder',
  },
  path_denied: {
    httpStatus: 403,
    retryable: false,
    en: 'Silo has no permission to read “{path}”.',
    zh: 'Silo 没有读取“{path}”的权限。',
    recovery: 'choose-folder',
  },
  file_too_large: {
    httpStatus: 413,
    retryable: false,
    en: 'The file is {size}, larger than the limit of {limit}.',
    zh: '文件大小为 {size}，超过上限 {limit}。',
  },
  file_unsupported: {
    httpStatus: 415,
    retryable: false,
    en: 'Files of this kind are not read yet.',
    zh: '暂不支持此类文件。',
  },
  file_damaged: {
    httpStatus: 422,
    retryable: false,
    en: 'The file is damaged or cut off.',
    zh: '文件已损坏或不完整。',
  },
  file_encrypted: {
    httpStatus: 422,
    retryable: false,
    en: 'The file is protected with a password.',
    zh: '文件受密码保护。',
  },
  file_no_text: {
    httpStatus: 422,
    retryable: false,
    en: 'There is no text in this file; scanned pages need OCR, which is not built yet.',
    zh: '文件中没有文字；扫描件需要 OCR，该功能尚未提供。',
  },
  file_changed: {
    httpStatus: 409,
    retryable: true,
    en: 'The file changed while it was being read.',
    zh: '文件在读取过程中发生了变化。',
    recovery: 'retry',
  },

  // Records
  run_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such run.',
    zh: '没有此运行记录。',
  },
  run_conflict: {
    httpStatus: 409,
    retryable: false,
    en: 'A run with this id already does something else.',
    zh: '此编号的运行已用于其他任务。',
  },
  conversation_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such conversation.',
    zh: '没有此对话。',
  },
  message_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such message.',
    zh: '没有此消息。',
  },
  artifact_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such artifact.',
    zh: '没有此产物。',
  },
  key_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such API key.',
    zh: '没有此 API 密钥。',
  },
})

export type ErrorCode = keyof typeof errorRegistry

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorRegistry, code)
}
