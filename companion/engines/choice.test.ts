import { describe, expect, it } from 'vitest'
import type { Hardware } from '#shared/domain/device.ts'
import { enginesToTry, rankEngines, type EngineFacts } from './choice.ts'

const gb = 1024 ** 3
type Gpu = Hardware['gpus'][number]
const gpu = (vendor: Gpu['vendor'], memory = 0): Gpu => ({ vendor, name: vendor, memory })
const machine = (os: string, arch: string, gpus: Gpu[] = [], memory = 16 * gb) => ({ os, arch, gpus, memory }) // prettier-ignore

const table: [string, EngineFacts, string[]][] = [
  ['a Mac with Apple silicon', { hardware: machine('darwin', 'arm64', [gpu('apple')]), library: 'metal', server: 'no-build' }, ['llama-cpp metal gpu', '- llama-server cpu no-build']], // prettier-ignore
  ['an Intel Mac', { hardware: machine('darwin', 'x64'), library: 'cpu', server: 'no-build' }, ['llama-cpp cpu cpu', '- llama-server cpu no-build']], // prettier-ignore
  ['NVIDIA on Linux', { hardware: machine('linux', 'x64', [gpu('nvidia', 24 * gb)]), library: 'cuda', server: 'not-installed' }, ['llama-cpp cuda gpu', '- llama-server vulkan not-installed']], // prettier-ignore
  ['NVIDIA on Linux with both', { hardware: machine('linux', 'x64', [gpu('nvidia', 24 * gb)]), library: 'cuda', server: 'works' }, ['llama-cpp cuda gpu', 'llama-server vulkan gpu']], // prettier-ignore
  ['NVIDIA on Windows', { hardware: machine('win32', 'x64', [gpu('nvidia', 8 * gb)]), library: 'cuda', server: 'no-build' }, ['llama-cpp cuda gpu', '- llama-server vulkan no-build']], // prettier-ignore
  ['NVIDIA whose CUDA library is missing', { hardware: machine('linux', 'x64', [gpu('nvidia', 24 * gb)]), library: 'cpu', server: 'works' }, ['llama-server vulkan gpu', 'llama-cpp cpu gpu-unused']], // prettier-ignore
  ['NVIDIA whose driver is broken, so that no GPU is found', { hardware: machine('linux', 'x64'), library: 'cpu', server: 'works' }, ['llama-cpp cpu cpu', 'llama-server cpu second']], // prettier-ignore
  ['AMD with Vulkan', { hardware: machine('linux', 'x64', [gpu('amd', 16 * gb)]), library: 'vulkan', server: 'works' }, ['llama-cpp vulkan gpu', 'llama-server vulkan second']], // prettier-ignore
  ['AMD without the Vulkan library', { hardware: machine('linux', 'x64', [gpu('amd', 16 * gb)]), library: 'cpu', server: 'works' }, ['llama-server vulkan gpu', 'llama-cpp cpu gpu-unused']], // prettier-ignore
  ['Intel with a GPU of its own and an NPU', { hardware: machine('linux', 'x64', [gpu('intel')]), library: 'cpu', server: 'not-installed' }, ['llama-cpp cpu cpu', '- llama-server vulkan not-installed']], // prettier-ignore
  ['a GPU too small to gain anything', { hardware: machine('linux', 'x64', [gpu('nvidia', gb)]), library: 'cpu', server: 'works' }, ['llama-cpp cpu cpu', 'llama-server cpu second']], // prettier-ignore
  ['a virtual display', { hardware: machine('linux', 'x64', [gpu('other')]), library: 'cpu', server: 'works' }, ['llama-cpp cpu cpu', 'llama-server cpu second']], // prettier-ignore
  ['processor only, little memory', { hardware: machine('linux', 'x64', [], 2 * gb), library: 'cpu', server: 'not-installed' }, ['llama-cpp cpu cpu', '- llama-server cpu not-installed']], // prettier-ignore
  ['a library that does not load', { hardware: machine('linux', 'x64'), server: 'works' }, ['llama-server cpu cpu', '- llama-cpp cpu broken']], // prettier-ignore
  ['a server that does not start', { hardware: machine('linux', 'x64', [gpu('amd', 16 * gb)]), library: 'cpu', server: 'broken' }, ['llama-cpp cpu cpu', '- llama-server vulkan broken']], // prettier-ignore
  ['a Mac with Apple silicon and MLX', { hardware: machine('darwin', 'arm64', [gpu('apple')]), library: 'metal', server: 'no-build', mlx: 'works' }, ['mlx metal gpu', 'llama-cpp metal second', '- llama-server cpu no-build']], // prettier-ignore
  ['a Mac that could have MLX', { hardware: machine('darwin', 'arm64', [gpu('apple')]), library: 'metal', server: 'no-build', mlx: 'not-installed', openvino: 'not-installed' }, ['llama-cpp metal gpu', '- mlx metal not-installed', '- llama-server cpu no-build']], // prettier-ignore
  ['Intel with an NPU and OpenVINO', { hardware: { ...machine('linux', 'x64'), npu: true }, library: 'cpu', server: 'not-installed', openvino: 'works' }, ['openvino npu npu', 'llama-cpp cpu gpu-unused', '- llama-server cpu not-installed']], // prettier-ignore
  ['an Intel GPU and OpenVINO', { hardware: machine('linux', 'x64', [gpu('intel')]), library: 'cpu', server: 'works', openvino: 'works' }, ['llama-server vulkan gpu', 'openvino intel gpu', 'llama-cpp cpu gpu-unused']], // prettier-ignore
  ['an Intel GPU that OpenVINO would help', { hardware: machine('linux', 'x64', [gpu('intel')]), library: 'cpu', server: 'not-installed', openvino: 'not-installed' }, ['llama-cpp cpu cpu', '- llama-server vulkan not-installed', '- openvino intel not-installed']], // prettier-ignore
  ['NVIDIA with Inferflow', { hardware: machine('linux', 'x64', [gpu('nvidia', 24 * gb)]), library: 'cuda', server: 'works', inferflow: { state: 'works', devices: '0' } }, ['inferflow cuda gpu', 'llama-cpp cuda second', 'llama-server vulkan gpu']], // prettier-ignore
  ['Inferflow that does not start', { hardware: machine('linux', 'x64', [gpu('nvidia', 24 * gb)]), library: 'cuda', server: 'not-installed', inferflow: { state: 'broken', devices: '0' } }, ['llama-cpp cuda gpu', '- inferflow cuda broken', '- llama-server vulkan not-installed']], // prettier-ignore
  ['a processor with everything', { hardware: machine('linux', 'x64'), library: 'cpu', server: 'works', mlx: 'works', openvino: 'works', inferflow: { state: 'works' } }, ['llama-cpp cpu cpu', 'llama-server cpu second', 'mlx cpu slower', 'openvino cpu slower', 'inferflow cpu slower']], // prettier-ignore
  ['a processor that nothing more would help', { hardware: machine('linux', 'x64'), library: 'cpu', server: 'not-installed', mlx: 'not-installed', openvino: 'not-installed' }, ['llama-cpp cpu cpu', '- llama-server cpu not-installed']], // prettier-ignore
  ['nothing that works', { hardware: machine('linux', 'arm64'), server: 'no-build' }, ['- llama-cpp cpu broken', '- llama-server cpu no-build']], // prettier-ignore
]

describe('the engines for a machine', () => {
  for (const [name, facts, expected] of table)
    it(`are ranked for ${name}`, () => {
      const ranked = rankEngines(facts).map(({ engine, usable, backend, reason }) => `${usable ? '' : '- '}${engine} ${backend} ${reason}`) // prettier-ignore
      expect(ranked).toEqual(expected)
    })

  it('are tried in that order, the chosen one first where it can be used', () => {
    const ranked = rankEngines({
      hardware: machine('linux', 'x64'),
      library: 'cpu',
      server: 'works',
    })
    expect(enginesToTry(ranked, undefined)).toEqual(['llama-cpp', 'llama-server'])
    expect(enginesToTry(ranked, 'llama-server')).toEqual(['llama-server', 'llama-cpp'])
    const alone = rankEngines({ hardware: machine('linux', 'x64'), library: 'cpu', server: 'not-installed' }) // prettier-ignore
    expect(enginesToTry(alone, 'llama-server')).toEqual(['llama-cpp'])
  })
})
