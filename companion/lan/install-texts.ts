import type { Language } from '#shared/errors/silo-error.ts'

export const systems = ['ios', 'android', 'windows', 'macos', 'linux'] as const
export type System = (typeof systems)[number]

/** Steps may hold `[…]` for what stands on the screen and backquotes for what is typed. */
export interface SystemTexts {
  readonly title: string
  /** The file to fetch, and what the button says. */
  readonly file: 'silo-ca.crt' | 'silo-ca.pem' | 'silo-ca.mobileconfig'
  readonly button: string
  readonly install: readonly string[]
  /** Where the device shows the fingerprint. */
  readonly check: string
  readonly remove: readonly string[]
}

export interface InstallTexts {
  readonly title: string
  readonly lead: string
  readonly step1: string
  readonly compare: string
  readonly step2: string
  readonly checkTitle: string
  readonly removeTitle: string
  readonly otherFiles: string
  readonly step3: string
  readonly openHint: string
  readonly byNumber: string
  readonly open: string
  readonly addToHome: string
  readonly aboutTitle: string
  readonly about: readonly string[]
  readonly systems: Readonly<Record<System, SystemTexts>>
}

const en: InstallTexts = {
  title: 'Trust this companion',
  lead: 'Browsers allow offline use, voice and a model in the page only over https. This companion has made a certificate authority of its own for that; tell your device once that it may be trusted. Without it Silo still opens, but with a warning and without those parts.',
  step1: 'Compare the fingerprint',
  compare:
    'These must be the characters that the companion shows under Settings → Local network. If one differs, stop: somebody else is answering here.',
  step2: 'Install the certificate',
  checkTitle: 'See the fingerprint on the device',
  removeTitle: 'Remove it again',
  otherFiles: 'Other forms of the file:',
  step3: 'Open Silo',
  openHint: 'If it still warns, end the browser once and open it again.',
  byNumber:
    'The name stays the same when the companion’s address changes. If it is not found, take the address:',
  open: 'Open Silo over https',
  addToHome:
    'Then install it: in Safari [Share] → [Add to Home Screen], in Chrome [⋮] → [Install app].',
  aboutTitle: 'What you agree to',
  about: [
    'The authority belongs to this companion alone; its key lies in the companion’s data folder and never leaves it.',
    'It is marked to be valid only for private addresses, names that end in .local, and localhost. Systems that heed the mark refuse it for anything else, a bank for example.',
    'Whoever steals the data folder of the companion can pretend to be it in your network. Remove the certificate when you no longer use Silo.',
  ],
  systems: {
    ios: {
      title: 'iPhone and iPad',
      file: 'silo-ca.mobileconfig',
      button: 'Download the profile',
      install: [
        'Open this page in Safari, download the profile and tap [Allow].',
        'Open [Settings] → [Profile Downloaded] (or [General] → [VPN & Device Management]) and tap [Install].',
        'Open [Settings] → [General] → [About] → [Certificate Trust Settings] and switch “Silo local CA” on.',
      ],
      check:
        'While installing: [More Details] → the certificate → at the end, [Fingerprints] → SHA-256.',
      remove: [
        '[Settings] → [General] → [VPN & Device Management] → “Silo local CA” → [Remove Profile].',
      ],
    },
    android: {
      title: 'Android',
      file: 'silo-ca.crt',
      button: 'Download the certificate',
      install: [
        'Download the file. If the browser asks whether to keep it, keep it.',
        'Open [Settings] and search for “CA certificate”; on most devices it is under [Security & privacy] → [More security & privacy] → [Encryption & credentials] → [Install a certificate].',
        'Choose [CA certificate] → [Install anyway] and pick `silo-ca.crt` from the downloads.',
        'Firefox also needs: [Settings] → [About Firefox], tap the logo until a message appears, then [Settings] → [Secret Settings] → [Use third party CA certificates].',
      ],
      check:
        '[Encryption & credentials] → [Trusted credentials] → [User] → “Silo local CA” → SHA-256 fingerprint.',
      remove: [
        '[Encryption & credentials] → [Trusted credentials] → [User] → “Silo local CA” → [Remove] (or [Uninstall]).',
      ],
    },
    windows: {
      title: 'Windows',
      file: 'silo-ca.crt',
      button: 'Download the certificate',
      install: [
        'Open the file and click [Install Certificate…] → [Current User].',
        'Choose [Place all certificates in the following store] → [Browse…] → [Trusted Root Certification Authorities].',
        'Finish, and confirm the question with [Yes]. Chrome, Edge and Firefox use it after a restart.',
      ],
      check:
        'In the download folder run `certutil -hashfile silo-ca.crt SHA256`. (The thumbprint Windows shows is another, older sum.)',
      remove: [
        'Press Windows+R, run `certmgr.msc`, open [Trusted Root Certification Authorities] → [Certificates], right-click “Silo local CA” → [Delete].',
      ],
    },
    macos: {
      title: 'Mac',
      file: 'silo-ca.crt',
      button: 'Download the certificate',
      install: [
        'Open the file; Keychain Access adds it to the keychain [login].',
        'Find “Silo local CA” under [Certificates], open it, unfold [Trust] and set [When using this certificate] to [Always Trust].',
        'Close the window and enter your password. Firefox uses it after a restart.',
      ],
      check: 'In the same window, at the end of the details: SHA-256.',
      remove: ['In Keychain Access, select “Silo local CA” under [login] and delete it.'],
    },
    linux: {
      title: 'Linux',
      file: 'silo-ca.crt',
      button: 'Download the certificate',
      install: [
        'Chrome and Chromium: open `chrome://certificate-manager`, then [Installed by you] → [Trusted Certificates] → [Import], and pick the file.',
        'Or in a terminal: `certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "Silo local CA" -i silo-ca.crt` (package libnss3-tools or nss-tools).',
        'Firefox: [Settings] → [Privacy & Security] → [View Certificates] → [Authorities] → [Import], and tick [Trust this CA to identify websites].',
      ],
      check: 'In the download folder run `sha256sum silo-ca.crt`.',
      remove: [
        'In the same lists, select “Silo local CA” and delete it; or `certutil -d sql:$HOME/.pki/nssdb -D -n "Silo local CA"`.',
      ],
    },
  },
}

const zh: InstallTexts = {
  title: '信任此伴侣程序',
  lead: '浏览器只在 https 页面上允许离线使用、语音和页面内模型。为此，这台伴侣程序建立了自己的证书颁发机构；您只需在设备上确认信任一次。不安装也能打开 Silo，但会出现警告，且上述功能不可用。',
  step1: '核对指纹',
  compare:
    '以下字符必须与伴侣程序“设置 → 局域网”中显示的完全一致。如有不同，请停止操作：应答的并不是您的伴侣程序。',
  step2: '安装证书',
  checkTitle: '在设备上查看指纹',
  removeTitle: '移除证书',
  otherFiles: '其他文件格式：',
  step3: '打开 Silo',
  openHint: '如果仍有警告，请完全退出浏览器后重新打开。',
  byNumber: '伴侣程序的地址改变时，名称保持不变。如果无法找到该名称，请使用地址：',
  open: '通过 https 打开 Silo',
  addToHome: '然后安装应用：Safari 中选择[共享] → [添加到主屏幕]，Chrome 中选择 [⋮] → [安装应用]。',
  aboutTitle: '您同意的内容',
  about: [
    '该颁发机构只属于这台伴侣程序；其密钥保存在伴侣程序的数据目录中，不会离开该目录。',
    '证书标明仅对私有地址、以 .local 结尾的名称和 localhost 有效。遵守该标记的系统会拒绝将其用于其他网站（例如银行）。',
    '窃取伴侣程序数据目录的人可以在您的网络中冒充它。不再使用 Silo 时，请移除证书。',
  ],
  systems: {
    ios: {
      title: 'iPhone 和 iPad',
      file: 'silo-ca.mobileconfig',
      button: '下载描述文件',
      install: [
        '用 Safari 打开本页，下载描述文件并轻点[允许]。',
        '打开[设置] → [已下载描述文件]（或[通用] → [VPN 与设备管理]），轻点[安装]。',
        '打开[设置] → [通用] → [关于本机] → [证书信任设置]，打开“Silo local CA”。',
      ],
      check: '安装时：[更多详细信息] → 证书 → 末尾的[指纹] → SHA-256。',
      remove: ['[设置] → [通用] → [VPN 与设备管理] → “Silo local CA” → [移除描述文件]。'],
    },
    android: {
      title: 'Android',
      file: 'silo-ca.crt',
      button: '下载证书',
      install: [
        '下载文件。如果浏览器询问是否保留，请选择保留。',
        '打开[设置]并搜索“CA 证书”；多数设备位于[安全和隐私] → [更多安全和隐私设置] → [加密与凭据] → [安装证书]。',
        '选择 [CA 证书] → [仍然安装]，再从下载内容中选择 `silo-ca.crt`。',
        'Firefox 还需要：[设置] → [关于 Firefox]，连续轻点徽标直到出现提示，然后在[设置] → [Secret Settings] 中打开[使用第三方 CA 证书]。',
      ],
      check: '[加密与凭据] → [信任的凭据] → [用户] → “Silo local CA” → SHA-256 指纹。',
      remove: ['[加密与凭据] → [信任的凭据] → [用户] → “Silo local CA” → [移除]（或[卸载]）。'],
    },
    windows: {
      title: 'Windows',
      file: 'silo-ca.crt',
      button: '下载证书',
      install: [
        '打开文件，点击[安装证书…] → [当前用户]。',
        '选择[将所有的证书都放入下列存储] → [浏览…] → [受信任的根证书颁发机构]。',
        '完成，并在提示中选择[是]。Chrome、Edge 和 Firefox 重启后生效。',
      ],
      check:
        '在下载文件夹中运行 `certutil -hashfile silo-ca.crt SHA256`。（Windows 显示的“指纹”是另一种较旧的校验值。）',
      remove: [
        '按 Windows+R，运行 `certmgr.msc`，打开[受信任的根证书颁发机构] → [证书]，右键点击“Silo local CA” → [删除]。',
      ],
    },
    macos: {
      title: 'Mac',
      file: 'silo-ca.crt',
      button: '下载证书',
      install: [
        '打开文件，“钥匙串访问”会将其加入[登录]钥匙串。',
        '在[证书]中找到“Silo local CA”，双击打开，展开[信任]，将[使用此证书时]设为[始终信任]。',
        '关闭窗口并输入密码。Firefox 重启后生效。',
      ],
      check: '在同一窗口的详细信息末尾：SHA-256。',
      remove: ['在“钥匙串访问”的[登录]中选中“Silo local CA”并删除。'],
    },
    linux: {
      title: 'Linux',
      file: 'silo-ca.crt',
      button: '下载证书',
      install: [
        'Chrome 和 Chromium：打开 `chrome://certificate-manager`，选择[您安装的证书] → [受信任的证书] → [导入]，再选择该文件。',
        '或在终端运行：`certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "Silo local CA" -i silo-ca.crt`（软件包 libnss3-tools 或 nss-tools）。',
        'Firefox：[设置] → [隐私与安全] → [查看证书] → [证书颁发机构] → [导入]，勾选[信任此证书颁发机构以标识网站]。',
      ],
      check: '在下载文件夹中运行 `sha256sum silo-ca.crt`。',
      remove: [
        '在同一列表中选中“Silo local CA”并删除；或运行 `certutil -d sql:$HOME/.pki/nssdb -D -n "Silo local CA"`。',
      ],
    },
  },
}

export const installTexts: Readonly<Record<Language, InstallTexts>> = { en, zh }
