import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    title: 'Notifications',
    local: 'Tell this device when a long task is done or waits for you',
    localNote: 'While Silo is open but out of sight. Nothing leaves the device.',
    denied:
      'This browser refuses notifications from Silo. Allow them in its settings for this page.',
    unsupported:
      'This browser shows no notifications here. On an iPhone, install Silo to the home screen first.',
    push: 'Allow notifications through push services',
    pushNote:
      'For devices where Silo is closed. The browser’s maker (Google, Mozilla, Apple, Microsoft) then learns that a task ended or waits, not what it is about: the message is encrypted, carries ids only, and each one is listed under “What left this house”.',
    pushHere: 'Push to this browser',
    pushHereNote: 'This browser asks its maker’s push service for an address.',
    pushOffHere: 'Push is switched off on the companion. An owner can switch it on.',
    pushUnsupported: 'This browser has no push service.',
  },
  zh: {
    title: '通知',
    local: '耗时任务完成或等待批准时通知此设备',
    localNote: '在 Silo 打开但不在前台时提示，数据不会离开此设备。',
    denied: '此浏览器拒绝了 Silo 的通知，请在浏览器设置中为此页面允许通知。',
    unsupported: '此浏览器无法在此显示通知。在 iPhone 上，请先将 Silo 安装到主屏幕。',
    push: '允许通过推送服务发送通知',
    pushNote:
      '用于 Silo 已关闭的设备。浏览器厂商（Google、Mozilla、Apple、Microsoft）会得知有任务结束或等待批准，但不知道内容：消息已加密，只含编号，且每条都列在“离开家的数据”中。',
    pushHere: '推送到此浏览器',
    pushHereNote: '此浏览器会向其厂商的推送服务申请一个地址。',
    pushOffHere: '伴侣程序已关闭推送，所有者可以将其开启。',
    pushUnsupported: '此浏览器没有推送服务。',
  },
})
