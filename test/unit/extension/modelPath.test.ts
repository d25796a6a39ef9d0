import { describe, expect, it } from 'vitest';
import { isModelFile, modelsAmong, suggestedPath, watchedFiles } from '../../../extension/modelPath.ts';

describe('model path', () => {
  it('knows model files by name', () => {
    expect(['a.safetensors', 'A.GGUF', 'model.safetensors.index.json'].map(isModelFile)).toEqual([true, true, true]);
    expect(['config.json', 'index.json', 'a.gguf.part', 'safetensors'].map(isModelFile)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it('an index stands for its shards and a first part for the rest', () => {
    expect(
      modelsAmong([
        'config.json',
        'model-00002-of-00002.safetensors',
        'model-00001-of-00002.safetensors',
        'model.safetensors.index.json',
        'big-00001-of-00003.gguf',
        'big-00002-of-00003.gguf',
        'adapter.safetensors',
      ]),
    ).toEqual(['model.safetensors.index.json', 'adapter.safetensors', 'big-00001-of-00003.gguf']);
  });

  it('shards without an index are offered by their first', () => {
    expect(modelsAmong(['m-00001-of-00002.safetensors', 'm-00002-of-00002.safetensors'])).toEqual([
      'm-00001-of-00002.safetensors',
    ]);
    expect(modelsAmong(['readme.md'])).toEqual([]);
  });

  it('watches every file of the model, names taken literally', () => {
    expect(watchedFiles('/m/model.safetensors.index.json').glob).toBe('*.{safetensors,safetensors.index.json}');
    expect(watchedFiles('/m/big-00001-of-00003.gguf').glob).toBe('big-*-of-00003.gguf');
    expect(watchedFiles('/m/a[1]{x}.gguf')).toEqual({ folder: '/m', glob: 'a[[]1[]][{]x[}].gguf' });
  });

  it('suggests a name that says which model it is', () => {
    expect(suggestedPath('/models/tiny/model.safetensors', '.gguf')).toBe('/models/tiny/tiny.gguf');
    expect(suggestedPath('/models/tiny/model.safetensors.index.json', '.gguf')).toBe('/models/tiny/tiny.gguf');
    expect(suggestedPath('/models/llama-f16.gguf', '-4.5bpw.quantplan.json')).toBe(
      '/models/llama-f16-4.5bpw.quantplan.json',
    );
  });
});
