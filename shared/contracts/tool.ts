import type { GenericSchema } from 'valibot'
import type { Capability } from '#shared/domain/capability.ts'
import type { ChangePlan } from '#shared/domain/file-change.ts'
import type { Language } from '#shared/errors/silo-error.ts'

/**
 * The seam to everything an agent can do. A tool never changes a file itself: it proposes a plan, which a person
 * approves and the journal makes. One suite in tests/contracts/tool.ts states what every tool does.
 */
export interface Tool<Input = never> {
  readonly specVersion: 1
  /** For models too: `[a-z][a-z0-9_]*`, e.g. `list_files`. */
  readonly name: string
  readonly title: Readonly<Record<Language, string>>
  /** One or two lines of English for the model. */
  readonly description: string
  /** What it needs leave for. Absent: nothing (the clock). */
  readonly capability?: Capability
  /** Does its result hold text that somebody else wrote (documents, the web)? Then it is data, never an instruction. */
  readonly readsForeignText: boolean
  /** JSON Schema of the input, an object with `additionalProperties: false`; small models are held to it by a grammar. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly input: GenericSchema<unknown, Input>
  /** @throws SiloError with a registered code; the signal's reason */
  call(input: Input, context: ToolContext): Promise<ToolResult>
}

export interface ToolContext {
  readonly taskId: string
  /** `self` or a device id: whose rights hold in the vault. */
  readonly caller: string
  readonly language: Language
  readonly signal: AbortSignal
  /** The only way to files: every path is checked against the task's grants, at each use. */
  readonly files: FileAccess
  /** Has the person allowed exactly this (or does a grant)? Asks, and waits, where nobody has. */
  readonly leave: Leave
  /** Keeps bytes for a `create` or `replace`; returns their hash and size. */
  keep(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<{ sha256: string; size: number }>
  progress(done: number, total?: number, detail?: string): void
  /** Lines a program writes while it runs. */
  output(stream: 'stdout' | 'stderr', text: string): void
  /** A thing to look at as it is by now: the result has its last version. */
  show(artifact: ToolArtifact): void
}

export interface ToolResult {
  /** For the model and the log; bounded by the loop. JSON. */
  readonly data: unknown
  /** A few words for the person: `17 files`. */
  readonly summary: string
  /** Changes it proposes; none is made before they are approved. */
  readonly plan?: ChangePlan
  /** Things to look at: they become artifacts. */
  readonly artifacts?: readonly ToolArtifact[]
}

export interface ToolArtifact {
  /** Versions of one thing share a key within the task. */
  readonly key: string
  readonly kind:
    | 'html'
    | 'markdown'
    | 'svg'
    | 'code'
    | 'csv'
    | 'chart'
    | 'diagram'
    | 'image'
    | 'file'
  readonly title: string
  readonly content: Uint8Array
  readonly mediaType: string
}

/** Asks a person where no grant speaks for it. Resolves when allowed. @throws SiloError approval_denied, switch_off */
export type Leave = (request: LeaveRequest) => Promise<void>
export type LeaveRequest =
  | { readonly kind: 'grant'; readonly capability: Capability; readonly resource: string; readonly why: string }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly cwd: string; readonly folders: readonly { path: string; write: boolean }[]; readonly why: string }
  | { readonly kind: 'python'; readonly code: string; readonly files: readonly string[]; readonly why: string }
  | { readonly kind: 'send'; readonly host: string; readonly content: string; readonly why: string } // prettier-ignore

/**
 * Files as far as grants reach. Every call checks the canonical path (symbolic links, case, Unicode, `..`, hard
 * links) at the time of use, refuses system and secret places whatever is granted, and where a grant is missing asks for it.
 * @throws SiloError grant_missing, path_refused, path_not_found, path_unreadable, approval_denied
 */
export interface FileAccess {
  /** The canonical path of what a person or model named (`~`, relative to the home folder, known folder names). */
  resolve(path: string, access: 'read' | 'write', signal: AbortSignal): Promise<string>
  /**
   * Where something may be put: a place that is not refused. It need not exist, and needs no grant: the plan that names
   * it is approved before anything is there. `folder`: a folder is there now.
   */
  place(path: string, signal: AbortSignal): Promise<{ readonly path: string; readonly folder: boolean }>
  list(folder: string, signal: AbortSignal): Promise<readonly FileEntry[]>
  /** Everything below, depth first; hidden, secret and system places left out. At most `limit` entries. */
  walk(folder: string, options: { readonly limit: number; readonly signal: AbortSignal }): AsyncIterable<FileEntry>
  stat(path: string, signal: AbortSignal): Promise<FileEntry>
  /** At most `limit` bytes from `offset`. */
  read(path: string, range: { readonly offset?: number; readonly limit: number }, signal: AbortSignal): Promise<Uint8Array>
  /** SHA-256 of the content. */
  hash(path: string, signal: AbortSignal): Promise<string>
  /** A copy for a jailed program, made from the checked open file. @throws also SiloError disk_full */
  copyTo(path: string, target: string, signal: AbortSignal): Promise<void>
} // prettier-ignore

export interface FileEntry {
  /** Canonical, absolute. */
  readonly path: string
  readonly name: string
  readonly kind: 'file' | 'folder' | 'other'
  /** Bytes. */
  readonly size: number
  /** Ms since 1970. */
  readonly modifiedAt: number
  readonly createdAt: number
}
