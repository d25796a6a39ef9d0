// Python literals as NumPy writes them into headers: dictionaries, lists, tuples, strings, integers, True, False, None.
// Nothing is evaluated; what is none of these is refused.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_JSON_DEPTH } from '../../base/limits.ts';

export type PythonLiteral =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly PythonLiteral[] }
  | { readonly kind: 'dictionary'; readonly entries: ReadonlyMap<string, PythonLiteral> };

const WORDS: Readonly<Record<string, PythonLiteral>> = {
  True: { kind: 'boolean', value: true },
  False: { kind: 'boolean', value: false },
  None: { kind: 'none' },
};
const CLOSING = { '(': ')', '[': ']', '{': '}' } as const;

/**
 * @param where what the text belongs to, for messages
 * @throws HEADER_INVALID with the position, NESTING_LIMIT, DUPLICATE_NAME for a key that appears twice
 */
export function parsePythonLiteral(text: string, where: () => string): PythonLiteral {
  return new LiteralParser(text, where).whole();
}

class LiteralParser {
  private readonly text: string;
  private readonly where: () => string;
  private at = 0;
  private depth = 0;

  constructor(text: string, where: () => string) {
    this.text = text;
    this.where = where;
  }

  whole(): PythonLiteral {
    const value = this.value();
    if (this.next() !== '') this.fail('more text after the end');
    return value;
  }

  private value(): PythonLiteral {
    const first = this.next();
    if (first === '(' || first === '[' || first === '{') {
      this.depth += 1;
      if (this.depth > MAX_JSON_DEPTH) {
        throw new QuantscopeError('NESTING_LIMIT', `${this.where()}: nested deeper than ${MAX_JSON_DEPTH} levels`);
      }
      this.at += 1;
      const value = first === '{' ? this.dictionary() : this.sequence(first);
      this.depth -= 1;
      return value;
    }
    if (first === "'" || first === '"') return { kind: 'string', value: this.string(first) };
    if (isDigit(first) || first === '-') return this.integer();
    return this.word();
  }

  private dictionary(): PythonLiteral {
    const entries = new Map<string, PythonLiteral>();
    while (!this.closes('{')) {
      const key = this.value();
      if (key.kind !== 'string') return this.fail('a key that is no string');
      if (entries.has(key.value)) {
        throw new QuantscopeError(
          'DUPLICATE_NAME',
          `${this.where()}: the key ${JSON.stringify(key.value)} stands twice`,
        );
      }
      if (this.next() !== ':') this.fail('":" is missing after a key');
      this.at += 1;
      entries.set(key.value, this.value());
      this.separator('{');
    }
    return { kind: 'dictionary', entries };
  }

  /** Parentheses without a comma only group: (3) is a number, (3,) a tuple. */
  private sequence(opening: '(' | '['): PythonLiteral {
    const items: PythonLiteral[] = [];
    let commas = 0;
    while (!this.closes(opening)) {
      items.push(this.value());
      if (this.separator(opening)) commas += 1;
    }
    const [only] = items;
    if (opening === '(' && only !== undefined && commas === 0) return only;
    return { kind: opening === '(' ? 'tuple' : 'list', items };
  }

  private closes(opening: keyof typeof CLOSING): boolean {
    if (this.next() !== CLOSING[opening]) return false;
    this.at += 1;
    return true;
  }

  /** After an item: a comma, or the closing bracket, which is left to `closes`. */
  private separator(opening: keyof typeof CLOSING): boolean {
    const found = this.next();
    if (found === CLOSING[opening]) return false;
    if (found !== ',') this.fail(`"," or "${CLOSING[opening]}" is missing`);
    this.at += 1;
    return true;
  }

  private string(quote: string): string {
    let value = '';
    for (this.at += 1; ; this.at += 1) {
      const character = this.text[this.at];
      if (character === undefined) return this.fail('a string without end');
      if (character === quote) break;
      // Only names of fields of structured arrays, which are not read, could need more than this.
      if (character === '\\') this.at += 1;
      value += this.text[this.at] ?? '';
    }
    this.at += 1;
    return value;
  }

  /** Beyond 2^53 the number is rounded, which every check of a shape refuses. Python 2 wrote an L after long ones. */
  private integer(): PythonLiteral {
    const begin = this.at;
    if (this.text[this.at] === '-') this.at += 1;
    const digits = this.at;
    while (isDigit(this.text[this.at])) this.at += 1;
    if (this.at === digits) this.fail('a sign without a number');
    const value = Number(this.text.slice(begin, this.at));
    if (this.text[this.at] === 'L') this.at += 1;
    return { kind: 'integer', value };
  }

  private word(): PythonLiteral {
    for (const [word, value] of Object.entries(WORDS)) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    return this.fail('neither a bracket, a string, a whole number, True, False nor None');
  }

  /** The next character that is no space, or '' at the end. */
  private next(): string {
    while (isSpace(this.text[this.at])) this.at += 1;
    return this.text[this.at] ?? '';
  }

  private fail(fact: string): never {
    throw new QuantscopeError('HEADER_INVALID', `${this.where()}: ${fact}, at character ${this.at} of its header`);
  }
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}
