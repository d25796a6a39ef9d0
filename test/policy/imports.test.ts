// The picture in docs/architecture.md, enforced: who may import whom, and who may touch the machine.

import { describe, expect, it } from 'vitest';
import { sourceFiles } from './sourceFiles.ts';

/** Folder of core/ → folders of core/ it may import (besides itself). */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  tensor: ['base'],
  io: ['base'],
  model: ['tensor', 'base'],
  checkpoint: ['model', 'io', 'tensor', 'base'],
  kernels: ['io', 'tensor', 'base'],
  decode: ['kernels', 'io', 'tensor', 'base'],
  stats: ['decode', 'kernels', 'checkpoint', 'model', 'io', 'tensor', 'base', 'protocol'],
  quant: ['kernels', 'model', 'tensor', 'base'],
  sensitivity: [
    'gradients',
    'evaluation',
    'forward',
    'decode',
    'quant',
    'stats',
    'kernels',
    'checkpoint',
    'model',
    'io',
    'tensor',
    'base',
    'protocol',
  ],
  allocation: ['quant', 'checkpoint', 'model', 'io', 'tensor', 'base', 'protocol'],
  export: [
    'decode',
    'tokenizer',
    'quant',
    'kernels',
    'checkpoint',
    'model',
    'io',
    'tensor',
    'base',
    'protocol',
    'allocation',
  ],
  tokenizer: ['checkpoint', 'io', 'base'],
  forward: ['decode', 'quant', 'kernels', 'checkpoint', 'model', 'io', 'tensor', 'base'],
  calibration: [
    'evaluation',
    'forward',
    'tokenizer',
    'quant',
    'kernels',
    'checkpoint',
    'model',
    'io',
    'tensor',
    'base',
    'protocol',
  ],
  rounding: [
    'calibration',
    'forward',
    'decode',
    'quant',
    'kernels',
    'checkpoint',
    'model',
    'io',
    'tensor',
    'base',
    'protocol',
  ],
  gradients: ['evaluation', 'forward', 'kernels', 'checkpoint', 'model', 'base'],
  evaluation: ['forward', 'quant', 'tokenizer', 'checkpoint', 'model', 'base'],
  jobs: [
    'export',
    'rounding',
    'calibration',
    'allocation',
    'quant',
    'kernels',
    'checkpoint',
    'model',
    'io',
    'tensor',
    'base',
    'protocol',
  ],
  protocol: ['quant', 'model', 'tensor', 'base'],
  engine: ['*'],
};
const MACHINE_MODULES = /^(node:)?(fs|fs\/promises|child_process)$/;
const MAY_TOUCH_MACHINE = /^core\/(io|jobs\/launchers|engine)\//;
const NATIVE_MODULES = /^(onnxruntime-node|webgpu)$/;

const core = sourceFiles('core').filter((f) => !f.path.startsWith('core/kernels/assembly/'));
const folderOf = (path: string): string => path.split('/')[1] ?? '';

describe('import picture', () => {
  it('finds the source files', () => {
    expect(core.length).toBeGreaterThan(50);
  });

  it('every core folder stands in the picture', () => {
    expect(
      [...new Set(core.map((f) => folderOf(f.path)))].filter(
        (folder) => !(folder in MAY_IMPORT) && folder !== 'index.ts',
      ),
    ).toEqual([]);
  });

  it('core folders import only what lies below them', () => {
    const wrong = core.flatMap(({ path, imports }) => {
      const from = folderOf(path);
      const allowed = MAY_IMPORT[from];
      if (allowed === undefined || allowed.includes('*')) return [];
      return imports
        .filter((target) => target.startsWith('core/'))
        .filter((target) => folderOf(target) !== from && !allowed.includes(folderOf(target)))
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('core knows no editor, page or view library', () => {
    const wrong = core.flatMap(({ path, imports }) =>
      imports
        .filter((t) => /^(vscode|react|react-dom|d3)(\/|$)/.test(t) || /^(extension|webview)\//.test(t))
        .map((t) => `${path} imports ${t}`),
    );
    expect(wrong).toEqual([]);
  });

  it('only io, job launchers and the engine touch files and processes', () => {
    const wrong = core
      .filter((f) => !MAY_TOUCH_MACHINE.test(f.path))
      .flatMap(({ path, imports }) =>
        imports.filter((t) => MACHINE_MODULES.test(t)).map((t) => `${path} imports ${t}`),
      );
    expect(wrong).toEqual([]);
  });

  it('extension and webview import only the protocol of core', () => {
    const wrong = sourceFiles('extension', 'webview').flatMap(({ path, imports }) =>
      imports
        .filter((t) => t.startsWith('core/') && !t.startsWith('core/protocol/'))
        .map((t) => `${path} imports ${t}`),
    );
    expect(wrong).toEqual([]);
  });

  it('the extension host loads no native module', () => {
    const wrong = sourceFiles('extension', 'webview').flatMap(({ path, imports }) =>
      imports.filter((t) => NATIVE_MODULES.test(t)).map((t) => `${path} imports ${t}`),
    );
    expect(wrong).toEqual([]);
  });

  it('only webview/ui imports the component toolkit', () => {
    const wrong = sourceFiles('webview').filter(
      (f) => !f.path.startsWith('webview/ui/') && f.imports.some((t) => t.startsWith('@vscode/webview-ui-toolkit')),
    );
    expect(wrong.map((f) => f.path)).toEqual([]);
  });

  it('formats and exports do not import their siblings; verification may know them all', () => {
    const wrong = core.flatMap(({ path, imports }) => {
      const sibling = /^core\/(checkpoint|export)\/([^/]+)\//.exec(path);
      if (sibling === null || sibling[2] === 'verify') return [];
      const [, area, own] = sibling;
      return imports
        .filter((t) => new RegExp(`^core/${area}/(?!${own}/)[^/]+/`).test(t))
        .map((t) => `${path} imports ${t}`);
    });
    expect(wrong).toEqual([]);
  });

  it('the product reaches for no network', () => {
    const network = /^(node:)?(http|https|http2|net|tls|dgram|dns)$/;
    const wrong = sourceFiles('core', 'extension', 'webview').filter(
      (f) =>
        f.imports.some((t) => network.test(t)) ||
        (!f.path.includes('/assembly/') && /\b(fetch|XMLHttpRequest|WebSocket)\s*\(/.test(f.text)),
    );
    expect(wrong.map((f) => f.path)).toEqual([]);
  });
});
