import { define } from './error-entry.ts'

/** Errors of the agent: its tools, leaves, changes, jails and skills. A part of the one registry. */
export const agentErrors = define({
  approval_denied: {
    httpStatus: 403,
    retryable: false,
    en: 'This was not allowed.',
    zh: '此操作未获允许。',
  },
  approval_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'This request for approval is not there any more.',
    zh: '该审批请求已不存在。',
  },
  approval_answered: {
    httpStatus: 409,
    retryable: false,
    en: 'This was answered already, and otherwise.',
    zh: '该请求已有不同的答复。',
  },
  grant_missing: {
    httpStatus: 403,
    retryable: false,
    en: 'There is no leave to use {resource}.',
    zh: '尚未获准使用 {resource}。',
  },
  path_refused: {
    httpStatus: 403,
    retryable: false,
    en: '{path} is never read or changed by an agent: {detail}',
    zh: '智能体从不读取或更改 {path}：{detail}',
  },
  path_changed: {
    httpStatus: 409,
    retryable: false,
    en: '{path} is not what it was when the change was planned.',
    zh: '{path} 与制定更改计划时已不相同。',
  },
  switch_off: {
    httpStatus: 403,
    retryable: false,
    en: 'The switch “{name}” is off.',
    zh: '开关“{name}”处于关闭状态。',
  },
  change_limit: {
    httpStatus: 429,
    retryable: false,
    en: 'More than {limit} files would be changed within an hour.',
    zh: '一小时内将更改的文件超过 {limit} 个。',
  },
  task_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'This task does not exist.',
    zh: '该任务不存在。',
  },
  batch_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'These changes are not in the journal.',
    zh: '日志中没有这批更改。',
  },
  undo_impossible: {
    httpStatus: 409,
    retryable: false,
    en: '{path} cannot be put back: {detail}',
    zh: '无法还原 {path}：{detail}',
  },
  sandbox_unavailable: {
    httpStatus: 503,
    retryable: false,
    en: 'Programs cannot be run safely on this machine: {detail}',
    zh: '此设备无法安全地运行程序：{detail}',
  },
  sandbox_input_invalid: {
    httpStatus: 400,
    retryable: false,
    en: 'The program cannot be run like this: {detail}',
    zh: '无法这样运行该程序：{detail}',
  },
  sandbox_limit: {
    httpStatus: 422,
    retryable: false,
    en: 'The program was stopped: {detail}',
    zh: '程序已被终止：{detail}',
  },
  tool_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no tool “{name}”.',
    zh: '没有名为“{name}”的工具。',
  },
  tool_input_invalid: {
    httpStatus: 400,
    retryable: false,
    en: 'The tool “{name}” was called wrongly: {detail}',
    zh: '工具“{name}”的调用有误：{detail}',
  },
  tool_failed: {
    httpStatus: 502,
    retryable: true,
    en: 'The tool “{name}” failed: {detail}',
    zh: '工具“{name}”执行失败：{detail}',
  },
  skill_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no skill “{name}”.',
    zh: '没有名为“{name}”的技能。',
  },
  skill_invalid: {
    httpStatus: 400,
    retryable: false,
    en: 'This skill cannot be used: {detail}',
    zh: '该技能无法使用：{detail}',
  },
  task_limit: {
    httpStatus: 422,
    retryable: false,
    en: 'The task reached its limit: {detail}',
    zh: '任务已达到上限：{detail}',
  },
  task_stuck: {
    httpStatus: 422,
    retryable: false,
    en: 'The task got no further: {detail}',
    zh: '任务无法继续推进：{detail}',
  },
  mcp_failed: {
    httpStatus: 502,
    retryable: true,
    en: 'The MCP server “{name}” failed: {detail}',
    zh: 'MCP 服务器“{name}”出错：{detail}',
  },
  web_search_unset: {
    httpStatus: 409,
    retryable: false,
    en: 'No search service is set. Name one in the settings.',
    zh: '尚未设置搜索服务，请在设置中填写。',
  },
  fetch_failed: {
    httpStatus: 502,
    retryable: true,
    en: '{host} could not be read: {detail}',
    zh: '无法读取 {host}：{detail}',
  },
})
