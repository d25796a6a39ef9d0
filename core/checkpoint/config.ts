// `config.json` beside the weights of a Hugging Face model; useful, never required.

import { dirname, join } from 'node:path';
import { isQuantscopeError } from '../base/errors.ts';
import { MAX_CONFIG_BYTES } from '../base/limits.ts';
import { readTextFile } from '../io/textFile.ts';

export interface ModelConfig {
  readonly config: Readonly<Record<string, unknown>> | null;
  readonly warnings: readonly string[];
  readonly bytesRead: number;
}

/** For formats whose files say everything themselves. */
export const NO_CONFIG: ModelConfig = { config: null, warnings: [], bytesRead: 0 };

/** @param file one of the checkpoint's files; trouble with the configuration becomes a warning */
export async function readModelConfig(file: string): Promise<ModelConfig> {
  let text: string;
  try {
    text = await readTextFile(join(dirname(file), 'config.json'), MAX_CONFIG_BYTES);
  } catch (error) {
    if (!isQuantscopeError(error)) throw error;
    return { config: null, warnings: error.code === 'FILE_NOT_FOUND' ? [] : [error.message], bytesRead: 0 };
  }
  const bytesRead = Buffer.byteLength(text);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { config: { ...value }, warnings: [], bytesRead };
    }
    return { config: null, warnings: ['config.json: not a JSON object, ignored'], bytesRead };
  } catch {
    return { config: null, warnings: ['config.json: not valid JSON, ignored'], bytesRead };
  }
}
