// The models `npm run bench:quality` measures, and the texts they are calibrated and evaluated on.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GGUF_TARGETS, type GgufTarget } from '../../core/quant/ggufTypes.ts';
import { sharedData } from '../fixtures/sharedData.ts';

/** In the page's order. */
export const SUBJECT_IDS = ['sample', 'tinystories', 'stories260k', 'smollm2'] as const;

export interface Subject {
  readonly id: (typeof SUBJECT_IDS)[number];
  readonly name: string;
  readonly model: string;
  readonly calibration: string;
  readonly heldOut: string;
  readonly texts: string;
  readonly context: number;
  /** Held-out sequences every file is evaluated on. */
  readonly sequences: number;
  /** Sequences each tensor's damage is measured on, and plans are checked on. */
  readonly measured: number;
  /** What our plans go by. */
  readonly score: 'measuredDivergence' | 'fisher';
  readonly choices: readonly GgufTarget[];
  /** Budgets, bits per weight. */
  readonly targets: readonly number[];
  /** Labels of known plans to measure, in this order; all when left out. */
  readonly known?: readonly string[];
}

const CHOICES = GGUF_TARGETS.filter((type) => type !== 'F32' && type !== 'BF16');
const TARGETS = [3, 3.5, 4, 4.5, 5, 6];
const SHAKESPEARE = 'text/text-tinyshakespeare/data/tinyshakespeare/input.txt';
const EXLLAMA = 'text/text-exllama-calibration/exllamav2/conversion/standard_cal_data';

/** The largest within a target first. Rows of 576 leave little of the K types: the others come to the same sizes. */
const SMOLLM2_KNOWN = [
  ...['Q3_K', 'Q4_0', 'Q5_0', 'Q3_K_L mix', 'Q4_K_M mix', 'IQ4_XS', 'Q3_K_M mix', 'IQ4_XS mix', 'IQ4_NL', 'Q5_K_M mix'],
  ...['Q2_K', 'Q3_K_S mix', 'Q4_K', 'Q4_K_S mix', 'Q5_K_S mix', 'Q6_K', 'Q8_0'],
];

/** @param folder for parts of texts */
export function subjects(folder: string): Subject[] {
  const parts = (name: string, text: string | null, share: number): { calibration: string; heldOut: string } | null => {
    if (text === null) return null;
    const all = readFileSync(text, 'utf8');
    const cut = Math.floor(all.length * share);
    const calibration = join(folder, `${name}-calibration.txt`);
    const heldOut = join(folder, `${name}-held-out.txt`);
    writeFileSync(calibration, all.slice(0, cut));
    writeFileSync(heldOut, all.slice(cut));
    return { calibration, heldOut };
  };
  const found: Subject[] = [];
  const add = (name: string, needs: readonly (object | string | null | undefined)[], subject: () => Subject): void => {
    if (needs.every((need) => need !== null && need !== undefined)) found.push(subject());
    else console.log(`skipped: ${name} needs ../shared/data`);
  };
  const play = parts('play', sharedData(SHAKESPEARE), 0.9);
  add('the sample', [play], () => ({
    id: 'sample',
    name: 'The bundled sample (5.2 M parameters)',
    model: 'test/fixtures/sample-llama',
    ...(play ?? { calibration: '', heldOut: '' }),
    texts: 'calibrated on the training part of Tiny Shakespeare, evaluated on the held-out tenth',
    context: 256,
    sequences: 96,
    measured: 16,
    score: 'measuredDivergence',
    choices: CHOICES,
    targets: TARGETS,
  }));
  const tales = parts('tales', sharedData(`${EXLLAMA}/tiny.utf8`), 0.7);
  const stories = { texts: "calibrated on the first part of exllamav2's sample of TinyStories, evaluated on the rest" };
  const tinyStories = sharedData('models/tinystories-656K-safetensors/models/story');
  add('TinyStories 656K', [tales, tinyStories], () => ({
    id: 'tinystories',
    name: 'TinyStories 656K (Hugging Face folder; rows of 128, so no K types)',
    model: tinyStories ?? '',
    ...(tales ?? { calibration: '', heldOut: '' }),
    ...stories,
    context: 256,
    sequences: 64,
    measured: 16,
    score: 'measuredDivergence',
    choices: CHOICES,
    targets: [...TARGETS, 7, 8], // no type below 4.5 bits fits its rows, and its file starts at 6.1
  }));
  const stories260K = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
  add('stories260K', [tales, stories260K], () => ({
    id: 'stories260k',
    name: 'stories260K (GGUF; rows of 64, so no K types)',
    model: stories260K ?? '',
    ...(tales ?? { calibration: '', heldOut: '' }),
    ...stories,
    context: 128,
    sequences: 128,
    measured: 32,
    score: 'measuredDivergence',
    choices: CHOICES,
    targets: [...TARGETS, 8, 9], // its tokenizer alone takes more than a bit per weight
  }));
  const smol = process.env.QUANTSCOPE_SMOLLM2;
  const [wiki, calibration] = [sharedData('text/text-wikitext2-raw/wiki.test.raw'), sharedData(`${EXLLAMA}/wiki.utf8`)];
  if (smol === undefined) console.log('skipped: SmolLM2 needs QUANTSCOPE_SMOLLM2=FILE.gguf');
  else
    add('SmolLM2', [wiki, calibration], () => ({
      id: 'smollm2',
      name: 'SmolLM2-135M (its Q4_1 weights as the reference)',
      model: smol,
      calibration: calibration ?? '',
      heldOut: wiki ?? '',
      texts:
        "calibrated on exllamav2's wiki sample, evaluated on the test part of WikiText-2. Q4_1, whose grid the reference lies on, is left out of our choices; Q5_1 holds that grid exactly, too, and stands in for Q5_K in rows of 576, in our plans as in llama.cpp's mixes, which flatters both from about 5 bits on",
      context: 256,
      sequences: 12,
      measured: 4,
      score: 'fisher', // each of the measured score's 211 tensors is a run of the layers after it
      // The reference lies on Q4_1's grid, which Q5_1 contains at half the step; as what stands in for Q5_K it stays.
      choices: CHOICES.filter((type) => type !== 'Q4_1' && type !== 'Q5_1'),
      targets: TARGETS,
      known: SMOLLM2_KNOWN,
    }));
  return found;
}

/** Every path once, with little text: a look, not a result. */
export function quick(subject: Subject): Subject {
  const known = ['Q4_K', 'Q4_K_M mix'];
  return { ...subject, sequences: 2, measured: 2, context: 64, targets: [3, 4.5], known };
}
