import { formatBytes } from '#shared/domain/byte-size.ts'
import { statusSchema, type Status } from '#shared/protocol/api.ts'
import { CompanionClient } from './client.ts'
import type { Invocation } from './command.ts'

/** `silo status`. */
export async function status({ terminal, config }: Invocation): Promise<void> {
  const client = CompanionClient.find(config)
  const status = await client.request(statusSchema, '/api/status')
  if (terminal.json) return terminal.document(status)
  for (const [label, value] of rows(status, client.url, terminal.language === 'zh')) {
    terminal.line(`${label}${terminal.language === 'zh' ? '：' : ': '}${value}`)
  }
}

function rows(status: Status, url: string, zh: boolean): [string, string][] {
  const { hardware, engine, vault } = status
  const none = zh ? '无' : 'none'
  return [
    [zh ? '伴侣程序' : 'Companion', `${status.deviceName} · Silo ${status.version} · ${url}`],
    [zh ? '数据目录' : 'Data folder', status.home],
    [
      zh ? '硬件' : 'Hardware',
      `${hardware.cpu} · ${hardware.cores} ${zh ? '核' : 'cores'} · ${formatBytes(hardware.memory)}`,
    ],
    [zh ? '引擎' : 'Engine', `${engine.id} · ${engine.backend} · ${engine.state}`],
    [zh ? '对话模型' : 'Chat model', status.chatModelId ?? none],
    [zh ? '嵌入模型' : 'Embedding model', status.embedModelId ?? none],
    [
      zh ? '知识库' : 'Vault',
      zh
        ? `${vault.collections} 个资料集 · ${vault.documents} 个文档 · ${vault.chunks} 个段落`
        : `${vault.collections} collections · ${vault.documents} documents · ${vault.chunks} passages`,
    ],
    [
      zh ? '进行中' : 'Running',
      status.activeRuns.map((run) => `${run.kind} ${run.subject}`).join(', ') || none,
    ],
  ]
}
