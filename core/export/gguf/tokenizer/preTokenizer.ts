// Which of llama.cpp's built-in pre-tokenizers splits text as this tokenizer.json does.

import { arrayAt, isObject, type JsonObject, objectAt, shown, textAt } from '../../../base/jsonObject.ts';
import {
  GPT2_SPLIT,
  IGNORES_MERGES,
  LLAMA3_SPLIT,
  QWEN2_SPLIT,
  TEKKEN_SPLIT,
} from '../../../tokenizer/splitPatterns.ts';
import { unsupported } from './vocabulary.ts';

/**
 * `tokenizer.ggml.pre` for a byte-level BPE tokenizer. An unknown split is refused, never called "default":
 * the model would load and silently see other tokens than it was trained on.
 *
 * @throws TOKENIZER_UNSUPPORTED naming the splitter that was found
 */
export function preTokenizerName(tokenizer: JsonObject): string {
  const steps = flatten(objectAt(tokenizer, 'pre_tokenizer'));
  const model = objectAt(tokenizer, 'model');
  const ignoreMerges = model?.ignore_merges === true;
  const name = nameOf(steps, ignoreMerges);
  if (name === null) throw unsupported(`the pre-tokenizer ${shown(tokenizer.pre_tokenizer)} has no name in llama.cpp`);
  if (ignoreMerges && !IGNORES_MERGES.has(name))
    throw unsupported(`ignore_merges is set; llama.cpp's ${name} pre-tokenizer applies merges to every word`);
  return name;
}

function nameOf(steps: readonly JsonObject[], ignoreMerges: boolean): string | null {
  const byteLevel = steps.at(-1);
  if (byteLevel === undefined || textAt(byteLevel, 'type') !== 'ByteLevel') return null;
  if (byteLevel.add_prefix_space === true) return null; // llama.cpp's byte-level BPE never adds one
  const before = steps.slice(0, -1);
  const [first] = before;
  if (byteLevel.use_regex !== false) {
    if (first === undefined) return 'gpt-2';
    const digits = before.length === 1 && textAt(first, 'type') === 'Digits' && first.individual_digits === true;
    return digits ? 'smollm' : null;
  }
  if (first === undefined || before.length !== 1 || textAt(first, 'type') !== 'Split' || first.invert === true)
    return null;
  if (textAt(first, 'behavior') !== 'Isolated') return null;
  const pattern = objectAt(first, 'pattern');
  switch (pattern === null ? null : textAt(pattern, 'Regex')) {
    case LLAMA3_SPLIT:
      return ignoreMerges ? 'llama-bpe' : 'dbrx'; // the same split; they differ in ignore_merges
    case QWEN2_SPLIT:
      return 'qwen2';
    case TEKKEN_SPLIT:
      return 'tekken';
    case GPT2_SPLIT:
      return 'gpt-2';
    default:
      return null;
  }
}

function flatten(step: JsonObject | null): JsonObject[] {
  if (step === null) return [];
  if (textAt(step, 'type') !== 'Sequence') return [step];
  return arrayAt(step, 'pretokenizers').flatMap((inner) => (isObject(inner) ? flatten(inner) : []));
}
