/** How the syntax trees of a language name what has a name. */
export interface Grammar {
  /** Of @vscode/tree-sitter-wasm. */
  readonly file: string
  /** Node type → what it is called in a heading. */
  readonly symbols: Readonly<Record<string, string>>
}

/** What has members that are symbols of their own. */
export const containers = new Set([
  'class',
  'interface',
  'struct',
  'enum',
  'record',
  'trait',
  'impl',
  'module',
  'namespace',
])

const script: Grammar['symbols'] = {
  function_declaration: 'function',
  generator_function_declaration: 'function',
  class_declaration: 'class',
  abstract_class_declaration: 'class',
  method_definition: 'method',
  interface_declaration: 'interface',
  type_alias_declaration: 'type',
  enum_declaration: 'enum',
  internal_module: 'namespace',
  module: 'module',
  // Only where the value is a function.
  variable_declarator: 'function',
  public_field_definition: 'method',
  field_definition: 'method',
}
const cpp: Grammar['symbols'] = {
  function_definition: 'function',
  class_specifier: 'class',
  struct_specifier: 'struct',
  enum_specifier: 'enum',
  namespace_definition: 'namespace',
}
const java: Grammar['symbols'] = {
  class_declaration: 'class',
  interface_declaration: 'interface',
  enum_declaration: 'enum',
  record_declaration: 'record',
  method_declaration: 'method',
  constructor_declaration: 'constructor',
}

const grammars: Readonly<Record<string, Grammar>> = {
  'ts mts cts': { file: 'typescript', symbols: script },
  tsx: { file: 'tsx', symbols: script },
  'js jsx mjs cjs': { file: 'javascript', symbols: script },
  py: { file: 'python', symbols: { function_definition: 'function', class_definition: 'class' } },
  go: {
    file: 'go',
    symbols: { function_declaration: 'function', method_declaration: 'method', type_spec: 'type' },
  },
  rs: {
    file: 'rust',
    symbols: {
      function_item: 'function',
      struct_item: 'struct',
      enum_item: 'enum',
      trait_item: 'trait',
      impl_item: 'impl',
      mod_item: 'module',
      macro_definition: 'macro',
    },
  },
  java: { file: 'java', symbols: java },
  // The grammar of C++ reads C as well.
  'c h cc cpp hpp cxx': { file: 'cpp', symbols: cpp },
  cs: {
    file: 'c-sharp',
    symbols: {
      ...java,
      struct_declaration: 'struct',
      namespace_declaration: 'namespace',
      property_declaration: 'property',
    },
  },
  rb: {
    file: 'ruby',
    symbols: { class: 'class', module: 'module', method: 'method', singleton_method: 'method' },
  },
  php: {
    file: 'php',
    symbols: {
      function_definition: 'function',
      class_declaration: 'class',
      interface_declaration: 'interface',
      trait_declaration: 'trait',
      enum_declaration: 'enum',
      method_declaration: 'method',
    },
  },
  'sh bash zsh': { file: 'bash', symbols: { function_definition: 'function' } },
  ps1: {
    file: 'powershell',
    symbols: { function_statement: 'function', class_statement: 'class', class_method_definition: 'method' }, // prettier-ignore
  },
}

const byEnding = new Map(
  Object.entries(grammars).flatMap(([endings, grammar]) =>
    endings.split(' ').map((ending) => [ending, grammar] as const),
  ),
)

/** The grammar of a source file, by its name. */
export function grammarOf(fileName: string): Grammar | undefined {
  return byEnding.get(/\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? '')
}
