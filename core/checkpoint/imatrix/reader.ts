// llama.cpp's importance matrices before GGUF: `imatrix.dat`.

import { QuantscopeError } from '../../base/errors.ts';
import { NO_CONFIG } from '../config.ts';
import type { FormatReader } from '../format.ts';
import { looksLikeImatrix, readImatrixFile } from './file.ts';

const EXTENSIONS = ['.imatrix', '.dat'];

export const imatrixReader: FormatReader = {
  format: 'imatrix',
  extensions: EXTENSIONS,
  sniff: (head, source) => (looksLikeImatrix(head, source.sizeBytes) ? 'maybe' : 'no'),
  // Never a folder's model: it lies beside one.
  choose: () => null,
  readConfig: async () => NO_CONFIG,
  async read([path], signal) {
    if (path === undefined) throw new QuantscopeError('INTERNAL', 'no importance matrix was named');
    return readImatrixFile(path, signal);
  },
};
