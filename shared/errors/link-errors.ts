import { define } from './error-entry.ts'

/** Errors of paired devices, browser engines, speech and sharing: a part of the one registry. */
export const linkErrors = define({
  // Link
  device_not_paired: {
    httpStatus: 403,
    retryable: false,
    en: 'This device is not paired with the companion, or was removed.',
    zh: '此设备未与伴侣程序配对，或已被移除。',
    recovery: 'pair',
  },
  pairing_link_invalid: {
    httpStatus: 400,
    retryable: false,
    en: 'This is not a pairing link, or it was cut short.',
    zh: '这不是配对链接，或链接不完整。',
    recovery: 'pair',
  },
  pairing_refused: {
    httpStatus: 403,
    retryable: false,
    en: 'The pairing code is wrong or was already used. Show a new one on the companion.',
    zh: '配对码不正确或已被使用。请在伴侣程序上重新显示一个。',
    recovery: 'pair',
  },
  pairing_expired: {
    httpStatus: 410,
    retryable: false,
    en: 'The pairing code has expired. Show a new one on the companion.',
    zh: '配对码已过期。请在伴侣程序上重新显示一个。',
    recovery: 'pair',
  },
  pairing_declined: {
    httpStatus: 403,
    retryable: false,
    en: 'The pairing was declined on the companion.',
    zh: '伴侣程序一侧拒绝了配对。',
    recovery: 'pair',
  },
  pairing_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such pairing.',
    zh: '没有这个配对请求。',
  },
  too_many_requests: {
    httpStatus: 429,
    retryable: true,
    en: 'This device asks too many things at once.',
    zh: '此设备同时发出的请求过多。',
  },
  device_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such device.',
    zh: '没有这台设备。',
  },
  last_owner: {
    httpStatus: 409,
    retryable: false,
    en: 'A device cannot change or remove itself this way.',
    zh: '设备不能以这种方式更改或移除自身。',
  },
  link_unavailable: {
    httpStatus: 503,
    retryable: true,
    en: 'Other devices cannot be reached: {detail}',
    zh: '无法连接其他设备：{detail}',
  },
  peer_unreachable: {
    httpStatus: 502,
    retryable: true,
    en: 'There is no companion at {address}.',
    zh: '{address} 处没有伴侣程序。',
  },
  lan_port_in_use: {
    httpStatus: 409,
    retryable: true,
    en: 'Port {port} is used by another program. Set SILO_LAN_PORT to another one.',
    zh: '端口 {port} 已被其他程序占用。请将 SILO_LAN_PORT 设为其他端口。',
    recovery: 'retry',
  },
  lan_not_allowed: {
    httpStatus: 409,
    retryable: false,
    en: 'The configuration keeps the local network off (SILO_LAN=0).',
    zh: '配置已禁用局域网访问（SILO_LAN=0）。',
  },
  insecure_context: {
    httpStatus: 400,
    retryable: false,
    en: 'Browsers allow this only on a secure page: open Silo at an address that begins with https, or at localhost.',
    zh: '浏览器仅允许在安全页面上执行此操作：请通过以 https 开头的地址或 localhost 打开 Silo。',
  },
  device_key_unsupported: {
    httpStatus: 400,
    retryable: false,
    en: 'This browser cannot hold a device key. Use a newer one: Chrome or Edge 137, Safari 17, Firefox 129.',
    zh: '此浏览器无法保存设备密钥。请使用更新的版本：Chrome 或 Edge 137、Safari 17、Firefox 129。',
  },
  protocol_violation: {
    httpStatus: 400,
    retryable: false,
    en: 'The other device sent something that is not valid here.',
    zh: '对方设备发送了无效的内容。',
  },

  // In the page
  page_engine_unavailable: {
    httpStatus: 503,
    retryable: false,
    en: 'No model can run in this browser: {detail}',
    zh: '此浏览器无法运行模型：{detail}',
  },
  page_model_unreachable: {
    httpStatus: 503,
    retryable: true,
    en: 'No companion in reach has “{model}”, and its hub cannot be reached from this page. Download it on the companion first.',
    zh: '可连接的伴侣程序都没有“{model}”，此页面也无法访问其模型库。请先在伴侣程序上下载。',
    recovery: 'retry',
  },
  storage_quota: {
    httpStatus: 507,
    retryable: false,
    en: 'This browser has room for {available:bytes}, but {needed:bytes} are needed.',
    zh: '此浏览器可用空间为 {available:bytes}，需要 {needed:bytes}。',
    recovery: 'free-disk',
  },

  page_storage_failed: {
    httpStatus: 500,
    retryable: true,
    en: 'This browser could not store it on this device.',
    zh: '此浏览器无法将其保存到本机。',
    recovery: 'retry',
  },

  // Speech and sharing
  speech_model_missing: {
    httpStatus: 409,
    retryable: false,
    en: 'The speech model is not installed yet.',
    zh: '语音模型尚未安装。',
    recovery: 'download-model',
  },
  speech_failed: {
    httpStatus: 500,
    retryable: true,
    en: 'The recording could not be understood.',
    zh: '无法识别录音。',
    recovery: 'retry',
  },
  microphone_denied: {
    httpStatus: 403,
    retryable: false,
    en: 'The browser does not allow the microphone here. Allow it in the settings of this site.',
    zh: '浏览器不允许在此使用麦克风，请在网站设置中允许。',
  },
  microphone_missing: {
    httpStatus: 404,
    retryable: true,
    en: 'No microphone was found, or another program holds it.',
    zh: '未找到麦克风，或麦克风正被其他程序占用。',
    recovery: 'retry',
  },
  microphone_insecure: {
    httpStatus: 403,
    retryable: false,
    en: 'Browsers give the microphone to HTTPS pages and to localhost only. Open Silo by one of these.',
    zh: '浏览器只允许 HTTPS 页面和 localhost 使用麦克风。请通过其中一种方式打开 Silo。',
  },
  camera_denied: {
    httpStatus: 403,
    retryable: false,
    en: 'The browser does not allow the camera here, or there is none.',
    zh: '浏览器不允许在此使用摄像头，或没有摄像头。',
  },
  upload_unknown: {
    httpStatus: 404,
    retryable: false,
    en: 'There is no such upload.',
    zh: '没有这个上传。',
  },
  upload_damaged: {
    httpStatus: 422,
    retryable: true,
    en: 'What arrived of “{name}” is not the file that was sent; it was thrown away.',
    zh: '收到的“{name}”与发送的文件不一致，已丢弃。',
    recovery: 'retry',
  },
  push_unavailable: {
    httpStatus: 503,
    retryable: true,
    en: 'This browser did not connect to its push service. It may be offline, or not allow notifications.',
    zh: '此浏览器未能连接其推送服务，可能处于离线状态或未允许通知。',
    recovery: 'retry',
  },
  push_off: {
    httpStatus: 409,
    retryable: false,
    en: 'Notifications through a push service are switched off on the companion.',
    zh: '伴侣程序已关闭经由推送服务的通知。',
  },
})
