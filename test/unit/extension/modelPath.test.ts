import { describe, expect, it } from 'vitest';
import { DIALOG_EXTENSIONS, modelsAmong, suggestedPath, watchedFiles } from '../../../extension/modelPath.ts';

describe('model path', () => {
  it('dialogs list what follows the last dot, once', () => {
    expect(DIALOG_EXTENSIONS).toContain('json');
    expect(DIALOG_EXTENSIONS).toContain('pt');
    expect(new Set(DIALOG_EXTENSIONS).size).toBe(DIALOG_EXTENSIONS.length);
    expect(DIALOG_EXTENSIONS.filter((extension) => extension.includes('.'))).toEqual([]);
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

  it('takes files other programs name alike only where nothing surer is', () => {
    expect(modelsAmong(['model.safetensors', 'training_args.bin', 'optimizer.pt', 'model.imatrix'])).toEqual([
      'model.safetensors',
    ]);
    expect(modelsAmong(['net.pth', 'notes.txt'])).toEqual(['net.pth']);
    expect(modelsAmong(['model.imatrix'])).toEqual(['model.imatrix']);
  });

  it('an index of PyTorch shards stands for them, not for safetensors of the same stem', () => {
    const shards = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'];
    expect(modelsAmong([...shards, 'pytorch_model.bin.index.json'])).toEqual(['pytorch_model.bin.index.json']);
    expect(modelsAmong(['m-00001-of-00002.safetensors', 'm.bin.index.json'])).toEqual([
      'm.bin.index.json',
      'm-00001-of-00002.safetensors',
    ]);
  });

  it('watches every file of the model, names taken literally', () => {
    expect(watchedFiles('/m/model.safetensors.index.json').glob).toBe('*.{safetensors,safetensors.index.json}');
    expect(watchedFiles('/m/pytorch_model.bin.index.json').glob).toBe('*.{bin,bin.index.json}');
    expect(watchedFiles('/m/net.onnx').glob).toBe('net.onnx*');
    expect(watchedFiles('/m/big-00001-of-00003.gguf').glob).toBe('big-*-of-00003.gguf');
    expect(watchedFiles('/m/a[1]{x}.gguf')).toEqual({ folder: '/m', glob: 'a[[]1[]][{]x[}].gguf' });
  });

  it('suggests a name that says which model it is', () => {
    expect(suggestedPath('/models/tiny/model.safetensors', '.gguf')).toBe('/models/tiny/tiny.gguf');
    expect(suggestedPath('/models/tiny/model.safetensors.index.json', '.gguf')).toBe('/models/tiny/tiny.gguf');
    expect(suggestedPath('/models/tiny/pytorch_model.bin.index.json', '.gguf')).toBe('/models/tiny/tiny.gguf');
    expect(suggestedPath('/models/llama-f16.gguf', '-4.5bpw.quantplan.json')).toBe(
      '/models/llama-f16-4.5bpw.quantplan.json',
    );
  });
});
