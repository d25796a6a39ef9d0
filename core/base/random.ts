// Seeded pseudo-random numbers: the same seed gives the same numbers on every machine.

/** xoshiro128** 1.1 (Blackman & Vigna 2021, ACM TOMS 47:36), seeded by SplitMix32. */
export class Random {
  readonly #state: Uint32Array;

  /** @param seed any integer; its low 53 bits count */
  constructor(seed: number) {
    let z = ((seed % 2 ** 32) ^ Math.floor(seed / 2 ** 32)) >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      z = (z + 0x9e37_79b9) >>> 0;
      let mixed = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
      return (mixed ^ (mixed >>> 16)) >>> 0;
    });
  }

  /** 32 random bits. */
  bits(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotated(Math.imul(s1, 5), 7), 9) >>> 0;
    s[2] = s2 ^ s0;
    s[3] = s3 ^ s1;
    s[1] = s1 ^ (s[2] ?? 0);
    s[0] = s0 ^ (s[3] ?? 0);
    s[2] = (s[2] ?? 0) ^ (s1 << 9);
    s[3] = rotated(s[3] ?? 0, 11);
    return result;
  }

  /** In [0, 1), 2^32 equally likely values. */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** In [0, below), for below ≤ 2^32. */
  integer(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** −1 or 1 (Rademacher). */
  sign(): number {
    return (this.bits() & 0x8000_0000) === 0 ? 1 : -1;
  }

  /** Standard normal (Box & Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log((this.bits() + 1) / 2 ** 32));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
