import * as v from 'valibot'
import { idSchema } from '#shared/domain/ids.ts'

/** Packages that Python in the sandbox can have beside its standard library. For owners. */

// GET /api/python/packages → what can be imported, by the names that programs use
export const pythonPackagesSchema = v.object({ imports: v.array(v.string()) })

// POST /api/python/packages: 202 {run}, of the kind `download`; the same id and body again is the same run
export const addPythonPackagesSchema = v.strictObject({
  id: idSchema,
  packages: v.pipe(
    v.array(v.pipe(v.string(), v.trim(), v.regex(/^[A-Za-z0-9][\w.-]{0,99}$/))),
    v.minLength(1),
    v.maxLength(20),
  ),
})
