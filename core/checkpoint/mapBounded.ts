// Promise.all with a bound on how many run at once; results keep the order of the inputs.

/**
 * A failure stops further starts; the one of the earliest input is thrown once the running ones ended, so that no file
 * stays open and the same inputs give the same error.
 */
export async function mapBounded<Input, Output>(
  inputs: readonly Input[],
  parallel: number,
  action: (input: Input, index: number) => Promise<Output>,
): Promise<Output[]> {
  const outputs: Output[] = [];
  let next = 0;
  const failures: { index: number; error: unknown }[] = [];
  const run = async (): Promise<void> => {
    while (next < inputs.length && failures.length === 0) {
      const index = next++;
      const input = inputs[index] as Input;
      try {
        outputs[index] = await action(input, index);
      } catch (error) {
        failures.push({ index, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, inputs.length) }, run));
  const [earliest] = failures.sort((a, b) => a.index - b.index);
  if (earliest !== undefined) throw earliest.error;
  return outputs;
}
