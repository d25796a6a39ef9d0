// A strict JSON scanner over bytes. JSON.parse would hide duplicate keys, round large integers and copy 100 MB twice.

import { type ErrorCode, QuantscopeError } from '../base/errors.ts';
import { MAX_JSON_DEPTH } from '../base/limits.ts';
import { decodeName } from './tensorName.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const ZERO = 0x30;
const NINE = 0x39;
/** No number in these files needs more; keeps skipping linear. */
const MAX_NUMBER_BYTES = 400;
/** Keys and dtypes repeat in every entry: strings up to this length are looked up before a new one is made. */
const MAX_COMMON_BYTES = 12;
const COMMON_STRINGS = 64;

export class JsonScanner {
  readonly file: string;
  private readonly bytes: Buffer;
  private at = 0;
  /** The short string met last for each hash. */
  private readonly common: string[] = Array(COMMON_STRINGS).fill('');

  /** @param file base name, for messages */
  constructor(bytes: Uint8Array, file: string) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.file = file;
  }

  fail(fact: string, code: ErrorCode = 'HEADER_INVALID'): never {
    throw new QuantscopeError(code, `${this.file}: ${fact} at byte ${this.at} of the JSON header`);
  }

  /** Walks an object: `entry` is called after each key and its colon, and must consume the value. */
  object(entry: (key: string) => void): void {
    this.expect(OPEN_BRACE, '{');
    if (this.accept(CLOSE_BRACE)) return;
    do {
      const key = this.string();
      this.expect(COLON, ':');
      entry(key);
    } while (this.accept(COMMA));
    this.expect(CLOSE_BRACE, '}');
  }

  /** An array of integers, see `integer`; `limit` bounds it before it grows. */
  integers(limit: number): number[] {
    const values: number[] = [];
    this.expect(OPEN_BRACKET, '[');
    if (this.accept(CLOSE_BRACKET)) return values;
    do {
      if (values.length === limit) this.fail(`more than ${limit} items in an array of integers`, 'COUNT_LIMIT');
      values.push(this.integer());
    } while (this.accept(COMMA));
    this.expect(CLOSE_BRACKET, ']');
    return values;
  }

  /** A non-negative integer: Infinity above 2^53 − 1, NaN for negative or fractional numbers. */
  integer(): number {
    const first = this.skipSpace();
    if (first < ZERO || first > NINE) {
      this.number();
      return Number.NaN;
    }
    const start = this.at;
    let value = 0;
    let digit = first;
    while (digit >= ZERO && digit <= NINE) {
      value = value * 10 + (digit - ZERO);
      digit = this.bytes[++this.at] ?? 0;
    }
    if (first === ZERO && this.at - start > 1) this.fail('a number begins with 0');
    if (digit === 0x2e || digit === 0x65 || digit === 0x45) {
      this.at = start;
      this.number();
      return Number.NaN;
    }
    return value > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : value;
  }

  /** @throws NAME_INVALID for invalid UTF-8 or unpaired surrogates */
  string(): string {
    if (this.skipSpace() !== QUOTE) this.fail('a string is missing');
    const { bytes } = this;
    const start = ++this.at;
    let escaped = false;
    let plain = true;
    let hash = 0;
    for (;;) {
      const byte = bytes[this.at];
      if (byte === undefined) this.fail('the header ends inside a string');
      if (byte === QUOTE) break;
      if (byte < 0x20) this.fail('a control character stands unescaped in a string');
      if (byte >= 0x80) plain = false;
      hash = (hash * 5 + byte) & (COMMON_STRINGS - 1);
      if (byte === BACKSLASH) {
        escaped = true;
        this.at++;
      }
      this.at++;
    }
    const end = this.at++;
    if (plain && !escaped)
      return end - start <= MAX_COMMON_BYTES
        ? this.commonString(hash, start, end)
        : bytes.toString('latin1', start, end);
    const text = decodeName(bytes.subarray(start, end), () => `${this.file}: the text at byte ${start} of the header`);
    return escaped ? this.unescape(text) : text;
  }

  /** Any value, thrown away. */
  skip(depth = 0): void {
    if (depth > MAX_JSON_DEPTH) this.fail(`values nested deeper than ${MAX_JSON_DEPTH}`);
    const byte = this.skipSpace();
    if (byte === OPEN_BRACE) this.object(() => this.skip(depth + 1));
    else if (byte === OPEN_BRACKET) {
      this.at++;
      if (this.accept(CLOSE_BRACKET)) return;
      do this.skip(depth + 1);
      while (this.accept(COMMA));
      this.expect(CLOSE_BRACKET, ']');
    } else if (byte === QUOTE) this.string();
    else if (!this.acceptNull() && !this.word('true') && !this.word('false')) this.number();
  }

  acceptNull(): boolean {
    return this.word('null');
  }

  /** Only white space may follow. */
  end(): void {
    this.skipSpace();
    if (this.at < this.bytes.length) this.fail('there is more after the closing brace');
  }

  private commonString(hash: number, start: number, end: number): string {
    const known = this.common[hash] ?? '';
    if (known.length === end - start) {
      let at = start;
      while (at < end && known.charCodeAt(at - start) === this.bytes[at]) at++;
      if (at === end) return known;
    }
    const text = this.bytes.toString('latin1', start, end);
    this.common[hash] = text;
    return text;
  }

  private unescape(text: string): string {
    let value: unknown;
    try {
      value = JSON.parse(`"${text}"`);
    } catch {
      value = undefined;
    }
    if (typeof value !== 'string') this.fail('a string has an invalid escape');
    if (!value.isWellFormed()) this.fail('a string has half a surrogate pair', 'NAME_INVALID');
    return value;
  }

  private number(): void {
    const start = this.at;
    while (isNumberByte(this.bytes[this.at])) this.at++;
    if (this.at - start > MAX_NUMBER_BYTES) this.fail(`a number of more than ${MAX_NUMBER_BYTES} characters`);
    const text = this.bytes.toString('latin1', start, this.at);
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text)) this.fail('a value is missing or malformed');
  }

  private word(word: string): boolean {
    this.skipSpace();
    if (this.bytes.toString('latin1', this.at, Math.min(this.at + word.length, this.bytes.length)) !== word)
      return false;
    this.at += word.length;
    return true;
  }

  private expect(byte: number, shown: string): void {
    if (!this.accept(byte)) this.fail(`"${shown}" is missing`);
  }

  private accept(byte: number): boolean {
    if (this.skipSpace() !== byte) return false;
    this.at++;
    return true;
  }

  /** Moves to the next byte that is not white space and returns it; 0 at the end. */
  private skipSpace(): number {
    let byte = this.bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.bytes[++this.at];
    return byte ?? 0;
  }
}

/** Digits, sign, point and exponent. */
function isNumberByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= ZERO && byte <= NINE) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45
  );
}
