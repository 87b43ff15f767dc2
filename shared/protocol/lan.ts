import * as v from 'valibot'
import { wireErrorSchema } from '#shared/errors/silo-error.ts'

/** The app over HTTPS in the local network. */
export const lanSchema = v.object({
  state: v.picklist(['off', 'starting', 'on', 'failed']),
  /** False where the configuration keeps it off. */
  allowed: v.boolean(),
  /** Addresses of the app, e.g. `https://192.168.1.5:7451`: first those that always work, then those by name. */
  appUrls: v.array(v.string()),
  /** Pages that explain the certificate, e.g. `http://192.168.1.5:7454/`; best first. */
  installUrls: v.array(v.string()),
  /** Names this machine answers for, e.g. `silo.local`. */
  names: v.array(v.string()),
  /** The certificate authority, once there is one: its name, and SHA-256 as `AB:CD:…`. */
  authority: v.optional(v.object({ name: v.string(), fingerprint: v.string() })),
  /** Why it failed. */
  error: v.optional(wireErrorSchema),
})
export type Lan = v.InferOutput<typeof lanSchema>

// GET /api/lan → {lan} · PATCH /api/lan {on} → {lan}; the choice is kept. Owner only.
export const lanResponseSchema = v.object({ lan: lanSchema })
export const patchLanSchema = v.object({ on: v.boolean() })
