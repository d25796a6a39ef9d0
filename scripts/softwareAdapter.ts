// A WebGPU adapter for machines without a GPU: SwiftShader, which Debian's Chromium package brings along.

import { existsSync } from 'node:fs';
import { installSystemPackages } from './systemPackages.ts';

const DRIVERS = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/lib/chromium-browser/vk_swiftshader_icd.json'];
const LOADERS = [
  '/usr/lib/x86_64-linux-gnu/libvulkan.so.1',
  '/usr/lib/aarch64-linux-gnu/libvulkan.so.1',
  '/usr/lib64/libvulkan.so.1',
];

/** @returns null when the adapter can be started, else why it cannot */
export function installSoftwareAdapter(): string | null {
  if (missing() === null) return null;
  const failure = installSystemPackages('libvulkan1', 'chromium');
  return missing() === null ? null : (failure ?? missing());
}

/**
 * Points this process to SwiftShader; before the first `import('webgpu')`, since drivers are looked for once.
 * @returns null, or why there is none
 */
export function selectSoftwareAdapter(): string | null {
  const driver = DRIVERS.find(existsSync);
  if (driver === undefined || missing() !== null) return missing();
  process.env.VK_ICD_FILENAMES = driver;
  process.env.VK_DRIVER_FILES = driver;
  return null;
}

function missing(): string | null {
  if (!DRIVERS.some(existsSync)) return 'SwiftShader is not installed (apt-get install chromium)';
  return LOADERS.some(existsSync) ? null : 'the Vulkan loader is not installed (apt-get install libvulkan1)';
}
