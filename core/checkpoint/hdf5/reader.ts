// HDF5 weights as Keras 2 saves them (`.h5`).

import { basename } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import { NO_CONFIG } from '../config.ts';
import type { FormatReader } from '../format.ts';
import { HDF5_SIGNATURE, readHdf5File } from './file.ts';

const EXTENSIONS = ['.h5', '.hdf5'];

export const hdf5Reader: FormatReader = {
  format: 'hdf5',
  extensions: EXTENSIONS,
  sniff: (head) => (HDF5_SIGNATURE.every((byte, at) => head[at] === byte) ? 'surely' : 'no'),
  choose(folder, names) {
    const files = names.filter((name) => EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension)));
    if (files.length <= 1) return files[0] === undefined ? null : files;
    const found = files.slice(0, 4).join(', ');
    throw new QuantscopeError('FORMAT_UNKNOWN', `${basename(folder)}: several models (${found}, …), open one of them`);
  },
  readConfig: async () => NO_CONFIG,
  async read([path], signal) {
    if (path === undefined) throw new QuantscopeError('INTERNAL', 'no HDF5 file was named');
    return readHdf5File(path, signal);
  },
};
