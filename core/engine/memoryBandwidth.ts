// How fast this machine's memory is: timed copies, once per process.

/** Far above the caches of any processor. */
const COPY_BYTES = 128 * 1024 * 1024;
const RUNS = 3;

let measured: number | undefined;

/** Bytes a second that one thread reads and writes when copying; several threads may reach more. Takes some 0.2 s. */
export function memoryBandwidth(): number {
  if (measured !== undefined) return measured;
  const from = new Uint8Array(COPY_BYTES).fill(1); // touched, so that its pages are there
  const to = new Uint8Array(COPY_BYTES).fill(2);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const began = performance.now();
    to.set(from);
    best = Math.min(best, (performance.now() - began) / 1000);
  }
  measured = (2 * COPY_BYTES) / best;
  return measured;
}
