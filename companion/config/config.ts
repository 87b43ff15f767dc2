import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import * as v from 'valibot'
import { SiloError } from '#shared/errors/silo-error.ts'

export const defaultPort = 7450

const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))
const httpUrl = v.pipe(
  v.string(),
  v.url(),
  v.regex(/^https?:\/\//, 'expected an http or https address'),
)
const hostName = v.pipe(v.string(), v.trim(), v.toLowerCase(), v.regex(/^[a-z0-9.[\]:-]+$/))

const settingsSchema = v.strictObject({
  port: v.optional(port),
  host: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1))),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error'])),
  hfEndpoint: v.optional(httpUrl),
  pythonPackages: v.optional(httpUrl),
  offline: v.optional(v.boolean()),
  threads: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1024))),
  lan: v.optional(v.boolean()),
  // The page about the certificate has the third port after it.
  lanPort: v.optional(v.pipe(port, v.maxValue(65_532))),
  allowedHosts: v.optional(v.pipe(v.array(hostName), v.maxLength(100))),
  link: v.optional(v.boolean()),
  linkPort: v.optional(v.pipe(port, v.maxValue(65_534))),
  appUrl: v.optional(httpUrl),
  syncPort: v.optional(port),
  maxUploadBytes: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  reranker: v.optional(v.pipe(v.string(), v.check(isAbsolute, 'expected an absolute path'))),
})
type FileSettings = v.InferOutput<typeof settingsSchema>

export interface Config {
  /** Data folder, absolute. */
  readonly home: string
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Base address of Hugging Face or a mirror; absent means the hub itself. */
  readonly hfEndpoint?: string
  /** Where packages for Python are fetched, if not where Pyodide's makers keep them. */
  readonly pythonPackages?: string
  /** No model source outside this machine is asked. */
  readonly offline: boolean
  /** Threads of the engine; absent lets the engine choose. */
  readonly threads?: number
  /** The app over HTTPS in the local network: on or never; absent: the person's switch, which is off at first. */
  readonly lan?: boolean
  /** Of that; 7451 unless told, and 0 picks free ones. */
  readonly lanPort?: number
  /** Host names, beside the loopback ones, under which the companion may be addressed. */
  readonly allowedHosts: readonly string[]
  /** False: no other device can be paired, and no port is opened for any. */
  readonly link?: boolean
  /** UDP and TCP for browsers; companions use the next TCP port. 0 picks free ones. */
  readonly linkPort?: number
  /** TCP, for devices with Syncthing; opened once there is one. 0 picks a free one. */
  readonly syncPort?: number
  /** Where the app is hosted, if not by this companion: what pairing links open. */
  readonly appUrl?: string
  /** Bytes a file from another device may have; 2 GiB unless told. */
  readonly maxUploadBytes?: number
  /** A ranking model as GGUF, absolute path: it orders the passages found for a question. */
  readonly reranker?: string
  /** Opens an encrypted data folder; from the environment only, never from the configuration file. */
  readonly passphrase?: string
}

/**
 * Reads the configuration: environment first, then `<home>/config.json`, then defaults.
 * @throws SiloError config_invalid naming the variable or field at fault
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const home = env.SILO_HOME ? resolveHome(env.SILO_HOME) : defaultHome(env)
  const file = readFileSettings(join(home, 'config.json'))
  const fromEnv = readEnvSettings(env)
  const merged = { ...file, ...fromEnv }
  return {
    home,
    port: merged.port ?? defaultPort,
    host: merged.host ?? '127.0.0.1',
    logLevel: merged.logLevel ?? 'info',
    ...(merged.hfEndpoint === undefined ? {} : { hfEndpoint: merged.hfEndpoint }),
    ...(merged.pythonPackages === undefined ? {} : { pythonPackages: merged.pythonPackages }),
    offline: merged.offline ?? false,
    ...(merged.threads === undefined ? {} : { threads: merged.threads }),
    ...(merged.lan === undefined ? {} : { lan: merged.lan }),
    ...(merged.lanPort === undefined ? {} : { lanPort: merged.lanPort }),
    ...(merged.link === undefined ? {} : { link: merged.link }),
    ...(merged.linkPort === undefined ? {} : { linkPort: merged.linkPort }),
    ...(merged.appUrl === undefined ? {} : { appUrl: merged.appUrl }),
    ...(merged.syncPort === undefined ? {} : { syncPort: merged.syncPort }),
    allowedHosts: merged.allowedHosts ?? [],
    ...(merged.reranker === undefined ? {} : { reranker: merged.reranker }),
    ...(merged.maxUploadBytes === undefined ? {} : { maxUploadBytes: merged.maxUploadBytes }),
    ...readPassphrase(env),
  }
}

/** Where the data lies unless SILO_HOME says otherwise. */
export function defaultHome(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'silo')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'silo')
  const data = env.XDG_DATA_HOME
  return join(data && isAbsolute(data) ? data : join(homedir(), '.local', 'share'), 'silo')
}

function readPassphrase(env: NodeJS.ProcessEnv): Pick<Config, 'passphrase'> {
  if (env.SILO_PASSPHRASE) return { passphrase: env.SILO_PASSPHRASE }
  const path = env.SILO_PASSPHRASE_FILE
  if (!path) return {}
  try {
    return { passphrase: readFileSync(path, 'utf8').replace(/\r?\n$/, '') }
  } catch (cause) {
    throw invalid('SILO_PASSPHRASE_FILE', cause instanceof Error ? cause.message : 'unreadable')
  }
}

function resolveHome(path: string): string {
  if (path.includes('\0')) throw invalid('SILO_HOME', 'not a path')
  return resolve(path.startsWith('~/') ? join(homedir(), path.slice(2)) : path)
}

const envNames: Record<string, keyof FileSettings> = {
  SILO_PORT: 'port',
  SILO_HOST: 'host',
  SILO_LOG_LEVEL: 'logLevel',
  SILO_HF_ENDPOINT: 'hfEndpoint',
  SILO_PYTHON_PACKAGES: 'pythonPackages',
  SILO_OFFLINE: 'offline',
  SILO_THREADS: 'threads',
  SILO_LAN: 'lan',
  SILO_LAN_PORT: 'lanPort',
  SILO_LINK: 'link',
  SILO_LINK_PORT: 'linkPort',
  SILO_APP_URL: 'appUrl',
  SILO_SYNC_PORT: 'syncPort',
  SILO_ALLOWED_HOSTS: 'allowedHosts',
  SILO_MAX_UPLOAD_BYTES: 'maxUploadBytes',
  SILO_RERANKER: 'reranker',
}

function readEnvSettings(env: NodeJS.ProcessEnv): FileSettings {
  const settings: FileSettings = {}
  for (const [name, key] of Object.entries(envNames)) {
    const text = env[name]?.trim()
    if (!text) continue
    Object.assign(
      settings,
      parseSettings({ [key]: fromText(key, text) }, () => name),
    )
  }
  return settings
}

function fromText(key: keyof FileSettings, text: string): unknown {
  if (
    key === 'port' ||
    key === 'lanPort' ||
    key === 'linkPort' ||
    key === 'syncPort' ||
    key === 'threads' ||
    key === 'maxUploadBytes'
  )
    return /^\d+$/.test(text) ? Number(text) : text
  if (key === 'offline' || key === 'lan' || key === 'link') return text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : text // prettier-ignore
  if (key === 'allowedHosts')
    return text
      .split(',')
      .map((host) => host.trim())
      .filter(Boolean)
  return text
}

function readFileSettings(path: string): FileSettings {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw invalid('config.json', 'cannot be read', error)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid('config.json', 'not valid JSON', error)
  }
  if (Array.isArray(value)) throw invalid('config.json', 'expected an object')
  return parseSettings(value, (field) => (field ? `config.json: ${field}` : 'config.json'))
}

function parseSettings(value: unknown, nameOf: (field: string | null) => string): FileSettings {
  const result = v.safeParse(settingsSchema, value, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  throw invalid(nameOf(v.getDotPath(issue)), issue.message)
}

function invalid(field: string, why: string, cause?: unknown): SiloError {
  return new SiloError('config_invalid', { params: { detail: `${field}: ${why}` }, field, cause })
}
