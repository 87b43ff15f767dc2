import { translator } from '#web/ui/i18n.svelte.ts'

export const t = translator({
  en: {
    title: 'Voice',
    spoken: 'You speak',
    interface: 'As the interface',
    any: 'Recognise it (slower)',
    sends: 'Send what was said at once',
    sendsNote: 'Off: the text waits in the message field.',
    voiceZh: 'Chinese voice',
    voiceEn: 'English voice',
    automatic: 'Automatic',
    noVoices:
      'This device brings no voices of its own. Voices that are a web service are not used.',
  },
  zh: {
    title: '语音',
    spoken: '说话语言',
    interface: '与界面一致',
    any: '自动识别（较慢）',
    sends: '说完直接发送',
    sendsNote: '关闭时，文字先留在输入框中。',
    voiceZh: '中文语音',
    voiceEn: '英文语音',
    automatic: '自动',
    noVoices: '此设备没有本地语音。Silo 不使用网络语音服务。',
  },
})
