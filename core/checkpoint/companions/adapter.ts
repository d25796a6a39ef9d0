// Adapters as the PEFT library saves them: adapter_config.json and adapter_model.safetensors (or .bin).

import { join } from 'node:path';
import { pathExists } from '../../io/folder.ts';
import type { Companion } from './companion.ts';
import { jsonObject, type Peeker, shortWord } from './peek.ts';
import { joined } from './tokenizer.ts';

const CONFIG = 'adapter_config.json';
const WEIGHTS = ['adapter_model.safetensors', 'adapter_model.bin'];
/** Lists of target modules of the largest mixture models are some kilobytes. */
const MAX_CONFIG_BYTES = 256 * 1024;
const MAX_TARGETS_SHOWN = 4;

/** @param prefix of the name shown: '' for the folder of the weights, "name/" for one below. @returns null where there is none */
export async function adapterCompanion(folder: string, prefix: string, peeker: Peeker): Promise<Companion | null> {
  if (!(await pathExists(join(folder, CONFIG)))) return null;
  let weights: string | undefined;
  for (const name of WEIGHTS) if (await pathExists(join(folder, name))) weights ??= name;
  const peek = await peeker.peek(join(folder, CONFIG), MAX_CONFIG_BYTES);
  const config = peek === null ? null : jsonObject(peek);
  const missing = weights === undefined ? 'its weights are missing' : '';
  return {
    name: `${prefix}${weights ?? CONFIG}`,
    kind: 'adapter',
    note: joined(config === null ? 'its configuration cannot be read' : configText(config), missing),
  };
}

/** "LoRA, rank 16 on q_proj, v_proj, for meta-llama/Llama-2-7b". */
function configText(config: Readonly<Record<string, unknown>>): string {
  const type = shortWord(config.peft_type).replace(/^LORA$/i, 'LoRA') || 'adapter';
  const rank = shortWord(config.r);
  const targets = targetText(config.target_modules);
  const base = shortWord(config.base_model_name_or_path);
  const where = joined(rank && `rank ${rank}`) + (targets && ` on ${targets}`);
  return joined(type, where.trim(), base && `for ${base}`);
}

/** A list of module names, or a regular expression. */
function targetText(targets: unknown): string {
  if (!Array.isArray(targets)) return shortWord(targets);
  const shown = targets.slice(0, MAX_TARGETS_SHOWN).map(shortWord).filter(Boolean);
  const rest = targets.length - shown.length;
  return joined(...shown, rest > 0 ? `… ${rest} more` : '');
}
