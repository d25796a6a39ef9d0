// One execution: a seed file spoiled, opened, checked for truth, some of its tensors decoded and measured.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isQuantscopeError } from '../../core/base/errors.ts';
import type { Checkpoint, TensorInfo } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { extentsOf, tensorSource } from '../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../core/decode/elements.ts';
import { closeReaders } from '../../core/io/fileReader.ts';
import { dropKeptBytes } from '../../core/io/keptBytes.ts';
import { canDecode } from '../../core/kernels/decode.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { statisticsTask } from '../../core/stats/statisticsTasks.ts';
import { storedBytes } from '../../core/tensor/dtype.ts';
import { type Dice, dice, hashText } from './dice.ts';
import { jsonTexts } from './jsonMutators.ts';
import type { Bytes } from './mutation.ts';
import { attackSeeds, type Seed, type Subject } from './seeds.ts';
import { mutated } from './structure.ts';

export const FINDING_KINDS = ['crash', 'hang', 'memory', 'untrue', 'message'] as const;

export interface Finding {
  /** crash: not a coded error; untrue: it opened and says what cannot be; message: not fit for a screen. */
  readonly kind: (typeof FINDING_KINDS)[number];
  readonly execution: number;
  readonly detail: string;
}

export interface Outcome {
  readonly opened: boolean;
  readonly decoded: boolean;
  readonly findings: readonly Finding[];
  readonly milliseconds: number;
}

export interface Rig {
  /** @param always decode whatever opens, not only a share */
  run(execution: number, always?: boolean): Promise<Outcome>;
  /** The files of an execution, as written. */
  inputOf(execution: number): { seed: Seed; files: Readonly<Record<string, Bytes>> };
  /** Valid seeds that do not open, with why: none, or the seeds are wrong. */
  unreadable(): Promise<string[]>;
  close(): void;
}

/** The bound on what any file may take. */
const MAX_CPU_MS = 2000;
/** Inputs have at most 256 kB; whatever one of them makes the process grow by beyond this was taken on its word. */
const MAX_GROWTH_KILOBYTES = 256 * 1024;
/** One execution in so many may start from the malformed corpus: most of it is refused at once. */
const ATTACK_SHARE = 4;
/** One of so many that open is decoded. */
const DECODED_SHARE = 2;
const DECODED_TENSORS = 12;
const RUN_ELEMENTS = 2048;
const MEASURED_ELEMENTS = 1 << 16;
const JSON_TEXTS = 512;
const SCREEN_TEXT = /^[^\n\r\0]{1,2000}$/u;

/** @param folder a fast place for files; the rig makes and removes a folder of its own there */
export async function createRig(subject: Subject, seed: number, folder: string): Promise<Rig> {
  const kernels = await loadKernels();
  const valid = subject.valid();
  const seeds = [...valid, ...attackSeeds(subject.attacks)];
  const own = mkdtempSync(join(folder, 'rig-'));
  const texts = jsonTexts(seed, JSON_TEXTS);
  const words = subject.words.map((word): Bytes => new Uint8Array(Buffer.from(word, 'latin1')));
  const folders = seeds.map(({ files }, at) => {
    const path = join(own, String(at));
    writeAll(path, files);
    return path;
  });
  const spoiled = new Set<string>();

  const choose = (execution: number) => {
    const choice = dice(seed, hashText(subject.name), execution);
    const at = choice.below(choice.oneIn(ATTACK_SHARE) ? seeds.length : valid.length);
    const chosen = seeds[at];
    const { files: others } = choice.pick(seeds);
    if (chosen === undefined) throw new RangeError(`${subject.name} has no seeds`);
    const name = choice.pick(Object.keys(chosen.files));
    const other = choice.pick(Object.values(others));
    const before = chosen.files[name] ?? new Uint8Array(0);
    const bytes = mutated(name, before, choice, { other, words, jsonTexts: texts });
    return { at, chosen, name, bytes, choice };
  };

  return {
    inputOf(execution) {
      const { chosen, name, bytes } = choose(execution);
      return { seed: chosen, files: { ...chosen.files, [name]: bytes } };
    },
    async run(execution, always = false) {
      const { at, chosen, name, bytes, choice } = choose(execution);
      const home = folders[at] ?? own;
      const key = `${at}/${name}`;
      for (const earlier of spoiled) {
        if (earlier === key || !earlier.startsWith(`${at}/`)) continue;
        const file = earlier.slice(earlier.indexOf('/') + 1);
        writeFileSync(join(home, file), chosen.files[file] ?? new Uint8Array(0));
        spoiled.delete(earlier);
      }
      writeFileSync(join(home, name), bytes);
      spoiled.add(key);
      return execute(kernels, join(home, chosen.open), execution, choice, always);
    },
    async unreadable() {
      const reasons = await Promise.all(
        valid.map(({ open }, at) =>
          openCheckpoint(join(folders[at] ?? own, open)).then(
            () => null,
            (error: unknown) => `${at}: ${String(error)}`,
          ),
        ),
      );
      return reasons.filter((reason) => reason !== null);
    },
    close: () => rmSync(own, { recursive: true, force: true }),
  };
}

async function execute(
  kernels: Kernels,
  path: string,
  execution: number,
  choice: Dice,
  always: boolean,
): Promise<Outcome> {
  const findings: Finding[] = [];
  const found = (kind: Finding['kind'], detail: string): void => {
    findings.push({ kind, execution, detail });
  };
  const judge = (error: unknown): void => {
    if (!isQuantscopeError(error) || error.code === 'INTERNAL') found('crash', stackOf(error));
    else if (!SCREEN_TEXT.test(error.message)) found('message', JSON.stringify(error.message).slice(0, 300));
  };
  const memoryBefore = process.resourceUsage().maxRSS;
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  let checkpoint: Checkpoint | undefined;
  let decoded = false;
  try {
    checkpoint = await openCheckpoint(path);
  } catch (error) {
    judge(error);
  }
  if (checkpoint !== undefined) {
    for (const lie of lies(checkpoint)) found('untrue', lie);
    for (const text of [...checkpoint.warnings, ...checkpoint.companions.map(({ note }) => note)])
      if (!SCREEN_TEXT.test(text)) found('message', JSON.stringify(text).slice(0, 300));
    if (always || choice.oneIn(DECODED_SHARE)) decoded = decodeSome(kernels, checkpoint, choice, judge);
  }
  closeReaders();
  dropKeptBytes();
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuMs = (user + system) / 1000;
  if (cpuMs > MAX_CPU_MS) found('hang', `${Math.round(cpuMs)} ms of processor time`);
  const grown = process.resourceUsage().maxRSS - memoryBefore;
  if (grown > MAX_GROWTH_KILOBYTES) found('memory', `the process grew by ${Math.round(grown / 1024)} MB`);
  return { opened: checkpoint !== undefined, decoded, findings, milliseconds: performance.now() - began };
}

/** @returns whether anything was decoded */
function decodeSome(kernels: Kernels, checkpoint: Checkpoint, choice: Dice, judge: (error: unknown) => void): boolean {
  const readable = checkpoint.tensors.filter(({ dtype, storage }) => storage?.kind === 'packed' || canDecode(dtype));
  const first = choice.below(Math.max(1, readable.length - DECODED_TENSORS));
  const some = readable.slice(first, first + DECODED_TENSORS);
  for (const { index, elements } of some) {
    try {
      kernels.arena.scoped(() => {
        const source = tensorSource(checkpoint, index);
        const run = Math.min(elements, RUN_ELEMENTS);
        if (run > 0) readElements(kernels, source, 0, run);
        if (elements > 0) readElements(kernels, source, elements - 1, 1);
        if (elements <= MEASURED_ELEMENTS)
          statisticsTask({ items: [{ tensor: index, source }] }, { kernels, checkpoint() {}, progress() {} });
      });
    } catch (error) {
      judge(error);
    }
  }
  return some.length > 0;
}

/** Statements about tensors that no file can make true. */
function lies(checkpoint: Checkpoint): string[] {
  const { tensors, files } = checkpoint;
  const found: string[] = [];
  const names = new Set(tensors.map((tensor) => tensor.name));
  if (names.size !== tensors.length) found.push(`${tensors.length - names.size} names are not unique`);
  for (const tensor of tensors) {
    const lie = lieAbout(tensor, files);
    if (lie !== null) found.push(`${JSON.stringify(tensor.name).slice(0, 80)}: ${lie}`);
  }
  return found.slice(0, 1);
}

function lieAbout({ shape, elements, bytes, dtype, file, offset, storage }: TensorInfo, files: Checkpoint['files']) {
  const product = shape.reduce((count, size) => count * BigInt(size), 1n);
  if (product !== BigInt(elements)) return `shape [${shape}] of ${elements} elements`;
  if (!Number.isSafeInteger(bytes) || bytes < 0) return `${bytes} bytes`;
  const sizeOf = (at: number): number => files[at]?.sizeBytes ?? -1;
  if (storage === undefined) {
    if (storedBytes(dtype, elements) !== bytes) return `${elements} of ${dtype} in ${bytes} bytes`;
    return offset >= 0 && offset + bytes <= sizeOf(file) ? null : `bytes ${offset} + ${bytes} of ${sizeOf(file)}`;
  }
  for (const extent of extentsOf(storage)) {
    const length = extent.deflated ?? extent.bytes;
    if (!(extent.offset >= 0 && extent.bytes >= 0 && extent.offset + length <= sizeOf(extent.file)))
      return `extent ${extent.offset} + ${length} of ${sizeOf(extent.file)}`;
  }
  return null;
}

export function writeAll(folder: string, files: Readonly<Record<string, Uint8Array>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return (cause.stack ?? cause.message).split('\n').slice(0, 4).join('\n').slice(0, 800);
}
