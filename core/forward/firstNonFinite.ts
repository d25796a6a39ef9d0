// Where the first value that is not finite comes from: a batch of a block run again, with every value inside handed out.

import type { BatchSize, BlockGraph } from '../model/forward/blockGraph.ts';
import type { Block, WeightLayouts } from '../model/forward/family.ts';
import type { Node, Value } from '../model/graph/graphBuilder.ts';
import type { Feeds, Runtime } from './runtime.ts';

/** Operations whose results are integers or truth values. */
const WITHOUT_FLOATS = new Set(['Shape', 'NonZero', 'Equal', 'Not', 'Greater', 'Less', 'ArgMax']);

/** "the weight down", or "Gemm of down", "Softmax behind attn_in"; null when it cannot be found out. */
export async function firstNonFinite(
  runtime: Runtime,
  block: Block,
  batch: BatchSize,
  feeds: Feeds,
): Promise<string | null> {
  // A mask makes scores infinite on purpose: what has such an input is not where it began.
  const given = new Set(Object.keys(feeds).filter((name) => !finiteFeed(feeds[name])));
  const weight = nonFiniteWeight(block.weights, feeds);
  if (weight !== null) return weight;
  const built = block.graph(batch);
  const nodes = floatNodes(built);
  const outputs = nodes.map((node, i) => {
    built.graph.output(`node ${i}`, node.value, built.graph.shapeOf(node.value) ?? []);
    return `node ${i}`;
  });
  const session = await runtime.session(built.graph.build());
  try {
    const found = await session.run(feeds, outputs);
    const broken = new Set(nodes.filter((_, i) => !allFinite(found[`node ${i}`] ?? [])).map(({ value }) => value));
    const culprit = nodes.find(
      ({ value, node }) => broken.has(value) && !node.inputs.some((input) => broken.has(input) || given.has(input)),
    );
    return culprit === undefined ? null : nameOf(culprit.node, built);
  } catch {
    return null; // the values inside may take more memory than there is
  } finally {
    await session.release();
  }
}

/** "the weight down"; null where all are finite. */
export function nonFiniteWeight(weights: WeightLayouts, feeds: Feeds): string | null {
  const module = [...weights.keys()].find((name) => !finiteFeed(feeds[name]));
  return module === undefined ? null : `the weight ${module}`;
}

interface FloatNode {
  readonly node: Node;
  readonly value: Value;
}

/** First outputs of known shape that hold floats, in the order of the graph. */
function floatNodes({ graph }: BlockGraph): FloatNode[] {
  const integers = new Set<Value>();
  const found: FloatNode[] = [];
  for (const node of graph.nodes) {
    const [value, ...others] = node.outputs;
    const [input] = node.inputs;
    if (value === undefined) continue;
    const fromIntegers = node.type !== 'Cast' && input !== undefined && integers.has(input);
    if (WITHOUT_FLOATS.has(node.type) || fromIntegers) for (const output of node.outputs) integers.add(output);
    else if (graph.shapeOf(value) !== null) found.push({ node, value });
    if (node.type === 'TopK') for (const other of others) integers.add(other);
  }
  return found;
}

function nameOf(node: Node, { weights, taps, graph }: BlockGraph): string {
  const module = [...weights].find(([, value]) => node.inputs.includes(value))?.[0];
  if (module !== undefined) return `${node.type} of ${module}`;
  const place = graph.nodes.indexOf(node);
  const before = new Set(graph.nodes.slice(0, place).flatMap(({ outputs }) => outputs));
  const tap = taps.findLast(({ value }) => before.has(value));
  return tap === undefined ? node.type : `${node.type} behind ${tap.name}`;
}

function finiteFeed(feed: Feeds[string] | undefined): boolean {
  return !(feed?.data instanceof Float32Array) || allFinite(feed.data);
}

function allFinite(values: Float32Array | readonly number[]): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
