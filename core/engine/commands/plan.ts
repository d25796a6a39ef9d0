// `quantscope plan`: spend a budget exactly, and write the plan down.

import { makePlan, PLAN_EXTENSION, serializePlan } from '../../allocation/planDocument.ts';
import { bytesForBitsPerWeight } from '../../allocation/problem.ts';
import { bytesText } from '../../base/byteText.ts';
import { QuantscopeError } from '../../base/errors.ts';
import { readCalibrationText } from '../../calibration/calibrationText.ts';
import { type Checkpoint, countParameters } from '../../checkpoint/checkpoint.ts';
import { inputsOf } from '../../export/inputsOf.ts';
import { checkOutputIsNew, checkOutputIsNotInput } from '../../io/outputPath.ts';
import { writeTextFile } from '../../io/textFile.ts';
import { ROLES, type Role } from '../../model/places.ts';
import type { ScoreId } from '../../protocol/calibration.ts';
import type { AgreementKind, PlanRequest } from '../../protocol/plan.ts';
import { DEFAULT_CHOICES, GGUF_TARGETS, type GgufTarget, isGgufTarget } from '../../quant/ggufTypes.ts';
import type { Importance } from '../../quant/importance.ts';
import { SCORES, scoreOf } from '../../sensitivity/registry.ts';
import { checkedPlan } from '../checkedPlan.ts';
import { importanceFor } from '../importanceFile.ts';
import { numberOption, wholeOption } from '../numberOption.ts';
import { feasibleFor, solveFor } from '../planning.ts';
import { measureModelScore } from '../scoring.ts';
import { scanModelSensitivity } from '../sensitivityCall.ts';
import type { Command, OptionValues } from './command.ts';
import { checkJson, checkSettings, checkTable } from './planCheck.ts';
import { estimateNote, refuseTextOptions, runSettings, SCORE_OPTIONS, scoreName, scoreOption } from './scoreOptions.ts';
import { figureText, printable, tableWithSentences } from './text.ts';

/** Models of a few weights are mostly head; a larger budget is a slip, and its bytes no whole number. */
const MAX_BITS_PER_WEIGHT = 10_000;

export const plan: Command = {
  name: 'plan',
  summary: 'choose a type for every tensor under a size budget',
  positionals: ['FILE|DIR|INDEX.json'],
  usage:
    ' (--target-bpw X | --target-bytes N) [--choices TYPE,…] [--lock REGEX=TYPE]… [--min ROLE=TYPE]… [--agree KIND,…] [--exact] [--imatrix FILE|none] [--measure TEXT | --score ID (--text FILE | --sample)] [--context N] [--sequences N] [--seed N] [--check [--held-out TEXT]] -o NAME.quantplan.json',
  options: {
    'target-bpw': { type: 'string' },
    'target-bytes': { type: 'string' },
    choices: { type: 'string' },
    lock: { type: 'string', multiple: true },
    min: { type: 'string', multiple: true },
    agree: { type: 'string' },
    exact: { type: 'boolean' },
    imatrix: { type: 'string' },
    measure: { type: 'string' },
    ...SCORE_OPTIONS,
    check: { type: 'boolean' },
    'held-out': { type: 'string' },
    output: { type: 'string', short: 'o' },
  },
  async run({ session, positionals: [path = ''], values, signal, note }) {
    const output = values.output;
    if (typeof output !== 'string') throw new QuantscopeError('USAGE', 'plan: -o NAME.quantplan.json is missing');
    const rules = readRules(values);
    const target = readTarget(values);
    const score = readScore(values);
    const checking = values.check === true || values['held-out'] !== undefined ? textValues(values) : null;
    if (score === undefined && checking === null) refuseTextOptions(values, 'plan', '--score or --check');
    const model = await session.open(path, signal);
    const { checkpoint } = model;
    await checkPlanOutput(output, checkpoint);
    const targetBytes =
      target.bytes ?? bytesForBitsPerWeight(target.bitsPerWeight, countParameters(checkpoint.tensors));
    const measured = score === undefined ? null : await runSettings(session, model, score, textValues(values), 'plan');
    const checked = checking === null ? null : await checkSettings(session, model, checking);
    // A text that cannot be read is told before the work, which may take minutes.
    for (const settings of [measured, checked]) if (settings !== null) await readCalibrationText(settings.text);
    const request: PlanRequest = { targetBytes, ...rules, pins: [], ...(score && { score }) };
    const feasible = await feasibleFor(model, request);
    note(`feasible: ${bytesText(feasible.minBytes)} to ${bytesText(feasible.maxBytes)}`);
    const importance = await importanceFor(session, model, values.imatrix, signal);
    await scanModelSensitivity(session, model, signal, undefined, importance);
    if (score !== undefined) {
      const wish = { settings: measured, importance, signal };
      await measureModelScore(session, model, score, wish, estimateNote(note, score));
    }
    const check =
      checked === null ? null : await checkedPlan(session, model, request, { settings: checked, importance, signal });
    const { solveMs, ...solution } = check?.solution ?? (await solveFor(model, request));
    await writeTextFile(output, serializePlan(makePlan(checkpoint, request, solution)));
    const tensors = Object.entries(solution.tensors).map(([name, assignment]) => ({ name, ...assignment }));
    return {
      ok: true,
      json: { output, request, solveMs, ...solution, tensors, ...(check && { check: checkJson(check) }) },
      text: (columns) => {
        const { minBytes, maxBytes } = solution.feasible;
        const head = [
          `feasible: ${bytesText(minBytes)} to ${bytesText(maxBytes)}`,
          `planned:  ${bytesText(solution.bytes)} of ${bytesText(targetBytes)}, ${solution.bitsPerWeight.toFixed(3)} bits per weight, whole file`,
          `damage:   ${figureText(solution.damage)} (${basisOf(values, importance)}), gap to the optimum ${figureText(solution.gap)}, solved in ${solveMs.toFixed(1)} ms`,
          `written:  ${printable(output)}`,
        ];
        const rows = tensors.map((t) => [
          printable(t.name),
          t.type,
          bytesText(t.bytes),
          figureText(t.relativeError),
          printable(t.why),
        ]);
        const measures = check === null ? '' : `\n${printable(check.statement)}\n\n${checkTable(check)}\n`;
        return `${head.join('\n')}\n${measures}\n${tableWithSentences(['tensor', 'type', 'bytes', 'error', 'why'], rows, columns)}`;
      },
    };
  },
};

/** `--measure TEXT` is the short form of `--score measuredDivergence --text TEXT`. @throws USAGE */
function readScore(values: OptionValues): ScoreId | undefined {
  if (values.measure === undefined) {
    const id = scoreOption(values.score, 'plan');
    if (id === undefined || scoreOf(id)?.plans !== null) return id;
    const ids = SCORES.filter(({ plans }) => plans !== null).map((score) => score.id);
    throw new QuantscopeError(
      'USAGE',
      `plan: ${scoreName(id)} says too little of predictions to plan by; scores that do: ${ids.join(', ')}`,
    );
  }
  if (values.score === undefined) return 'measuredDivergence';
  throw new QuantscopeError('USAGE', 'plan: --measure and --score exclude each other');
}

function textValues(values: OptionValues): OptionValues {
  return values.measure === undefined ? values : { ...values, text: values.measure };
}

/** What the damage is made of. */
function basisOf(values: OptionValues, importance: Importance | undefined): string {
  const score = readScore(values);
  if (score !== undefined) return `nats of KL divergence, predicted from ${scoreName(score)}`;
  return `estimated from ${importance === undefined ? 'the weights alone' : `weights and ${printable(importance.name)}`}`;
}

/** Before the work: a plan may replace a plan, and no other file. */
async function checkPlanOutput(output: string, checkpoint: Checkpoint): Promise<void> {
  await checkOutputIsNotInput(output, inputsOf(checkpoint));
  if (!output.endsWith(PLAN_EXTENSION)) await checkOutputIsNew(output);
}

function readTarget(
  values: OptionValues,
): { bytes: number; bitsPerWeight: 0 } | { bytes: null; bitsPerWeight: number } {
  const bitsPerWeight = numberOption(values['target-bpw'], '--target-bpw');
  const bytes = wholeOption(values['target-bytes'], '--target-bytes');
  if (bitsPerWeight !== undefined && bitsPerWeight > MAX_BITS_PER_WEIGHT)
    throw new QuantscopeError('USAGE', `--target-bpw takes up to ${MAX_BITS_PER_WEIGHT} bits per weight`);
  if (bytes !== undefined && bitsPerWeight === undefined) return { bytes, bitsPerWeight: 0 };
  if (bitsPerWeight !== undefined && bytes === undefined) return { bytes: null, bitsPerWeight };
  throw new QuantscopeError('USAGE', 'plan: give either --target-bpw or --target-bytes');
}

/** As --agree spells them. */
const AGREEMENTS: Readonly<Record<string, AgreementKind>> = {
  qkv: 'qkv',
  'gate-up': 'gateUp',
  experts: 'experts',
  tied: 'tied',
};

function readRules(values: OptionValues): Pick<PlanRequest, 'choices' | 'locks' | 'minimums' | 'agree'> {
  const choices =
    typeof values.choices === 'string'
      ? values.choices.split(',').map((name) => readType(name, '--choices'))
      : [...DEFAULT_CHOICES];
  const locks = listOf(values.lock).map((text) => {
    const [pattern, type] = splitRule(text, '--lock');
    return { pattern, type };
  });
  const minimums = listOf(values.min).map((text) => {
    const [role, type] = splitRule(text, '--min');
    if (!(ROLES as readonly string[]).includes(role))
      throw new QuantscopeError('USAGE', `--min ${text}: no role "${role}"; roles: ${ROLES.join(', ')}`);
    return { role: role as Role, type };
  });
  if (typeof values.agree !== 'string') return { choices, locks, minimums };
  const agree = values.agree.split(',').map((name) => {
    const kind = Object.hasOwn(AGREEMENTS, name.trim()) ? AGREEMENTS[name.trim()] : undefined;
    if (kind !== undefined) return kind;
    throw new QuantscopeError('USAGE', `--agree takes ${Object.keys(AGREEMENTS).join(', ')}, not "${name}"`);
  });
  return { choices, locks, minimums, agree: [...new Set(agree)] };
}

/** The last '=' separates, so that a pattern may contain one. */
function splitRule(text: string, flag: string): [string, GgufTarget] {
  const at = text.lastIndexOf('=');
  if (at <= 0)
    throw new QuantscopeError('USAGE', `${flag} ${text}: expected ${flag === '--lock' ? 'REGEX' : 'ROLE'}=TYPE`);
  return [text.slice(0, at), readType(text.slice(at + 1), flag)];
}

function readType(name: string, flag: string): GgufTarget {
  const type = name.trim().toUpperCase();
  if (!isGgufTarget(type))
    throw new QuantscopeError('TYPE_UNKNOWN', `${flag}: no type "${name}"; types: ${GGUF_TARGETS.join(', ')}`);
  return type;
}

function listOf(value: OptionValues[string]): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
