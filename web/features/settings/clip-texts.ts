import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    title: 'Web clips',
    what: 'Drag the button to the bookmarks bar. Clicked on any page, it hands that page to Silo, where you keep it as a note. Silo itself fetches nothing.',
    button: 'Keep in Silo',
    copy: 'Copy as a bookmark address',
    copied: 'Copied. Paste it as the address of a bookmark.',
    copyFailed: 'The browser did not allow copying.',
    phone: 'On a phone, install Silo and choose it where another app says “Share”.',
  },
  zh: {
    title: '网页收藏',
    what: '将下面的按钮拖到书签栏。在任意网页上点击它，即可把该网页交给 Silo 并保存为笔记。Silo 自身不会访问该网页。',
    button: '存入 Silo',
    copy: '复制为书签地址',
    copied: '已复制，请粘贴为书签的地址。',
    copyFailed: '浏览器不允许复制。',
    phone: '在手机上，安装 Silo 后在其他应用的“分享”中选择它即可。',
  },
})
