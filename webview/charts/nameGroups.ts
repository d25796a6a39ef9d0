// Tensors of graphs without layers, grouped by how their names begin.

export interface NameGroup {
  /** The beginning the names share, without separators around it; '' for those that share none. */
  readonly prefix: string;
  readonly members: readonly number[];
}

/** Smaller groups fit on a screen and are not divided further. */
const LARGE_GROUP = 24;
/** A weight and its bias are no group worth a heading. */
const LEAST_GROUP = 3;
/** Names are paths of modules: deeper ones tell no more. */
const MAX_DEPTH = 8;
const SEPARATOR = /[./:]/;

/**
 * Divides by the first part of the name, and large groups by the next, as long as that gathers more than it scatters.
 *
 * @param tensors indices into names
 * @returns groups in the order in which the file names their first member; what stands alone comes last, under ''
 */
export function groupByName(names: readonly string[], tensors: readonly number[]): NameGroup[] {
  const groups = divide(names, tensors, '', 0);
  const whole = groups.filter((group) => group.prefix !== '');
  const alone = groups.filter((group) => group.prefix === '').flatMap((group) => group.members);
  return alone.length === 0 ? whole : [...whole, { prefix: '', members: alone }];
}

function divide(names: readonly string[], tensors: readonly number[], prefix: string, depth: number): NameGroup[] {
  const own = [{ prefix, members: tensors }];
  if (depth === MAX_DEPTH) return own;
  const begins = new Set(tensors.map((tensor) => nextPrefix(names[tensor] ?? '', prefix)));
  const parts = new Map<string, number[]>();
  for (const tensor of tensors) {
    const name = names[tensor] ?? '';
    const whole = name.slice(partStart(name, 0));
    // What is called like a group belongs to it: "norm" beside "norm.bias".
    const next = whole !== prefix && begins.has(whole) ? whole : nextPrefix(name, prefix);
    const members = parts.get(next);
    if (members === undefined) parts.set(next, [tensor]);
    else members.push(tensor);
  }
  const [only] = parts.keys();
  if (parts.size === 1 && only !== undefined && only !== prefix) return divide(names, tensors, only, depth + 1);
  if (depth > 0 && tensors.length <= LARGE_GROUP) return own;
  const isGroup = ([next, members]: [string, number[]]): boolean => next !== prefix && members.length >= LEAST_GROUP;
  const gathered = [...parts].filter(isGroup);
  const loose = [...parts].filter((part) => !isGroup(part)).flatMap(([, members]) => members);
  // Many groups of one are no grouping at all.
  if (gathered.length === 0 || loose.length > tensors.length / 2) return own;
  return [
    ...gathered.flatMap(([next, members]) => divide(names, members, next, depth + 1)),
    ...(loose.length === 0 ? [] : [{ prefix, members: loose }]),
  ];
}

/** The prefix one part longer; the prefix itself where the name ends within the next part. */
function nextPrefix(name: string, prefix: string): string {
  const first = partStart(name, 0);
  const start = partStart(name, first + prefix.length);
  const length = name.slice(start).search(SEPARATOR);
  return length < 0 ? prefix : name.slice(first, start + length);
}

function partStart(name: string, from: number): number {
  let at = from;
  while (at < name.length && SEPARATOR.test(name[at] ?? '')) at++;
  return at;
}

/** What a name says beyond its group's prefix. */
export function withoutPrefix(name: string, prefix: string): string {
  const at = prefix === '' ? -1 : name.indexOf(prefix);
  if (at < 0) return name;
  const rest = name.slice(partStart(name, at + prefix.length));
  return rest === '' ? name : rest;
}
