import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    title: 'Local network',
    switch: 'Serve Silo in this network',
    note: 'Phones and laptops can open and install it over https.',
    lead: 'Devices still have to be paired: without that they get the app and nothing of yours.',
    forbidden: 'The configuration of this companion keeps it off (SILO_LAN=0).',
    step1:
      'Scan this with the device, or open {url} there. The page explains how to install the certificate.',
    step2: 'Compare the fingerprint the page shows with this one:',
    step3: 'Open Silo on the device, best by name: a name stays when the address changes.',
    qr: 'QR code of the page about the certificate',
    addresses: 'Addresses of the app',
    copy: 'Copy {url}',
    copied: 'Copied',
    copyFailed: 'Copying was refused. Select the text and copy it yourself.',
    noAddress: 'This machine is in no local network right now.',
    noNames: 'Names are being asked for…',
  },
  zh: {
    title: '局域网',
    switch: '在局域网中提供 Silo',
    note: '手机和笔记本电脑可通过 https 打开并安装。',
    lead: '设备仍需配对：未配对的设备只能看到应用本身，无法访问您的任何内容。',
    forbidden: '此伴侣程序的配置已禁用该功能（SILO_LAN=0）。',
    step1: '用设备扫描此二维码，或在设备上打开 {url}。页面会说明如何安装证书。',
    step2: '核对页面显示的指纹是否与此一致：',
    step3: '在设备上打开 Silo，建议使用名称：地址改变时名称不变。',
    qr: '证书说明页的二维码',
    addresses: '应用地址',
    copy: '复制 {url}',
    copied: '已复制',
    copyFailed: '复制被拒绝，请选中文本自行复制。',
    noAddress: '本机当前不在任何局域网中。',
    noNames: '正在确认名称…',
  },
})
