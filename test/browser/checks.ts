// A minimal runner for steps that build on each other: named, timed, counted; a failure ends its chain.

export interface Check {
  readonly name: string;
  run(): Promise<void>;
}

export class Checks {
  passed = 0;
  failed = 0;

  /** Runs the steps in order. After a failed one the rest of the chain counts as failed too: it never ran. */
  async chain(title: string, steps: readonly Check[], onFailure?: (name: string) => Promise<void>): Promise<void> {
    let broken = false;
    for (const { name, run } of steps) {
      if (broken) {
        this.failed++;
        console.log(`✗ ${title}: ${name} (not reached)`);
        continue;
      }
      const began = performance.now();
      try {
        await run();
        this.passed++;
        console.log(`✓ ${title}: ${name} (${Math.round(performance.now() - began)} ms)`);
      } catch (error) {
        this.failed++;
        broken = true;
        console.log(`✗ ${title}: ${name}\n${indented(error)}`);
        await onFailure?.(name).catch(() => {});
      }
    }
  }
}

function indented(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.replace(/^/gm, '    ');
}
