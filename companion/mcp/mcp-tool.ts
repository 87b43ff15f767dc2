import type { Tool as RemoteTool } from '@modelcontextprotocol/sdk/types.js'
import * as v from 'valibot'
import type { AnyTool } from '#companion/agent/ports.ts'
import type { ToolArtifact } from '#shared/contracts/tool.ts'
import { SiloError } from '#shared/errors/silo-error.ts'
import type { CallResult, McpLink } from './mcp-link.ts'

const mostText = 40_000
const shownInput = 2000
const inputSchema = v.record(v.string(), v.unknown())

/** A tool of an MCP server as one of ours: asked for leave each time, and what it says is somebody else's text. */
export function mcpTool(link: McpLink, remote: RemoteTool): AnyTool {
  const server = link.server.name
  const resource = `${server}/${remote.name}`
  const title = remote.title ?? remote.name
  return {
    specVersion: 1,
    name: toolName(server, remote.name),
    title: { en: `${server}: ${title}`, zh: `${server}：${title}` },
    description: (remote.description ?? title).replace(/\s+/g, ' ').slice(0, 300),
    capability: 'mcp.call',
    readsForeignText: true,
    parameters: { ...remote.inputSchema, additionalProperties: false },
    input: inputSchema,
    async call(input, { leave, signal }) {
      const why = JSON.stringify(input).slice(0, shownInput)
      await leave({ kind: 'grant', capability: 'mcp.call', resource, why })
      const result = await link.call(remote.name, input as Record<string, unknown>, signal)
      const text = textOf(result)
      if (result.isError)
        throw new SiloError('mcp_failed', { params: { name: server, detail: text.slice(0, 300) } })
      const artifacts = picturesOf(result, resource)
      return {
        data: { text, ...(result.structuredContent ? { data: result.structuredContent } : {}) },
        summary: text.split('\n', 1)[0]!.slice(0, 80),
        ...(artifacts.length > 0 ? { artifacts } : {}),
      }
    },
  }
}

/** `server_tool` in the letters that tools have. */
export function toolName(server: string, tool: string): string {
  const name = `${server}_${tool}`.toLowerCase().replace(/[^a-z0-9_]+/g, '_')
  return name.slice(0, 64)
}

function textOf({ content }: CallResult): string {
  const parts = content.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  return parts.join('\n').slice(0, mostText)
}

function picturesOf({ content }: CallResult, key: string): ToolArtifact[] {
  return content.flatMap((part, index) => {
    if (part.type !== 'image' || !/^image\/(png|jpeg|gif|webp)$/.test(part.mimeType)) return []
    const bytes = Buffer.from(part.data, 'base64')
    const { mimeType: mediaType } = part
    return [{ key: `${key}/${index}`, kind: 'image' as const, title: key, content: bytes, mediaType }] // prettier-ignore
  })
}
