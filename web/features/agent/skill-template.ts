/** What a new skill begins with. */
export const skillTemplate = `---
title: Tidy a folder
description: Sorts the files of a folder into subfolders by year.
examples:
  - Tidy ~/Downloads by year
tools: [list_files, move_files]
---

\`\`\`json schema
{
  "type": "object",
  "properties": { "folder": { "type": "string", "description": "The folder to tidy" } },
  "required": ["folder"]
}
\`\`\`

1. List the files of the folder.
2. Propose to move each into a subfolder named after the year it was last changed.
3. Say what was moved.
`
