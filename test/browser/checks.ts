// A minimal runner: named, timed, counted checks, either building on each other or each for itself.

export interface Check {
  readonly name: string;
  run(): Promise<void>;
}

export class Checks {
  passed = 0;
  failed = 0;
  readonly #wanted: readonly string[];

  /** @param wanted titles to run; none given: all */
  constructor(wanted: readonly string[] = []) {
    this.#wanted = wanted;
  }

  /** Runs the steps in order. After a failed one the rest of the chain counts as failed too: it never ran. */
  async chain(title: string, steps: readonly Check[], onFailure?: (name: string) => Promise<void>): Promise<void> {
    if (this.skips(title)) return;
    let broken = false;
    for (const step of steps) {
      if (broken) {
        this.failed++;
        console.log(`✗ ${title}: ${step.name} (not reached)`);
      } else {
        broken = !(await this.#one(title, step, onFailure));
      }
    }
  }

  /** Runs every check, whatever became of the others. */
  async each(title: string, checks: readonly Check[], onFailure?: (name: string) => Promise<void>): Promise<void> {
    if (this.skips(title)) return;
    for (const check of checks) await this.#one(title, check, onFailure);
  }

  /** What it takes is not made for nothing. */
  skips(title: string): boolean {
    return this.#wanted.length > 0 && !this.#wanted.includes(title);
  }

  async #one(title: string, { name, run }: Check, onFailure?: (name: string) => Promise<void>): Promise<boolean> {
    const began = performance.now();
    try {
      await run();
      this.passed++;
      console.log(`✓ ${title}: ${name} (${Math.round(performance.now() - began)} ms)`);
      return true;
    } catch (error) {
      this.failed++;
      console.log(`✗ ${title}: ${name}\n${indented(error)}`);
      await onFailure?.(name).catch(() => {});
      return false;
    }
  }
}

function indented(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.replace(/^/gm, '    ');
}
