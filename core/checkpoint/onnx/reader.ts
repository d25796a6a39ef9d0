// ONNX models: one file with its graph, and the files beside it that hold large tensors.

import { basename } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { NO_CONFIG, readModelConfig } from '../config.ts';
import type { FormatReader, Sniff } from '../format.ts';
import { readOnnxFile } from './file.ts';
import { looksLikeModel } from './sniff.ts';

const PREFERRED = 'model.onnx';

export const onnxReader: FormatReader = {
  format: 'onnx',
  extensions: ['.onnx'],
  sniff: (head, source: ByteSource): Sniff => looksLikeModel(head, source.sizeBytes),
  choose(folder, names) {
    const files = names.filter((name) => name.toLowerCase().endsWith('.onnx'));
    if (files.length <= 1) return files[0] === undefined ? null : files;
    if (files.includes(PREFERRED)) return [PREFERRED];
    const found = files.slice(0, 4).join(', ');
    throw new QuantscopeError('FORMAT_UNKNOWN', `${basename(folder)}: several models (${found}, …), open one of them`);
  },
  readConfig: async ([path]) => (path === undefined ? NO_CONFIG : readModelConfig(path)),
  async read([path], signal) {
    if (path === undefined) throw new QuantscopeError('INTERNAL', 'no ONNX file was named');
    return readOnnxFile(path, signal);
  },
};
