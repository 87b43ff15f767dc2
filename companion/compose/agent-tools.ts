import { readFileSync, type Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { OfferedTool } from '#companion/agent/ports.ts'
import type { Clips } from '#companion/clip/clips.ts'
import type { EgressGate } from '#companion/observe/egress-gate.ts'
import { McpServers } from '#companion/mcp/mcp-servers.ts'
import { McpStore } from '#companion/mcp/mcp-store.ts'
import type { ChangeFeed } from '#companion/observe/change-feed.ts'
import type { Log } from '#companion/observe/log.ts'
import { canonicalPath } from '#companion/policy/canonical-path.ts'
import type { Policy } from '#companion/policy/policy.ts'
import type { Config } from '#companion/config/config.ts'
import { PackageService } from '#companion/sandbox/package-service.ts'
import { findPyodide } from '#companion/sandbox/python-sandbox.ts'
import type { SecretFiles } from '#companion/seal/secret-files.ts'
import { createAddToNoteTool, type AddToNoteDeps } from '#companion/tools/own/add-to-note.ts'
import { createClockTool } from '#companion/tools/own/clock.ts'
import { createSaveArtifactTool } from '#companion/tools/own/save-artifact.ts'
import { createVaultSearchTool, type VaultSearchDeps } from '#companion/tools/own/vault-search.ts'
import { createWriteNoteTool, type WriteNoteDeps } from '#companion/tools/own/write-note.ts'
import { SearchService } from '#companion/tools/web/search-service.ts'
import { createWebFetchTool } from '#companion/tools/web/web-fetch.ts'
import { createWebSearchTool } from '#companion/tools/web/web-search.ts'
import type { Sandbox } from '#shared/contracts/sandbox.ts'
import type { SwitchName } from '#shared/domain/capability.ts'
import { createFindPlaceTool } from '#companion/tools/files/find-place.ts'
import { createListFilesTool } from '#companion/tools/files/list-files.ts'
import { createMoveFilesTool } from '#companion/tools/files/move-files.ts'
import { createReadFileTool } from '#companion/tools/files/read-file.ts'
import { createSearchFilesTool } from '#companion/tools/files/search-files.ts'
import { createTrashFilesTool } from '#companion/tools/files/trash-files.ts'
import { createWriteFileTool } from '#companion/tools/files/write-file.ts'
import { createZipFilesTool } from '#companion/tools/files/zip-files.ts'
import { Extractor } from '#companion/vault/extractor.ts'
import { composeDocumentTools } from './document-tools.ts'
import { composeSandbox } from './sandbox.ts'

/** Entries of a folder that are looked at for places to hide; a larger one is not given to commands at all. */
const mostEntries = 100_000
const probeMs = 30_000
const pictureWidth = 480

export interface AgentTools extends AsyncDisposable {
  list(): OfferedTool[]
  /** What of it the settings are made with. */
  readonly served: {
    readonly webSearch: SearchService
    readonly mcp: McpServers
    readonly pythonPackages: PackageService
  }
  /** The first page of a file that a plan names. @throws SiloError path_refused, file_damaged */
  picture(path: string, signal: AbortSignal): Promise<Uint8Array | undefined>
}

/** The agent's own tools, with what keeps each from being used on this computer. */
export function composeAgentTools(init: {
  home: string
  config?: Pick<Config, 'offline' | 'pythonPackages'>
  log: Log
  policy: Policy
  extractor: Extractor
  gate: EgressGate
  clips: Clips
  notes: WriteNoteDeps & AddToNoteDeps
  search: VaultSearchDeps['search']
  secrets: SecretFiles
  changes: ChangeFeed
}): AgentTools {
  const { home, log, policy, extractor, gate, clips } = init
  const webSearch = new SearchService(init.secrets.text(join(home, 'web-search.json')))
  const jails = composeSandbox({ home, log, hides: (folder) => hiddenIn(folder, policy) })
  const reasons = new Map<Sandbox, string>()
  const probe = async (sandbox: Sandbox): Promise<void> => {
    const { available, reason } = await sandbox.probe(AbortSignal.timeout(probeMs))
    if (!available) reasons.set(sandbox, reason ?? 'unavailable')
  }
  for (const sandbox of [jails.python, jails.shell])
    probe(sandbox).catch((error: unknown) => {
      reasons.set(sandbox, 'unavailable')
      log.warn('a sandbox could not be asked whether it works', { sandbox: sandbox.id, error })
    })
  const files = [
    createListFilesTool(),
    createSearchFilesTool(),
    createReadFileTool(),
    createMoveFilesTool(),
    createWriteFileTool(),
    createZipFilesTool(),
    createTrashFilesTool(),
    createFindPlaceTool(),
    ...composeDocumentTools(home, extractor),
  ]
  const mcp = new McpServers({
    store: new McpStore(init.secrets.text(join(home, 'mcp.json'))),
    gate,
    changed: () => init.changes.publish('settings', 'mcp'),
    log,
  })
  mcp.start()
  const own = [
    createVaultSearchTool({ search: init.search }),
    createWriteNoteTool(init.notes),
    createAddToNoteTool(init.notes),
    createSaveArtifactTool(),
    createClockTool(),
  ]
  // Apart from the reader of documents, which may be at a long one when a person looks at a plan.
  const drawer = new Extractor({ log: log.child({ part: 'drawer' }) })
  const announce = gate.announce.bind(gate)
  const fetchTool = createWebFetchTool({ announce, read: (...page) => clips.read(...page) })
  const searchTool = createWebSearchTool({ announce, service: () => webSearch.get() })
  const switchOff = (wanted: SwitchName): string | undefined =>
    policy.switches().some(({ name, on }) => name === wanted && on)
      ? undefined
      : `switch: ${wanted}`
  const unset = () => (webSearch.get().kind === 'none' ? 'no search service' : undefined)
  const wheels = wheelSource(init.config)
  const pythonPackages = new PackageService({
    packages: jails.packages,
    announce,
    ...(wheels === undefined ? {} : { source: wheels }),
  })
  return {
    served: { webSearch, mcp, pythonPackages },
    async picture(path, signal) {
      await policy.requireOpenPlace(path)
      if ((await canonicalPath(path)) !== path) return undefined
      return drawer.picture(path, pictureWidth, signal)
    },
    list: () => [
      ...[...files, ...own].map((tool) => offer(tool, undefined)),
      offer(searchTool, unset() ?? switchOff('web')),
      offer(fetchTool, switchOff('web')),
      offer(jails.pythonTool, reasons.get(jails.python)),
      offer(jails.shellTool, reasons.get(jails.shell) ?? switchOff('exec')),
      ...mcp.tools(),
    ],
    async [Symbol.asyncDispose]() {
      await mcp[Symbol.asyncDispose]()
      await drawer[Symbol.asyncDispose]()
      await jails[Symbol.asyncDispose]()
    },
  }
}

function offer(tool: OfferedTool['tool'], unavailable: string | undefined): OfferedTool {
  return { tool, origin: 'silo', ...(unavailable === undefined ? {} : { unavailable }) }
}

/** Secret places within a folder, canonical. @throws Error where the folder is too large to be sure */
async function hiddenIn(folder: string, policy: Policy): Promise<string[]> {
  const hidden: string[] = []
  let seen = 0
  const look = async (at: string): Promise<void> => {
    const entries = await readdir(at, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (++seen > mostEntries) throw new Error(`more than ${mostEntries} entries in ${folder}`)
      const path = join(at, entry.name)
      if (await isHidden(path, entry, policy)) hidden.push(path)
      else if (entry.isDirectory()) await look(path)
    }
  }
  await look(folder)
  return hidden
}

/** Where the wheels of the installed Pyodide are; undefined where nothing outside is to be asked. */
function wheelSource(
  config: Pick<Config, 'offline' | 'pythonPackages'> = { offline: true },
): string | undefined {
  if (config.pythonPackages !== undefined) return config.pythonPackages.replace(/\/*$/, '/')
  const pyodide = config.offline ? undefined : findPyodide()
  if (pyodide === undefined) return undefined
  const { version } = JSON.parse(readFileSync(join(pyodide, 'package.json'), 'utf8')) as { version: string } // prettier-ignore
  return `https://cdn.jsdelivr.net/pyodide/v${version}/full/`
}

export { builtInSkills } from './document-tools.ts'

async function isHidden(path: string, entry: Dirent, policy: Policy): Promise<boolean> {
  if (policy.refused(path)) return true
  try {
    if (entry.isDirectory()) await policy.requireOpenPlace(path)
    if (entry.isFile()) await policy.requireOpenFile(path, await lstat(path, { bigint: true }))
    return false
  } catch {
    return true
  }
}
