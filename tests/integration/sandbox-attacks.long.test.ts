// The slow attacks; which ones they are is in the table.
import './sandbox-attacks.test.ts'
