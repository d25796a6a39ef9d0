// tokenizer.json → llama.cpp's tokenizer key-values: byte-level BPE ("gpt2") or SentencePiece-like BPE ("llama").

import { arrayAt, isObject, type JsonObject, objectAt, shown, textAt } from '../../../base/jsonObject.ts';
import type { TokenizerFiles } from '../../../tokenizer/tokenizerFiles.ts';
import { bool, f32Array, i32Array, type KeyValue, text, textArray } from '../keyValues.ts';
import { preTokenizerName } from './preTokenizer.ts';
import { specialTokenKeyValues } from './specialTokens.ts';
import { readVocabulary, TOKEN_TYPE, unsupported, type Vocabulary } from './vocabulary.ts';

const SPACE = '▁'; // U+2581, SentencePiece's visible space

export interface TokenizerKeyValues {
  readonly keyValues: readonly KeyValue[];
  readonly warnings: readonly string[];
}

/**
 * @param rows rows of the token embedding
 * @throws TOKENIZER_UNSUPPORTED naming what was found
 */
export function tokenizerKeyValues(files: TokenizerFiles, rows: number): TokenizerKeyValues {
  const vocabulary = readVocabulary(files.tokenizer, rows);
  const spaces = spaceHandling(files.tokenizer);
  return spaces === null ? byteLevel(files, vocabulary) : sentencePieceLike(files, vocabulary, spaces);
}

function byteLevel(files: TokenizerFiles, vocabulary: Vocabulary): TokenizerKeyValues {
  const { tokens, types, merges } = vocabulary;
  return {
    keyValues: [
      text('tokenizer.ggml.model', 'gpt2'),
      text('tokenizer.ggml.pre', preTokenizerName(files.tokenizer)),
      textArray('tokenizer.ggml.tokens', tokens),
      i32Array('tokenizer.ggml.token_type', types),
      // A space inside a piece would end it early; gguf-py stores it as U+0120.
      textArray(
        'tokenizer.ggml.merges',
        merges.map((pair) => pair.map((piece) => piece.replaceAll(' ', 'Ġ')).join(' ')),
      ),
      ...specialTokenKeyValues(files, vocabulary, false),
    ],
    warnings: [],
  };
}

function sentencePieceLike(files: TokenizerFiles, vocabulary: Vocabulary, spaces: SpaceHandling): TokenizerKeyValues {
  const { tokens, types } = vocabulary;
  const warnings: string[] = [];
  if (!types.includes(TOKEN_TYPE.byte))
    warnings.push('tokenizer.json: no byte tokens; llama.cpp cannot read characters outside this vocabulary');
  return {
    keyValues: [
      text('tokenizer.ggml.model', 'llama'),
      text('tokenizer.ggml.pre', 'default'),
      textArray('tokenizer.ggml.tokens', tokens),
      f32Array('tokenizer.ggml.scores', mergeScores(vocabulary)),
      i32Array('tokenizer.ggml.token_type', types),
      bool('tokenizer.ggml.add_space_prefix', spaces.prefix),
      ...specialTokenKeyValues(files, vocabulary, true),
    ],
    warnings,
  };
}

/**
 * llama.cpp joins the neighbours whose joint token scores highest; BPE joins the pair of lowest rank. A token's
 * score is therefore minus the rank of the first merge that makes it; a token no merge makes comes last.
 */
function mergeScores({ tokens, ids, merges }: Vocabulary): Float32Array {
  const last = -merges.length - 1;
  const scores = new Float32Array(tokens.length).fill(last);
  merges.forEach(([left, right], rank) => {
    const id = ids.get(left + right);
    if (id === undefined) throw unsupported(`merge ${rank} makes ${shown(left + right)}, which is no token`);
    scores[id] = Math.max(scores[id] ?? last, -rank);
  });
  return scores;
}

interface SpaceHandling {
  /** A visible space is put before the text. */
  readonly prefix: boolean;
}

/**
 * How the tokenizer makes spaces visible, or null for a byte-level one.
 * Llama 2 converters write it as normalizers (Prepend, Replace) or as a Metaspace pre-tokenizer.
 */
function spaceHandling(tokenizer: JsonObject): SpaceHandling | null {
  const model = objectAt(tokenizer, 'model');
  const normalizers = flatten(objectAt(tokenizer, 'normalizer'), 'normalizers');
  const replaces = normalizers.some((step) => textAt(step, 'type') === 'Replace' && textAt(step, 'content') === SPACE);
  const splitter = objectAt(tokenizer, 'pre_tokenizer');
  const metaspace = splitter !== null && textAt(splitter, 'type') === 'Metaspace' ? splitter : null;
  if (!replaces && metaspace === null) return null;
  if (model?.byte_fallback !== true)
    throw unsupported('spaces become ▁ but byte_fallback is off; llama.cpp always falls back to bytes');
  if (metaspace === null && splitter !== null)
    throw unsupported(
      `the pre-tokenizer ${shown(splitter)} splits text before merging; llama.cpp's SentencePiece does not`,
    );
  if (metaspace !== null && metaspace.split !== false)
    throw unsupported('Metaspace splits words before merging; llama.cpp does not');
  const prepends = normalizers.some((step) => textAt(step, 'type') === 'Prepend' && textAt(step, 'prepend') === SPACE);
  const scheme = metaspace === null ? null : textAt(metaspace, 'prepend_scheme');
  const legacy = metaspace?.add_prefix_space === true && scheme === null;
  return { prefix: prepends || legacy || scheme === 'first' || scheme === 'always' };
}

function flatten(step: JsonObject | null, list: string): JsonObject[] {
  if (step === null) return [];
  if (textAt(step, 'type') !== 'Sequence') return [step];
  return arrayAt(step, list).flatMap((inner) => (isObject(inner) ? flatten(inner, list) : []));
}
