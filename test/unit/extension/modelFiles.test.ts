// One list of model file names: the manifest, the readers and the editor agree on it.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FORMAT_READERS } from '../../../core/checkpoint/registry.ts';
import { hasModelEnding, MODEL_ENDINGS, modelEnding, SHARED_ENDINGS } from '../../../core/protocol/modelFiles.ts';

interface Manifest {
  contributes: {
    customEditors: { viewType: string; priority: string; selector: { filenamePattern: string }[] }[];
    menus: Record<string, { command: string; when?: string }[]>;
  };
}

const { contributes } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as Manifest;
const every = [...MODEL_ENDINGS, ...SHARED_ENDINGS];

describe('names of model files', () => {
  it('the longest ending counts, in any case', () => {
    expect(modelEnding('model.safetensors.index.json')).toBe('.safetensors.index.json');
    expect(modelEnding('pytorch_model.BIN.index.json')).toBe('.bin.index.json');
    expect(modelEnding('A.PTH')).toBe('.pth');
    expect(['config.json', 'index.json', 'a.gguf.part', 'safetensors', 'bin'].map(modelEnding)).toEqual(
      Array(5).fill(null),
    );
  });

  it('only names nobody else uses say what a file is', () => {
    expect(MODEL_ENDINGS.map((ending) => hasModelEnding(`x${ending}`))).not.toContain(false);
    expect(SHARED_ENDINGS.map((ending) => hasModelEnding(`x${ending}`))).not.toContain(true);
  });

  it('the editor claims the former and is an option for the latter', () => {
    const claimed = contributes.customEditors.map(({ viewType, priority, selector }) => ({
      viewType,
      priority,
      endings: selector.map(({ filenamePattern }) => filenamePattern.replace(/^\*/, '')),
    }));
    expect(claimed).toEqual([
      { viewType: 'quantscope.checkpoint', priority: 'default', endings: [...MODEL_ENDINGS] },
      { viewType: 'quantscope.checkpointOption', priority: 'option', endings: [...SHARED_ENDINGS] },
    ]);
  });

  it('the Explorer offers to analyze exactly these', () => {
    const when = contributes.menus['explorer/context']?.find(({ command }) => command === 'quantscope.analyze')?.when;
    const source = /resourceFilename =~ \/(.*)\/i/.exec(when ?? '')?.[1];
    expect(source).toBe(`(${every.map((ending) => ending.replaceAll('.', '\\.')).join('|')})$`);
  });

  it('readers know no other endings', () => {
    const read = FORMAT_READERS.flatMap((reader) => reader.extensions);
    expect(read.filter((ending) => !(every as string[]).includes(ending))).toEqual([]);
  });
});
