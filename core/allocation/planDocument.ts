// The plan as text, `*.quantplan.json`: written with a stable key order, read as hostile input.

import * as z from 'zod';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { spellFigures } from '../protocol/figures.ts';
import { PLAN_VERSION, type Plan, type PlanRequest, type Solution, zPlan } from '../protocol/plan.ts';

export const PLAN_EXTENSION = '.quantplan.json';
/** A plan of 100,000 tensors with long names takes about 40 MB. */
export const MAX_PLAN_CHARACTERS = 64 * 1024 * 1024;

export function makePlan(
  checkpoint: Pick<Checkpoint, 'name' | 'fingerprint'>,
  request: PlanRequest,
  solution: Solution,
): Plan {
  const { name, fingerprint } = checkpoint;
  return { kind: 'quantscope.plan', version: PLAN_VERSION, model: { name, fingerprint }, request, solution };
}

/** Pretty-printed, keys in the order below, tensors as they come, one newline at the end. NaN and infinities are spelled out. */
export function serializePlan(plan: Plan): string {
  const { request, solution } = plan;
  const ordered: Plan = {
    ...(plan.$schema === undefined ? {} : { $schema: plan.$schema }),
    kind: plan.kind,
    version: plan.version,
    model: { name: plan.model.name, fingerprint: plan.model.fingerprint },
    request: {
      targetBytes: request.targetBytes,
      choices: request.choices,
      locks: request.locks.map(({ pattern, type }) => ({ pattern, type })),
      pins: request.pins.map(({ name, type }) => ({ name, type })),
      minimums: request.minimums.map(({ role, type }) => ({ role, type })),
      ...(request.agree === undefined ? {} : { agree: request.agree }),
      ...(request.score === undefined ? {} : { score: request.score }),
    },
    solution: {
      bytes: solution.bytes,
      bitsPerWeight: solution.bitsPerWeight,
      damage: solution.damage,
      gap: solution.gap,
      feasible: { minBytes: solution.feasible.minBytes, maxBytes: solution.feasible.maxBytes },
      tensors: Object.fromEntries(
        Object.entries(solution.tensors).map(([name, { type, bytes, relativeError, damage, why }]) => [
          name,
          { type, bytes, relativeError, damage, why },
        ]),
      ),
    },
  };
  return `${JSON.stringify(spellFigures(ordered), null, 2)}\n`;
}

/**
 * @param source file name for messages
 * @throws PLAN_INVALID naming the path inside the document
 */
export function parsePlan(text: string, source: string): Plan {
  if (text.length > MAX_PLAN_CHARACTERS)
    throw new QuantscopeError(
      'PLAN_INVALID',
      `${source}: ${text.length} characters, a plan has at most ${MAX_PLAN_CHARACTERS}`,
    );
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuantscopeError('PLAN_INVALID', `${source}: not JSON: ${reason}`, { cause });
  }
  // Validation would drop such an entry without a word; no tensor has this name.
  if (text.includes('"__proto__"'))
    throw new QuantscopeError('PLAN_INVALID', `${source}: "__proto__" is no name of a tensor`);
  const parsed = zPlan.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? 'the document' : issue.path.map(String).join('.');
  throw new QuantscopeError('PLAN_INVALID', `${source}: ${path}: ${issue?.message ?? 'invalid'}`, {
    cause: parsed.error,
  });
}

/** JSON Schema (2020-12) of the document, for completion and checks in editors. */
export function planJsonSchema(): object {
  const schema = z.toJSONSchema(zPlan, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'custom') jsonSchema.type = 'number'; // the one custom type is a figure
    },
  });
  return {
    title: 'Quantscope plan',
    description: 'What each tensor of a model becomes, and what it was solved from.',
    ...schema,
  };
}
