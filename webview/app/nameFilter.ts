// Which tensors a filter text means: plain text anywhere in the name, or /a regular expression/.

export interface NameMatches {
  /** 1 per matching tensor; null when the filter is empty. */
  readonly matches: Uint8Array | null;
  readonly count: number;
  readonly failure: string | null;
}

/** Longer expressions are not typed by hand; a limit keeps backtracking affordable. */
const MAX_PATTERN_LENGTH = 512;

export function matchNames(names: readonly string[], filter: string): NameMatches {
  const text = filter.trim();
  if (text === '') return { matches: null, count: names.length, failure: null };
  const test = matcher(text);
  if (typeof test === 'string') return { matches: null, count: 0, failure: test };
  let count = 0;
  const matches = Uint8Array.from(names, (name) => {
    const hit = test(name) ? 1 : 0;
    count += hit;
    return hit;
  });
  return { matches, count, failure: null };
}

function matcher(text: string): ((name: string) => boolean) | string {
  const inner = /^\/(.+?)\/?$/.exec(text)?.[1];
  if (inner === undefined) {
    const wanted = text.toLowerCase();
    return (name) => name.toLowerCase().includes(wanted);
  }
  if (inner.length > MAX_PATTERN_LENGTH) return `longer than ${MAX_PATTERN_LENGTH} characters`;
  try {
    const pattern = new RegExp(inner, 'u');
    return (name) => pattern.test(name);
  } catch {
    return 'not a regular expression';
  }
}
